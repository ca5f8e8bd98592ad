"""The discriminator's score with a condition as an inner product."""

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.one_hot import OneHot
from kgan.layers.spectral import SpectralNormalization


@keras.saving.register_keras_serializable("kgan")
class Projection(keras.layers.Layer):
    """Score `psi(h) + y^T V h` of features h under a condition y, with psi affine (Miyato and Koyama 2018).

    It assumes a likelihood that is log-linear in y: right for classes, a choice for other vectors.

    Args:
        num_classes: y is a class number `[batch]` in [0, num_classes); `None` for a vector `[batch, k]`.
        spectral: whether V and the weight of psi are divided by their largest singular value.
        seed: int of at least 0 for the start of the power iterations.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `num_classes` below 1, or features that are not vectors.

    Example:
        >>> layer = Projection(num_classes=3, spectral=True)
        >>> tuple(layer([ops.ones((2, 8)), ops.convert_to_tensor([0, 2])]).shape)
        (2, 1)
    """

    def __init__(self, num_classes=None, spectral=False, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.spectral = spectral
        self.seed = seed
        # A one-hot vector times V, not a look-up: its gradient is dense on every backend.
        self.one_hot = None if num_classes is None else OneHot(num_classes, dtype=self.dtype_policy)
        self.score = self.embedding = None

    def build(self, input_shape):
        features, condition = input_shape
        if len(features) != 2:
            raise UsageError(f"features must be vectors [batch, d], got {list(features)}")
        width = self.num_classes if self.one_hot is not None else condition[-1]
        self.score = self._dense(1, "score", use_bias=True, stream=0)
        self.embedding = self._dense(features[-1], "embedding", use_bias=False, stream=1)
        if self.one_hot is not None:
            self.one_hot.build(condition)
        self.score.build(features)
        self.embedding.build((None, width))

    def _dense(self, units, name, use_bias, stream):
        dense = keras.layers.Dense(units, use_bias=use_bias, dtype=self.dtype_policy, name=name)
        return SpectralNormalization(dense, seed=self.seed + stream, name=name) if self.spectral else dense

    def call(self, inputs, training=False):
        features, condition = inputs
        condition = condition if self.one_hot is None else self.one_hot(condition)
        extra = {"training": training} if self.spectral else {}
        embedded = self.embedding(condition, **extra)
        return self.score(features, **extra) + ops.sum(features * embedded, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], 1)

    def get_config(self):
        own = {"num_classes": self.num_classes, "spectral": self.spectral, "seed": self.seed}
        return {**super().get_config(), **own}
