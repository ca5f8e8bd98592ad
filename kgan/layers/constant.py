"""A learnt constant that a network starts from."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kgan")
class LearnedConstant(keras.layers.Layer):
    """One learnt tensor of ones at the start, for each sample of the batch that is given.

    Args:
        shape: its shape without the batch axis.
        **kwargs: other arguments of `keras.layers.Layer`.

    Example:
        >>> layer = LearnedConstant((4, 4, 8))
        >>> layer(ops.zeros((3, 2))).shape[1:] == (4, 4, 8), layer.count_params()
        (True, 128)
    """

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.shape = tuple(int(n) for n in shape)

    def build(self, input_shape):
        self.value = self.add_weight(name="value", shape=self.shape, initializer="ones")

    def call(self, inputs):
        value = ops.expand_dims(ops.convert_to_tensor(self.value), 0)
        return ops.broadcast_to(value, (ops.shape(inputs)[0], *self.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.shape)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
