"""Maxout units: the largest of several linear pieces (Goodfellow et al. 2013)."""

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.conv import Conv2D


@keras.saving.register_keras_serializable("kgan")
class MaxoutDense(keras.layers.Layer):
    """Dense layer to `units * pieces` values, of which each unit keeps the largest of its pieces.

    The pieces of a unit are adjacent columns of the kernel; with one piece the layer is linear.

    Args:
        units: output width, at least 1.
        pieces: linear pieces per unit, at least 1.
        use_bias: whether each piece has a bias.
        kernel_initializer, bias_initializer: Keras initializers.
        kernel_constraint: Keras constraint; the kernel is `[inputs, units * pieces]`.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `units` or `pieces` below 1.

    Example:
        >>> MaxoutDense(240, 5)(ops.zeros((2, 784))).shape[1]
        240
    """

    def __init__(
        self,
        units,
        pieces,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_counts(units=units, pieces=pieces)
        self.units = units
        self.pieces = pieces
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape):
        width = self.units * self.pieces
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], width),
            initializer=self.kernel_initializer,
            constraint=self.kernel_constraint,
        )
        self.bias = (
            self.add_weight(name="bias", shape=(width,), initializer=self.bias_initializer)
            if self.use_bias
            else None
        )

    def call(self, inputs):
        outputs = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return _largest_piece(outputs, self.units, self.pieces)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


@keras.saving.register_keras_serializable("kgan")
class MaxoutConv2D(keras.layers.Layer):
    """Convolution to `filters * pieces` maps, the largest piece of each filter, then max pooling.

    Args:
        filters: output channels, at least 1.
        pieces: linear pieces per filter, at least 1.
        kernel_size: int or pair.
        padding: zeros on each side of both axes, an int of at least 0, or `"valid"` or `"same"`.
        pool_size: side of the pooling window; 1 for no pooling.
        pool_stride: distance of the windows, which must fit wholly into the map; None for `pool_size`.
        use_bias: whether each piece has a bias.
        kernel_initializer, bias_initializer: Keras initializers.
        kernel_constraint: Keras constraint.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a count below 1.

    Example:
        >>> layer = MaxoutConv2D(32, 2, 8, padding=4, pool_size=4, pool_stride=2)
        >>> layer.compute_output_shape((None, 32, 32, 3))
        (None, 15, 15, 32)
    """

    def __init__(
        self,
        filters,
        pieces,
        kernel_size,
        padding: int | str = 0,
        pool_size=1,
        pool_stride=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        pool_stride = pool_size if pool_stride is None else pool_stride
        _check_counts(filters=filters, pieces=pieces, pool_size=pool_size, pool_stride=pool_stride)
        self.filters = filters
        self.pieces = pieces
        self.kernel_size = kernel_size
        self.padding = padding
        self.pool_size = pool_size
        self.pool_stride = pool_stride
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.convolution = Conv2D(
            filters * pieces,
            kernel_size,
            padding=padding,
            use_bias=use_bias,
            data_format="channels_last",
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            kernel_constraint=self.kernel_constraint,
            dtype=self.dtype_policy,
            name="convolution",
        )

    def build(self, input_shape):
        self.convolution.build(input_shape)

    def call(self, inputs):
        outputs = _largest_piece(self.convolution(inputs), self.filters, self.pieces)
        if self.pool_size == self.pool_stride == 1:
            return outputs
        return ops.max_pool(
            outputs, self.pool_size, self.pool_stride, padding="valid", data_format="channels_last"
        )

    def compute_output_shape(self, input_shape):
        batch, *spatial, _ = self.convolution.compute_output_shape(input_shape)
        pooled = [None if n is None else (n - self.pool_size) // self.pool_stride + 1 for n in spatial]
        return (batch, *pooled, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "pieces": self.pieces,
            "kernel_size": self.kernel_size,
            "padding": self.padding,
            "pool_size": self.pool_size,
            "pool_stride": self.pool_stride,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def _check_counts(**counts):
    for name, count in counts.items():
        if count < 1:
            raise UsageError(f"{name} must be at least 1, got {count}")


def _largest_piece(outputs, units, pieces):
    """Max over the adjacent `pieces` of each unit on the last axis."""
    if pieces == 1:
        return outputs
    shape = ops.shape(outputs)
    return ops.max(ops.reshape(outputs, (*shape[:-1], units, pieces)), axis=-1)
