"""Feature networks as values: what a score was measured with, and the features and logits of images."""

import hashlib
import pathlib

import numpy as np
from PIL import Image

from kgan import onnx_session
from kgan.errors import DataError, UsageError
from kgan.metrics import checks

NETWORKS = pathlib.Path(__file__).parent / "networks"
RESIZE = "PIL bilinear"


class Extractor:
    """Base of the feature networks: resizing, and what a protocol records of them.

    Args:
        name: what the score is called by, as in `fid[name]`.
        digest: SHA-256 of the weights, in hexadecimal.
        size: (height, width) of the network's images, in pixels.
        channels: 1 or 3.
        outputs: which of `"features"` and `"logits"` it has.
        output: what exactly the features are, e.g. the name of a layer.
    """

    resize = RESIZE

    def __init__(self, name, digest, size, channels, outputs, output):
        self.name, self.digest, self.size, self.channels = name, digest, tuple(size), channels
        self.outputs, self.output = frozenset(outputs), output

    def __call__(self, images):
        """Features and logits of images.

        Args:
            images: uint8 `[n, height, width, channels]`; grey ones become RGB where the network wants that.

        Returns:
            dict of `"features"` float32 `[n, d]` and maybe `"logits"` float32 `[n, classes]`.

        Raises:
            DataError: images of another kind, or outputs that are not finite.
        """
        found = self.run(self.prepared(images))
        for name, rows in found.items():
            checks.matrix(f"{name} of {self.name}", rows)
        return found

    def prepared(self, images):
        """The images as float32 `[n, *size, channels]` in [0, 255]."""
        images = checks.pictures("images", images)
        if images.shape[-1] > self.channels:
            raise DataError(
                f"images must have {self.channels} channel for the network {self.name}, "
                f"got {images.shape[-1]}"
            )
        if images.shape[-1] < self.channels:
            images = np.repeat(images, self.channels, axis=-1)
        if images.shape[1:3] != self.size:
            images = np.stack([_resized(image, self.size) for image in images])
        return images.astype(np.float32)

    def run(self, images):
        """The network on prepared images, a dict of its outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define run")


def _resized(image, size):
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    height, width = size
    resized = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    return resized[..., None] if resized.ndim == 2 else resized


class ONNXFeatures(Extractor):
    """A feature network in an ONNX file, run by onnxruntime.

    The file takes one float32 input, NHWC in [0, 255], of 1 or 3 (RGB) channels.

    Args:
        path: the file.
        size: side of the network's images in pixels, or (height, width); default that of the file, or 128
            where the file leaves it open.
        name: default the file's stem.
        output: name of the output that is the features, `[n, d]`.
        logits: name of the output before the softmax, `[n, classes]`; left out where the file has none.
        threads: number of CPU threads, or `None`.

    Raises:
        UsageError: there is no such file, or it has no such input or output.
        DataError: the file is damaged.
        MissingExtraError: onnxruntime is not installed.

    Example:

    >>> network = ONNXFeatures(NETWORKS / "fashion_mnist.onnx")
    >>> network.size, network.channels, sorted(network.outputs)
    ((28, 28), 1, ['features', 'logits'])
    >>> network(np.zeros((2, 28, 28, 1), np.uint8))["features"].shape
    (2, 128)
    """

    def __init__(self, path, *, size=None, name=None, output="features", logits="logits", threads=None):
        path = pathlib.Path(path)
        if not path.is_file():
            raise UsageError(f"the extractor must be an ONNX file, found no {path}")
        model = path.read_bytes()
        self._session = onnx_session.open_session(
            model, path.parent, name=path.name, error=DataError, threads=threads
        )
        self._names = {"features": output}
        known = [item.name for item in self._session.get_outputs()]
        if output not in known:
            raise UsageError(f"{path.name} must have the output {output!r}, it has {', '.join(known)}")
        if logits in known:
            self._names["logits"] = logits
        self._input, fixed, channels = _image_input(self._session.get_inputs(), path.name)
        asked = (size, size) if isinstance(size, int) else size
        if asked is not None and fixed is not None and tuple(asked) != fixed:
            raise UsageError(f"size must be {fixed[0]}x{fixed[1]} for {path.name}, got {asked[0]}x{asked[1]}")
        digest = hashlib.sha256(model).hexdigest()
        size = fixed or asked or (128, 128)
        super().__init__(name or path.stem, digest, size, channels, self._names, output)

    def run(self, images):
        try:
            made = self._session.run(list(self._names.values()), {self._input: images})
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise DataError(
                f"onnxruntime cannot run {self.name}: {onnx_session.first_line(error)}"
            ) from error
        return dict(zip(self._names, made))


def _image_input(inputs, file):
    """Name, fixed (height, width) or None, and channels of the one input that a feature network has."""
    shapes = ", ".join(f"{item.name} {item.type} {item.shape}" for item in inputs)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        raise UsageError(f"{file} must take one float32 input, images in NHWC, it takes {shapes}")
    _, height, width, channels = inputs[0].shape
    if channels not in (1, 3) and isinstance(channels, int):
        raise UsageError(f"{file} must take images of 1 or 3 channels in NHWC, it takes {shapes}")
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return inputs[0].name, fixed, channels if channels in (1, 3) else 3


def shipped_networks():
    """The names of the feature networks that ship with kgan.

    Example:

    >>> shipped_networks()
    ['fashion_mnist', 'mnist']
    """
    return sorted(path.stem for path in NETWORKS.glob("*.onnx"))


def shipped_network(name="fashion_mnist", threads=None):
    """A classifier of 28x28 grey images that ships with kgan; the features are its last hidden layer.

    Args:
        name: `"fashion_mnist"` or `"mnist"`, by what it was trained on.
        threads: number of CPU threads, or `None`.

    Raises:
        UsageError: no such network.
        MissingExtraError: onnxruntime is not installed.

    Example:

    >>> shipped_network().name
    'fashion_mnist'
    """
    if name not in shipped_networks():
        raise UsageError(f"the network must be one of {', '.join(shipped_networks())}, got {name!r}")
    return ONNXFeatures(NETWORKS / f"{name}.onnx", threads=threads)


def default_network(image_shape):
    """The feature network where none is named: one that ships with kgan, for 28x28 grey images.

    Args:
        image_shape: (height, width, channels).

    Raises:
        UsageError: there is none for such images.
    """
    if tuple(image_shape) == (28, 28, 1):
        return shipped_network()
    shape = "x".join(map(str, image_shape))
    raise UsageError(
        f"an extractor must be named for images other than 28x28x1, got {shape}: "
        "pass extractor=ONNXFeatures(FILE), on the command line --extractor FILE.onnx"
    )
