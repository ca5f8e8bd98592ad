"""Instance normalisation."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class InstanceNormalization(keras.layers.Layer):
    """Gives each channel of each image mean 0 and variance 1, in training and at inference alike.

    Args:
        epsilon: added to the variance, greater than 0.
        affine: whether a learned scale and shift per channel follow; they start at N(1, 0.02) and 0.
        seed: int that the scale's start depends on.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `epsilon` is not greater than 0, or the input is no batch of images.

    Reference: Ulyanov, Vedaldi, Lempitsky, Instance Normalization: The Missing Ingredient for Fast
    Stylization, 2016.

    Example:
        >>> layer = InstanceNormalization()
        >>> images = keras.random.normal((2, 8, 8, 3), seed=0)
        >>> bool(ops.all(ops.abs(ops.mean(layer(images), axis=(1, 2))) < 1e-5))
        True
    """

    def __init__(self, epsilon=1e-5, affine=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        if not epsilon > 0:
            raise UsageError(f"epsilon must be greater than 0, got {epsilon}")
        self.epsilon, self.affine, self.seed = float(epsilon), bool(affine), int(seed)
        self.scale = self.shift = None

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise UsageError(f"images must be [batch, height, width, channels], got shape {input_shape}")
        if self.affine:
            start = keras.initializers.RandomNormal(1.0, 0.02, seed=self.seed)
            self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer=start)
            self.shift = self.add_weight(name="shift", shape=(input_shape[-1],), initializer="zeros")

    def call(self, images):
        # In float32 at least: half precision cannot hold the sum of squares of a large map.
        wide = ops.cast(images, keras.backend.result_type(images.dtype, "float32"))
        centred = wide - ops.mean(wide, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(centred), axis=(1, 2), keepdims=True)
        outputs = ops.cast(centred * ops.rsqrt(variance + self.epsilon), images.dtype)
        if self.affine:
            outputs = outputs * ops.cast(self.scale, images.dtype) + ops.cast(self.shift, images.dtype)
        return outputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"epsilon": self.epsilon, "affine": self.affine, "seed": self.seed}
        return {**super().get_config(), **own}
