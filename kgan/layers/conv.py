"""Two-dimensional convolution with the explicit padding of published tables."""

import keras
from keras import ops

from kgan import _backend
from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that also takes a number of zeros to pad on every side.

    With a 5x5 kernel and stride 2, "same" pads (1, 2) where the published models pad (2, 2).

    Args:
        filters: output channels.
        kernel_size: int or pair.
        strides: int or pair.
        padding: `"valid"`, `"same"`, or the zeros on each side of both axes, an int of at least 0.
        **kwargs: other arguments of `keras.layers.Conv2D`.

    Raises:
        UsageError: any other padding.

    Example:
        >>> Conv2D(8, 5, strides=2, padding=2).compute_output_shape((None, 64, 64, 3))
        (None, 32, 32, 8)
    """

    def __init__(self, filters, kernel_size, strides=(1, 1), padding: int | str = "valid", **kwargs):
        self.explicit_padding, keras_padding = split_padding(padding)
        super().__init__(filters, kernel_size, strides=strides, padding=keras_padding, **kwargs)

    def convolution_op(self, inputs, kernel):
        return _backend.conv(self._keras_convolution, inputs, kernel, self.strides, self._pads(inputs.shape))

    def _keras_convolution(self, inputs, kernel):
        padding = self.padding
        if self.explicit_padding:
            if self._same_is_equal(inputs.shape):
                padding = "same"  # spares a copy of the image
            else:
                inputs = ops.pad(inputs, self._spatial((self.explicit_padding,) * 2))
        return ops.conv(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def compute_output_shape(self, input_shape):
        pads = self._spatial((self.explicit_padding or 0,) * 2)
        padded = [None if n is None else n + sum(pad) for n, pad in zip(input_shape, pads)]
        return super().compute_output_shape(tuple(padded))

    def get_config(self):
        explicit = self.explicit_padding
        return {**super().get_config(), "padding": self.padding if explicit is None else explicit}

    def _spatial(self, pair):
        none = (0, 0)
        return [none, pair, pair, none] if self.data_format == "channels_last" else [none, none, pair, pair]

    def _pads(self, shape):
        """Zeros before and after each axis of an NHWC image; None where it is no such convolution."""
        if self.data_format != "channels_last" or self.groups != 1 or max(self.dilation_rate) > 1:
            return None
        if self.padding == "valid":  # an explicit padding is given to Keras as "valid"
            return ((self.explicit_padding or 0,) * 2,) * 2
        if None in shape[1:3]:
            return None
        spans = zip(shape[1:3], self.kernel_size, self.strides)
        totals = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in spans]
        return tuple((total // 2, total - total // 2) for total in totals)

    def _same_is_equal(self, shape):
        """Whether "same" pads an input of this static shape by `explicit_padding` on every side."""
        spatial = shape[1:3] if self.data_format == "channels_last" else shape[2:4]
        for n, k, s, d in zip(spatial, self.kernel_size, self.strides, self.dilation_rate):
            if n is None:
                return False
            total = (-(-n // s) - 1) * s + (k - 1) * d + 1 - n
            if total != 2 * (self.explicit_padding or 0):
                return False
        return True


def split_padding(padding):
    """`(zeros per side or None, the padding that Keras is given)`."""
    if padding in ("valid", "same"):
        return None, padding
    if isinstance(padding, bool) or not isinstance(padding, int) or padding < 0:
        raise UsageError(f'padding must be "valid", "same" or an integer of at least 0, got {padding!r}')
    return padding, "valid"
