"""Pixelwise normalisation of feature vectors."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class PixelNormalization(keras.layers.Layer):
    """Gives the channels at each pixel a mean square of 1: `x / sqrt(mean_c x^2 + epsilon)`.

    Of a noise vector it makes a point on the sphere of radius `sqrt(channels)`. Karras et al. 2018,
    section 4.2.

    Args:
        epsilon: added under the root, greater than 0; in half precision the root is taken in float32.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `epsilon` not greater than 0.

    Example:
        >>> x = PixelNormalization()(ops.convert_to_tensor([[3.0, 4.0]]))
        >>> [round(float(n), 4) for n in x[0]]
        [0.8485, 1.1314]
    """

    def __init__(self, epsilon=1e-8, **kwargs):
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise UsageError(f"epsilon must be greater than 0, got {epsilon}")
        self.epsilon = float(epsilon)

    def call(self, inputs):
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        norm = ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + self.epsilon)
        return ops.cast(x * norm, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
