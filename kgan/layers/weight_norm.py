"""Weight-normalised layers and their start from data (Salimans and Kingma 2016)."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kgan.errors import UsageError
from kgan.layers.conv import Conv2D
from kgan.layers.conv_transpose import Conv2DTranspose

_EPSILON = 1e-12
_Layer: Any = object  # a mixin of Keras layers, whose attributes it uses


class _WeightNorm(_Layer):
    """What the layers share: a kernel whose columns have length `scale`."""

    def _check(self, init_std):
        if not (math.isfinite(init_std) and init_std > 0):
            raise UsageError(f"init_std must be greater than 0, got {init_std}")
        return float(init_std)

    def _add_scale(self, units):
        return self.add_weight(name="scale", shape=(units,), initializer="ones", trainable=self.train_scale)

    def _normalized(self, axes):
        # The kernel is divided, not the output: XLA compiles the gradient of a scaled small product wrongly
        # on some CPUs (JAX 0.10).
        kernel, scale = ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.scale)
        squares = ops.sum(ops.square(kernel), axis=axes, keepdims=True)
        return kernel * (ops.reshape(scale, squares.shape) * ops.rsqrt(squares + _EPSILON))

    def start_from(self, inputs):
        """Sets scale and bias so that each unit's pre-activation on `inputs` has mean 0 and `init_std`."""
        outputs = ops.convert_to_numpy(self.linear(inputs)).astype("float64")
        axes = tuple(range(outputs.ndim - 1))
        mean, std = outputs.mean(axis=axes), outputs.std(axis=axes)
        # A unit that is constant on this batch keeps its scale: there is nothing to divide by.
        factor = self.init_std / np.where(std > 1e-6, std, self.init_std)
        self.scale.assign(ops.convert_to_numpy(self.scale.value) * factor)
        if self.bias is not None:
            self.bias.assign(-mean * factor)

    def call(self, inputs):
        outputs = self.linear(inputs)
        if self.bias is not None:
            outputs = outputs + ops.cast(ops.convert_to_tensor(self.bias), outputs.dtype)
        return outputs if self.activation is None else self.activation(outputs)


@keras.saving.register_keras_serializable("kgan")
class WeightNormDense(_WeightNorm, keras.layers.Layer):
    """Dense layer on `scale * v / |v|`, where |v| is the length of each unit's incoming weights.

    Args:
        units: output width, at least 1.
        activation: Keras activation, or None.
        train_scale: whether the scale is learned; otherwise it stays as it started.
        init_std: standard deviation that `start_from_data` gives to each pre-activation, greater than 0.
        use_bias: whether there is a bias.
        kernel_initializer: Keras initializer of v; None for N(0, 0.1^2).
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> WeightNormDense(10)(ops.ones((2, 4))).shape[1]
        10
    """

    def __init__(
        self,
        units,
        activation=None,
        train_scale=False,
        init_std=1.0,
        use_bias=True,
        kernel_initializer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if units < 1:
            raise UsageError(f"units must be at least 1, got {units}")
        self.units = units
        self.activation = None if activation is None else keras.activations.get(activation)
        self.train_scale = bool(train_scale)
        self.init_std = self._check(init_std)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.RandomNormal(stddev=0.1)
        )

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        self.scale = self._add_scale(self.units)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def linear(self, inputs):
        """The outputs without bias and activation."""
        return ops.matmul(inputs, self._normalized(0))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = None if self.activation is None else keras.activations.serialize(self.activation)
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activation,
            "train_scale": self.train_scale,
            "init_std": self.init_std,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class _WeightNormMaps(_WeightNorm):
    """The constructor, weights and configuration of the two convolutions."""

    def __init__(self, filters, kernel_size, train_scale=False, init_std=1.0, **kwargs):
        # As published; Keras' own default is Glorot's.
        kwargs.setdefault("kernel_initializer", keras.initializers.RandomNormal(stddev=0.05))
        super().__init__(filters, kernel_size, **kwargs)
        self.train_scale = bool(train_scale)
        self.init_std = self._check(init_std)

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self._add_scale(self.filters)

    def linear(self, inputs):
        """The outputs without bias and activation."""
        return self._maps(inputs, self._normalized(self._incoming))

    def get_config(self):
        return {**super().get_config(), "train_scale": self.train_scale, "init_std": self.init_std}


@keras.saving.register_keras_serializable("kgan")
class WeightNormConv2D(_WeightNormMaps, Conv2D):
    """`kgan.layers.Conv2D` on `scale * v / |v|`, |v| over height, width and input channels.

    Args:
        filters: output channels.
        kernel_size: int or pair.
        train_scale: whether the scale is learned.
        init_std: standard deviation that `start_from_data` gives to each pre-activation, greater than 0.
        **kwargs: other arguments of `kgan.layers.Conv2D`; v starts at N(0, 0.05^2).

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> WeightNormConv2D(8, 3, padding="same")(ops.ones((1, 6, 6, 3))).shape[3]
        8
    """

    _incoming = (0, 1, 2)

    def _maps(self, inputs, kernel):
        return self.convolution_op(inputs, kernel)


@keras.saving.register_keras_serializable("kgan")
class WeightNormConv2DTranspose(_WeightNormMaps, Conv2DTranspose):
    """`kgan.layers.Conv2DTranspose` on `scale * v / |v|`, |v| over height, width and input channels.

    Args:
        filters: output channels.
        kernel_size: int or pair.
        train_scale: whether the scale is learned.
        init_std: standard deviation that `start_from_data` gives to each pre-activation, greater than 0.
        **kwargs: other arguments of `kgan.layers.Conv2DTranspose`; v starts at N(0, 0.05^2).

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> WeightNormConv2DTranspose(3, 5, strides=2, padding="same")(ops.ones((1, 4, 4, 8))).shape[1]
        8
    """

    _incoming = (0, 1, 3)

    def _maps(self, inputs, kernel):
        return self.transposed_convolution(inputs, kernel)


def start_from_data(network, inputs):
    """Starts the weight-normalised layers of a chain from the data, one after the other.

    Afterwards each unit's pre-activation has mean 0 and the layer's `init_std` on `inputs`, with noise and
    dropout as in training (Salimans and Kingma 2016, section 3).

    Args:
        network: a built `keras.Sequential`.
        inputs: array `[batch, ...]` of the network's inputs; some hundreds.

    Raises:
        UsageError: the network is no `keras.Sequential`, or has no weight-normalised layer.

    Example:
        >>> network = keras.Sequential([keras.Input((3,)), WeightNormDense(2)])
        >>> batch = keras.random.normal((50, 3), seed=0)
        >>> start_from_data(network, batch)
        >>> round(float(ops.convert_to_numpy(ops.stop_gradient(network(batch))).std()), 3)
        1.0
    """
    if not isinstance(network, keras.Sequential):
        raise UsageError(f"the network must be a keras.Sequential, got {type(network).__name__}")
    if not any(isinstance(layer, _WeightNorm) for layer in network.layers):
        raise UsageError(f"{network.name} must have a weight-normalised layer, it has none")
    outputs = ops.convert_to_tensor(inputs, dtype=keras.config.floatx())
    for layer in network.layers:
        if isinstance(layer, _WeightNorm):
            layer.start_from(outputs)
        random = getattr(layer, "_call_has_training_arg", False)
        outputs = layer(outputs, training=True) if random else layer(outputs)
