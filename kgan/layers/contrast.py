"""Global contrast normalisation of images."""

import math

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class GlobalContrastNormalization(keras.layers.Layer):
    """Give each image mean 0 and Euclidean norm `scale`; constant images become 0.

    Mean and norm run over all pixels and channels. The CIFAR-10 models of 2014 use scale 55, which makes
    the standard deviation of a 32x32x3 image 0.99.

    Args:
        scale: norm of the result, greater than 0.
        epsilon: smallest norm that is divided by; below it an image counts as constant.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `scale` or `epsilon` not greater than 0.

    Example:
        >>> images = keras.random.uniform((2, 32, 32, 3), seed=0)
        >>> squares = ops.sum(GlobalContrastNormalization()(images) ** 2, axis=(1, 2, 3))
        >>> [round(float(n) ** 0.5, 2) for n in squares]
        [55.0, 55.0]
    """

    def __init__(self, scale=55.0, epsilon=1e-4, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("scale", scale), ("epsilon", epsilon)):
            if not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} must be greater than 0, got {value}")
        self.scale = float(scale)
        self.epsilon = float(epsilon)

    def call(self, inputs):
        axes = tuple(range(1, len(inputs.shape)))
        images = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        images = images - ops.mean(images, axis=axes, keepdims=True)
        norm = ops.sqrt(ops.sum(ops.square(images), axis=axes, keepdims=True) + self.epsilon**2)
        return ops.cast(images * (self.scale / norm), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "epsilon": self.epsilon}
