"""Batch normalisation whose gain and shift depend on a condition."""

import keras

from kgan.layers.one_hot import OneHot
from kgan.layers.spectral import SpectralNormalization


@keras.saving.register_keras_serializable("kgan")
class ConditionalBatchNormalization(keras.layers.Layer):
    """Batch normalisation with gain `1 + A y` and shift `B y` for a condition y (Dumoulin et al. 2017).

    For a class, column y of A and B is the class's own gain and shift; for a vector both are linear, as in
    BigGAN (Brock et al. 2019).

    Args:
        num_classes: y is a class number `[batch]` in [0, num_classes); `None` for a vector `[batch, k]`.
        momentum: share of the past in the moving statistics.
        epsilon: added to the variance.
        kernel_initializer: Keras initializer of A and B.
        spectral: whether A and B are divided by their largest singular value.
        seed: int of at least 0 for the start of the power iterations.
        **kwargs: other arguments of `keras.layers.Layer`.

    Example:
        >>> from keras import ops
        >>> layer = ConditionalBatchNormalization(num_classes=3)
        >>> tuple(layer([ops.ones((2, 4, 4, 8)), ops.convert_to_tensor([0, 2])]).shape)
        (2, 4, 4, 8)
    """

    def __init__(
        self,
        num_classes=None,
        momentum=0.9,
        epsilon=1e-5,
        kernel_initializer="random_normal",
        spectral=False,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.momentum = momentum
        self.epsilon = epsilon
        self.spectral = spectral
        self.seed = seed
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.one_hot = None if num_classes is None else OneHot(num_classes, dtype=self.dtype_policy)
        self.norm = keras.layers.BatchNormalization(
            momentum=momentum,
            epsilon=epsilon,
            center=False,
            scale=False,
            dtype=self.dtype_policy,
            name="norm",
        )
        self.gain = self.shift = None

    def build(self, input_shape):
        features, condition = input_shape
        width = self.num_classes if self.one_hot is not None else condition[-1]
        if self.one_hot is not None:
            self.one_hot.build(condition)
        self.norm.build(features)
        self.gain = self._linear(features[-1], "gain", stream=0)
        self.shift = self._linear(features[-1], "shift", stream=1)
        self.gain.build((None, width))
        self.shift.build((None, width))

    def _linear(self, units, name, stream):
        initializer = self.kernel_initializer.clone()
        dense = keras.layers.Dense(
            units, use_bias=False, kernel_initializer=initializer, dtype=self.dtype_policy, name=name
        )
        return SpectralNormalization(dense, seed=self.seed + stream, name=name) if self.spectral else dense

    def call(self, inputs, training=False):
        x, condition = inputs
        condition = condition if self.one_hot is None else self.one_hot(condition)
        shape = (-1, *([1] * (len(x.shape) - 2)), x.shape[-1])
        extra = {"training": training} if self.spectral else {}
        gain = keras.ops.reshape(self.gain(condition, **extra), shape)
        shift = keras.ops.reshape(self.shift(condition, **extra), shape)
        return self.norm(x, training=training) * (1.0 + gain) + shift

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "spectral": self.spectral,
            "seed": self.seed,
        }
