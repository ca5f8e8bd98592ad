"""A condition beside features or images: the concatenation of conditional adversarial nets."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class ConcatCondition(keras.layers.Layer):
    """Features or images with a condition as further channels (Mirza and Osindero 2014).

    Beside images `[batch, height, width, channels]` a vector `[batch, d]` becomes d constant maps, and a
    condition of the images' size is taken as it is.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a condition that fits neither way.

    Example:
        >>> layer = ConcatCondition()
        >>> tuple(layer([ops.zeros((2, 8, 8, 3)), ops.ones((2, 10))]).shape)
        (2, 8, 8, 13)
    """

    def build(self, input_shape):
        x, y = input_shape
        same = len(x) == len(y) and tuple(x[1:-1]) == tuple(y[1:-1])
        if not same and not (len(x) == 4 and len(y) == 2):
            raise UsageError(
                "a condition must be a vector or of the size of what it is put beside, "
                f"got {list(y[1:])} beside {list(x[1:])}"
            )

    def call(self, inputs):
        x, y = inputs
        y = ops.cast(y, x.dtype)
        if len(x.shape) == 4 and len(y.shape) == 2:
            y = ops.ones_like(x[..., :1]) * y[:, None, None, :]
        return ops.concatenate([x, y], axis=-1)

    def compute_output_shape(self, input_shape):
        x, y = input_shape
        return (*x[:-1], x[-1] + y[-1])
