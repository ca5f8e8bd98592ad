"""The blend of a new layer's output with what was there before."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class Fade(keras.layers.Layer):
    """`alpha * new + (1 - alpha) * old` of a pair `[new, old]`, exact at both ends.

    `alpha` is a weight that training moves from 0 to 1 and no optimizer touches. Karras et al. 2018,
    figure 2.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UsageError: the inputs are no pair of one shape.

    Example:
        >>> fade = Fade()
        >>> fade.build([(None, 1), (None, 1)])
        >>> _ = fade.alpha.assign(0.25)
        >>> float(fade([ops.full((1, 1), 8.0), ops.zeros((1, 1))])[0, 0])
        2.0
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.alpha = self.add_weight(
            name="alpha", shape=(), initializer="ones", dtype="float32", trainable=False, autocast=False
        )

    def build(self, input_shape):
        if len(input_shape) != 2 or tuple(input_shape[0][1:]) != tuple(input_shape[1][1:]):
            shapes = [tuple(shape) for shape in input_shape]
            raise UsageError(f"Fade takes a pair [new, old] of one shape, got {shapes}")

    def call(self, inputs):
        new, old = inputs
        return blend(new, old, ops.cast(self.alpha, new.dtype))

    def compute_output_shape(self, input_shape):
        return input_shape[0]


def blend(new, old, alpha):
    """`alpha * new + (1 - alpha) * old`: `old` exactly at 0 and `new` exactly at 1."""
    return alpha * new + (1.0 - alpha) * old
