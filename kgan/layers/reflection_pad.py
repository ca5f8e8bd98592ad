"""Reflection padding."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Continues images beyond their borders by their mirror image, without repeating the border itself.

    Padding of [1, 2, 3] by 1 is [2, 1, 2, 3, 2].

    Args:
        padding: pixels on each side, int >= 0 and less than the height and the width.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a padding that is out of range.

    Example:
        >>> row = ops.reshape(ops.convert_to_tensor([1.0, 2.0, 3.0]), (1, 1, 3, 1))
        >>> column = ops.repeat(row, 2, axis=1)
        >>> ops.convert_to_numpy(ReflectionPadding2D(1)(column))[0, 0, :, 0].tolist()
        [2.0, 1.0, 2.0, 3.0, 2.0]
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
            raise UsageError(f"padding must be an integer of at least 0, got {padding!r}")
        self.padding = padding

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, images):
        pad = (self.padding, self.padding)
        return ops.pad(images, ((0, 0), pad, pad, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        for side in sides:
            if side is not None and side <= self.padding:
                raise UsageError(f"images must have more than {self.padding} pixels a side, got {side}")
        return (batch, *(side and side + 2 * self.padding for side in sides), channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}
