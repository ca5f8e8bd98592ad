"""Changes of image size whose second derivatives are right on every backend."""

import functools

import keras
import numpy as np
from keras import ops

from kgan import checks
from kgan.errors import UsageError


def resize(images, size, interpolation="bilinear", antialias=False):
    """Resize NHWC images, differentiable twice on every backend.

    Pixels are areas (half-pixel centres), as in `keras.ops.image.resize`, whose second derivative is
    silently wrong on TensorFlow for bilinear and missing for the others.

    Args:
        images: tensor `[B, H, W, C]` with H and W known.
        size: `(height, width)` of the result.
        interpolation: `"nearest"` or `"bilinear"`.
        antialias: widen the bilinear filter when shrinking, so that every input pixel counts.

    Returns:
        Tensor `[B, height, width, C]`.

    Raises:
        UsageError: an unknown interpolation, or a size below 1.

    Example:
        >>> tuple(resize(ops.zeros((1, 8, 8, 3)), (12, 4)).shape)
        (1, 12, 4, 3)
    """
    if min(size) < 1:
        raise UsageError(f"size must be at least 1, got {tuple(size)}")
    images = ops.convert_to_tensor(images)
    if interpolation == "nearest":
        return _nearest(_nearest(images, size[0], 1), size[1], 2)
    if interpolation == "bilinear":
        rows = _bilinear_matrix(images.shape[1], size[0], antialias)
        columns = _bilinear_matrix(images.shape[2], size[1], antialias)
        images = ops.einsum("oh,bhwc->bowc", ops.cast(rows, images.dtype), images)
        return ops.einsum("ow,bhwc->bhoc", ops.cast(columns, images.dtype), images)
    raise UsageError(f'interpolation must be "nearest" or "bilinear", got {interpolation!r}')


@keras.saving.register_keras_serializable("kgan")
class Upsample2D(keras.layers.Layer):
    """Enlarge NHWC images by a whole factor, differentiable twice on every backend.

    Args:
        factor: int of at least 1.
        interpolation: `"nearest"` or `"bilinear"`.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a factor below 1, or an unknown interpolation.

    Example:
        >>> Upsample2D(2)(ops.zeros((1, 4, 4, 8))).shape[1]
        8
    """

    def __init__(self, factor=2, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        factor = checks.count("factor", factor)
        if interpolation not in ("nearest", "bilinear"):
            raise UsageError(f'interpolation must be "nearest" or "bilinear", got {interpolation!r}')
        self.factor = factor
        self.interpolation = interpolation

    def call(self, inputs):
        if self.interpolation == "nearest":  # needs no static size
            return ops.repeat(ops.repeat(inputs, self.factor, axis=1), self.factor, axis=2)
        height, width = inputs.shape[1:3]
        return resize(inputs, (height * self.factor, width * self.factor), "bilinear")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        height, width = (None if n is None else n * self.factor for n in (height, width))
        return (batch, height, width, channels)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor, "interpolation": self.interpolation}


@keras.saving.register_keras_serializable("kgan")
class Downsample2D(keras.layers.Layer):
    """Shrink NHWC images by a whole factor: the mean of each square of pixels.

    Args:
        factor: int of at least 1 that divides height and width.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a factor below 1 or one that does not divide the image.

    Example:
        >>> Downsample2D(2)(ops.zeros((1, 4, 4, 8))).shape[1]
        2
    """

    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = checks.count("factor", factor)

    def call(self, inputs):
        self.compute_output_shape(inputs.shape)
        return ops.average_pool(
            inputs, self.factor, self.factor, padding="valid", data_format="channels_last"
        )

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        for n in (height, width):
            if n is not None and n % self.factor:
                raise UsageError(f"height and width must be multiples of {self.factor}, got {height}x{width}")
        height, width = (None if n is None else n // self.factor for n in (height, width))
        return (batch, height, width, channels)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def _nearest(images, n, axis):
    old = images.shape[axis]
    if n % old == 0:
        return ops.repeat(images, n // old, axis=axis)
    return ops.take(images, ((np.arange(n) + 0.5) * old / n).astype("int32"), axis=axis)


@functools.lru_cache(maxsize=64)
def _bilinear_matrix(old, new, antialias):
    """Weights `[new, old]`; each row is a triangle around its centre, cut at the border to sum 1."""
    scale = old / new
    width = max(scale, 1.0) if antialias else 1.0
    centres = (np.arange(new) + 0.5) * scale - 0.5
    if not antialias:
        centres = np.clip(centres, 0.0, old - 1.0)  # repeats the border pixel
    distance = np.abs(np.arange(old)[None, :] - centres[:, None]) / width
    weights = np.maximum(0.0, 1.0 - distance)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
