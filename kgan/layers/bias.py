"""A bias on its own."""

import keras


@keras.saving.register_keras_serializable("kgan")
class Bias(keras.layers.Layer):
    """Adds one learnt number per channel, starting from 0.

    For layers whose bias is not that of a convolution: one per map after a dense layer that makes maps
    (PGGAN), or after the blur of a convolution's maps (StyleGAN).

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:
        >>> from keras import ops
        >>> layer = Bias()
        >>> layer(ops.zeros((1, 4, 4, 8))).shape[-1], layer.count_params()
        (8, 8)
    """

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs):
        return inputs + self.bias

    def compute_output_shape(self, input_shape):
        return input_shape
