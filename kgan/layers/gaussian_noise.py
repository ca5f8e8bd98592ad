"""Gaussian noise that always has a seed."""

import math

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.seeds import seed_generator


@keras.saving.register_keras_serializable("kgan")
class GaussianNoise(keras.layers.Layer):
    """Adds N(0, stddev^2) to its input in training, and nothing otherwise.

    The seed is required, as in `kgan.layers.Dropout`: its generator is saved, so a resumed run draws the
    noise of an uninterrupted one.

    Args:
        stddev: standard deviation of the noise, finite and at least 0.
        seed: int of at least 0, another one for each layer.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> layer = GaussianNoise(0.3, seed=1)
        >>> float(ops.sum(layer(ops.ones((2, 3)), training=False)))
        6.0
    """

    def __init__(self, stddev, seed, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= stddev < math.inf:
            raise UsageError(f"stddev must be finite and at least 0, got {stddev}")
        self.stddev = float(stddev)
        self.seed_generator = seed_generator(seed)
        self.seed = int(seed)

    def call(self, inputs, training=False):
        if not training or self.stddev == 0.0:
            return inputs
        shape = ops.shape(inputs)
        noise = keras.random.normal(shape, 0.0, self.stddev, dtype="float32", seed=self.seed_generator)
        return inputs + ops.cast(noise, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}
