"""Self-attention over the positions of an image."""

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.spectral import SpectralNormalization


@keras.saving.register_keras_serializable("kgan")
class SelfAttention2D(keras.layers.Layer):
    """Add to each position a mixture of all positions, weighted by similarity (Zhang et al. 2019).

    `x + gamma * o(g(x) beta)` with `beta = softmax(theta(x)^T phi(x))`; phi and g are max-pooled 2x2, all
    four maps are spectral-normalised 1x1 convolutions without bias, and gamma starts at 0, so that the layer
    starts as the identity. There is no `1 / sqrt(d)`.

    Args:
        kernel_initializer: Keras initializer of the four maps.
        seed: int of at least 0 for the start of the power iterations.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: images of odd size, or fewer than 8 channels.

    Example:
        >>> tuple(SelfAttention2D()(ops.ones((2, 4, 4, 16))).shape)
        (2, 4, 4, 16)
    """

    def __init__(self, kernel_initializer="glorot_uniform", seed=0, **kwargs):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.pool = keras.layers.MaxPooling2D(2, dtype=self.dtype_policy)
        self.theta = self.phi = self.g = self.o = self.gamma = None

    def build(self, input_shape):
        height, width, channels = input_shape[1:]
        if height % 2 or width % 2 or channels < 8:
            raise UsageError(
                f"self-attention needs even sides and at least 8 channels, got {list(input_shape[1:])}"
            )
        self.theta = self._map("theta", channels // 8, channels, 0)
        self.phi = self._map("phi", channels // 8, channels, 1)
        self.g = self._map("g", channels // 2, channels, 2)
        self.o = self._map("o", channels, channels // 2, 3)
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def _map(self, name, filters, channels, stream):
        # A 1x1 convolution is a dense layer on the last axis.
        initializer = self.kernel_initializer.clone()
        dense = keras.layers.Dense(
            filters, use_bias=False, kernel_initializer=initializer, dtype=self.dtype_policy, name=name
        )
        layer = SpectralNormalization(dense, seed=self.seed + stream, name=name)
        layer.build((None, None, None, channels))
        return layer

    def call(self, x, training=False):
        height, width, channels = x.shape[1:]
        count = height * width
        theta = ops.reshape(self.theta(x, training=training), (-1, count, channels // 8))
        phi = ops.reshape(self.pool(self.phi(x, training=training)), (-1, count // 4, channels // 8))
        g = ops.reshape(self.pool(self.g(x, training=training)), (-1, count // 4, channels // 2))
        beta = ops.softmax(ops.matmul(theta, ops.transpose(phi, (0, 2, 1))), axis=-1)
        mixed = ops.reshape(ops.matmul(beta, g), (-1, height, width, channels // 2))
        return x + ops.cast(self.gamma, x.dtype) * self.o(mixed, training=training)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        initializer = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": initializer, "seed": self.seed}
