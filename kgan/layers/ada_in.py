"""Adaptive instance normalisation: a style sets scale and shift of normalised maps."""

import keras
from keras import ops

from kgan import checks
from kgan.errors import UsageError
from kgan.layers.equalized import EqualizedDense
from kgan.layers.instance_norm import InstanceNormalization


@keras.saving.register_keras_serializable("kgan")
class AdaIN(keras.layers.Layer):
    """Normalises each channel of each image, and gives it the scale and shift that a style asks for.

    Takes `[maps, w]` with w `[batch, layers, d]`, of which it reads one row. A linear layer makes
    `(s0, s1)` of that row, and `normalised * (s0 + 1) + s1` is returned: with a style of zeros, the
    normalised maps. Karras et al. 2019, equation 1.

    Args:
        row: which row of w is this layer's style, at least 0.
        epsilon: added to the variance, greater than 0.
        equalized: equalised learning rate of the linear layer.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a row below 0, or inputs of other shapes.

    Example:
        >>> maps, w = ops.reshape(ops.arange(4.0), (1, 2, 2, 1)), ops.zeros((1, 2, 8))
        >>> made = ops.convert_to_numpy(AdaIN(row=1)([maps, w]))
        >>> [round(float(number), 3) for number in made.ravel()]
        [-1.342, -0.447, 0.447, 1.342]
    """

    def __init__(self, row, epsilon=1e-8, equalized=True, **kwargs):
        super().__init__(**kwargs)
        self.row = checks.count("row", row, 0)
        self.epsilon, self.equalized = float(epsilon), bool(equalized)
        self.normalize = InstanceNormalization(epsilon, dtype=self.dtype_policy)

    def build(self, input_shape):
        maps, w = input_shape
        if len(maps) != 4 or len(w) != 3:
            raise UsageError(f"AdaIN takes maps [b, h, w, c] and styles [b, layers, d], got {input_shape}")
        arguments = {"name": "style", "dtype": self.dtype_policy}
        units = 2 * maps[-1]
        if self.equalized:
            self.affine = EqualizedDense(units, gain=1.0, **arguments)
        else:
            start = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
            self.affine = keras.layers.Dense(units, kernel_initializer=start, **arguments)
        self.affine.build((None, w[-1]))
        self.normalize.build(maps)

    def call(self, inputs, training=False):
        maps, w = inputs
        style = self.affine(w[:, self.row])
        if not training:
            # Maps of a constant hardly vary early in training: centred twice, they lose the mean's rounding.
            maps = maps - ops.mean(maps, axis=(1, 2), keepdims=True)
        scale, shift = ops.split(style[:, None, None, :], 2, axis=-1)
        return self.normalize(maps) * (scale + 1.0) + shift

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        own = {"row": self.row, "epsilon": self.epsilon, "equalized": self.equalized}
        return {**super().get_config(), **own}
