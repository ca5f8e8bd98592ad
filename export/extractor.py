"""The extractor that a bundle carries, so that pictures can be given as instances; imports no framework."""

from kgan.errors import UsageError
from kgan.export.manifest import read_checked

EXTRACTOR = "extractor.onnx"
INPUT = "instance"


def checked_extractor(model, path):
    """What the manifest says of the extractor that makes a model's `instance` input.

    Args:
        model: the kgan model that is exported.
        path: the extractor's ONNX file, or `None`.

    Returns:
        `(bytes of the file, entry of the manifest)`, or `(None, None)`.

    Raises:
        UsageError: the model has no such input, or was trained with another extractor.
    """
    if path is None:
        return None, None
    description = getattr(model, "extractor", None)
    if not description:
        raise UsageError(f"extractor must be left out: this {type(model).__name__} was not trained with one")
    from kgan.data.photos import open_extractor

    open_extractor(path, description)
    with open(path, "rb") as file:
        content = file.read()
    return content, {"file": EXTRACTOR, "input": INPUT, "description": description}


class Instances:
    """Turns what a user gives as `instance` into feature vectors.

    Args:
        folder: the bundle.
        manifest: its manifest.
    """

    def __init__(self, folder, manifest):
        self.folder, self.manifest = folder, manifest
        self._extractor = None

    def features(self, value, spec, n):
        """Unit feature vectors `[n, d]` of a picture file, images or features; see `instance_features`."""
        # Late: an app that gives no pictures needs numpy and onnxruntime alone.
        from kgan.data.photos import instance_features, open_extractor, spread

        entry = self.manifest.get("extractor")
        if entry and self._extractor is None:
            read_checked(self.folder, self.manifest, EXTRACTOR)
            self._extractor = open_extractor(self.folder / EXTRACTOR, entry["description"])
        shape = self.manifest["image_shape"]
        return spread(instance_features(value, spec.shape[0], shape, self._extractor), n)
