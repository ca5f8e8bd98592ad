"""Equalised learning rate: weights of variance 1 that are scaled when they are used."""

import math

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.conv import Conv2D

SQRT2 = math.sqrt(2.0)


@keras.saving.register_keras_serializable("kgan")
class EqualizedDense(keras.layers.Dense):
    """A dense layer with equalised learning rate.

    The kernel `w` starts as N(0, 1) and is used as `w * gain / sqrt(fan_in)`, so that an optimizer which
    normalises gradients moves all layers at one relative speed (Karras et al. 2018, section 4.1). With a
    `multiplier` m the kernel starts as N(0, 1 / m^2) and kernel and bias are used times m: the same output
    at the start, learnt m times slower (Karras et al. 2019).

    Args:
        units: outputs.
        gain: standard deviation that the layer aims at per unit of input, greater than 0; sqrt(2) suits
            ReLUs, 1 a linear output.
        multiplier: m, of the learning rate, greater than 0.
        **kwargs: other arguments of `keras.layers.Dense`.

    Raises:
        UsageError: `gain` or `multiplier` not greater than 0.

    Example:
        >>> layer = EqualizedDense(512, multiplier=0.01)
        >>> layer.build((None, 512))
        >>> round(layer.scale, 6)
        0.000625
    """

    def __init__(self, units, gain=SQRT2, multiplier=1.0, **kwargs):
        super().__init__(units, **_with_start(kwargs, gain, multiplier))
        self.gain, self.multiplier = float(gain), float(multiplier)

    @property
    def scale(self):
        """What the kernel is multiplied by: `gain * multiplier / sqrt(fan_in)`."""
        return self.gain * self.multiplier / math.sqrt(self.kernel.shape[0])

    def call(self, inputs, training=None):
        outputs = ops.matmul(inputs, self.kernel * self.scale)
        if self.bias is not None:
            outputs = outputs + self.bias * self.multiplier
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self):
        return {**super().get_config(), "gain": self.gain, "multiplier": self.multiplier}


@keras.saving.register_keras_serializable("kgan")
class EqualizedConv2D(Conv2D):
    """A convolution with equalised learning rate, as `EqualizedDense`; fan_in is kernel area times channels.

    Args:
        filters: output channels.
        kernel_size: int or pair.
        gain: as in `EqualizedDense`.
        multiplier: as in `EqualizedDense`.
        **kwargs: other arguments of `kgan.layers.Conv2D`.

    Raises:
        UsageError: `gain` or `multiplier` not greater than 0.

    Example:
        >>> layer = EqualizedConv2D(512, 3, padding="same")
        >>> layer.build((None, 4, 4, 512))
        >>> round(layer.scale, 7)
        0.0208333
    """

    def __init__(self, filters, kernel_size, gain=SQRT2, multiplier=1.0, **kwargs):
        super().__init__(filters, kernel_size, **_with_start(kwargs, gain, multiplier))
        self.gain, self.multiplier = float(gain), float(multiplier)

    @property
    def scale(self):
        """What the kernel is multiplied by: `gain * multiplier / sqrt(fan_in)`."""
        return self.gain * self.multiplier / math.sqrt(math.prod(self.kernel.shape[:-1]))

    def call(self, inputs):
        outputs = self.convolution_op(inputs, self.kernel * self.scale)
        if self.use_bias:
            outputs = outputs + self.bias * self.multiplier
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self):
        return {**super().get_config(), "gain": self.gain, "multiplier": self.multiplier}


def _with_start(kwargs, gain, multiplier):
    for name, value in (("gain", gain), ("multiplier", multiplier)):
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name} must be greater than 0, got {value}")
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=1.0 / multiplier), **kwargs}
