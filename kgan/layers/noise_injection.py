"""Noise as an input of a layer, with a learnt strength for each channel."""

import keras

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class NoiseInjection(keras.layers.Layer):
    """Adds one noise image to all maps, times a learnt number per channel that starts at 0.

    Takes `[maps, noise]` with maps `[batch, h, w, c]` and noise `[batch, h, w, 1]`, which the caller draws:
    no randomness is inside the network. Karras et al. 2019, section 2.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        UsageError: noise of another shape.

    Example:
        >>> from keras import ops
        >>> layer = NoiseInjection()
        >>> made = layer([ops.zeros((1, 4, 4, 8)), ops.ones((1, 4, 4, 1))])
        >>> float(ops.convert_to_numpy(ops.stop_gradient(made)).max())
        0.0
    """

    def build(self, input_shape):
        maps, noise = input_shape
        if tuple(noise[1:]) != (*maps[1:-1], 1):
            raise UsageError(f"noise must be {[*maps[1:-1], 1]} for these maps, got {list(noise[1:])}")
        self.strength = self.add_weight(name="strength", shape=(maps[-1],), initializer="zeros")

    def call(self, inputs):
        maps, noise = inputs
        return maps + noise * self.strength

    def compute_output_shape(self, input_shape):
        return input_shape[0]
