"""A user's own pictures as instances: read like training images, described by the extractor of a model."""

import os
import pathlib

import numpy as np

from kgan.data.decode import Target, open_image, to_pixels
from kgan.data.feature_store import describe, short, unit_features
from kgan.errors import UsageError
from kgan.metrics.features import ONNXFeatures


def read_photos(paths, image_shape):
    """Pictures cropped and resized to the shape of a model's images, as training images are.

    Args:
        paths: list of picture files.
        image_shape: (height, width, channels).

    Returns:
        uint8 array `[n, *image_shape]`.

    Raises:
        UsageError: there is no such file.
        DataError: a file is no picture.

    Example:

    >>> import tempfile, PIL.Image
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "photo.png"
    >>> PIL.Image.new("RGB", (40, 30), "red").save(path)
    >>> read_photos([path], (8, 8, 3)).shape
    (1, 8, 8, 3)
    """
    images = []
    for path in paths:
        if not pathlib.Path(path).is_file():
            raise UsageError(f"an instance must be a picture file, found no {path}")
        image = open_image(os.fspath(path), str(path))
        images.append(to_pixels(image, Target(*image_shape, upscale=True), str(path)))
    return np.stack(images)


def open_extractor(path, description):
    """The extractor that a model was trained with, from its ONNX file.

    Args:
        path: the file.
        description: as `kgan.data.FeatureStore.extractor` says it: name, digest and maybe image size.

    Returns:
        A `kgan.metrics.ONNXFeatures`.

    Raises:
        UsageError: there is no such file, or it is another extractor.
    """
    name, _, size = (*(description or "").split(" "), "", "", "")[:3]
    sides = tuple(int(side) for side in size.split("x")) if size else None
    extractor = ONNXFeatures(path, size=sides, name=name or None)
    if description and describe(extractor) != description:
        raise UsageError(
            f"the extractor must be {short(description)}, got {short(describe(extractor))} in "
            f"{pathlib.Path(path).name}"
        )
    return extractor


def instance_features(instances, dimension, image_shape, extractor=None):
    """Unit feature vectors of instances, whichever way they are given.

    Args:
        instances: features `[m, dimension]` of any scale, or one vector; uint8 images
            `[m, height, width, channels]`, or one image; the path of a picture, or a list of paths.
        dimension: length of a feature vector.
        image_shape: (height, width, channels) of the model's images, to which pictures are cut.
        extractor: what describes images, or `None` where only features can be given.

    Raises:
        UsageError: another shape, or pictures without an extractor.
        DataError: features that are zero or not finite, or files that are no pictures.

    Example:

    >>> instance_features([0.0, 2.0], 2, (8, 8, 3)).tolist()
    [[0.0, 1.0]]
    """
    if isinstance(instances, (str, os.PathLike)):
        instances = [instances]
    if isinstance(instances, (list, tuple)) and any(
        isinstance(item, (str, os.PathLike)) for item in instances
    ):
        instances = read_photos(instances, image_shape)
    instances = np.asarray(instances)
    if instances.dtype == np.uint8 and instances.ndim in (3, 4):
        if extractor is None:
            raise UsageError("pictures as instances need the extractor of the model: there is none here")
        images = instances if instances.ndim == 4 else instances[None]
        instances = np.asarray(extractor(images)["features"])
    instances = instances[None] if instances.ndim == 1 else instances
    if instances.ndim != 2 or instances.shape[1] != dimension or instances.dtype.kind not in "biuf":
        raise UsageError(
            f"instances must be features [m, {dimension}], uint8 images or picture files, "
            f"got {instances.dtype} of shape {list(instances.shape)}"
        )
    return unit_features(instances, "instances")


def spread(features, n):
    """Each of m feature vectors n / m times, side by side.

    Raises:
        UsageError: n is no multiple of m.

    Example:

    >>> spread(np.eye(2), 4)[:, 0].tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    if n % len(features):
        raise UsageError(f"n must be a multiple of the {len(features)} instances, got {n}")
    return np.repeat(features, n // len(features), axis=0)
