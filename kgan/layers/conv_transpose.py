"""Two-dimensional transposed convolution with the explicit padding of published tables."""

import keras
from keras import ops

from kgan import _backend
from kgan.errors import UsageError
from kgan.layers.conv import split_padding


@keras.saving.register_keras_serializable("kgan")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """`keras.layers.Conv2DTranspose` that also takes the kernel/stride/padding triples of papers.

    With an integer padding p the output has `(n - 1) * stride - 2 p + kernel + output_padding` pixels per
    axis, as in PyTorch; its weights are the kernel `[kh, kw, out, in]` of Keras, which is PyTorch's
    `[in, out, kh, kw]` transposed.

    Args:
        filters: output channels.
        kernel_size: int or pair.
        strides: int or pair.
        padding: `"valid"`, `"same"`, or the pixels cropped from each side of the full transposed
            convolution, an int of at least 0.
        output_padding: int or pair, pixels added at the end of each axis, less than the stride; None means
            0 with an integer padding and Keras' own choice otherwise.
        **kwargs: other arguments of `keras.layers.Conv2DTranspose`.

    Raises:
        UsageError: any other padding, or one that leaves no pixel.

    Example:
        >>> layer = Conv2DTranspose(8, 5, strides=2, padding=2, output_padding=1)
        >>> layer.compute_output_shape((None, 4, 4, 16))
        (None, 8, 8, 8)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding: int | str = "valid",
        output_padding=None,
        **kwargs,
    ):
        self.explicit_padding, keras_padding = split_padding(padding)
        super().__init__(
            filters,
            kernel_size,
            strides=strides,
            padding=keras_padding,
            output_padding=output_padding,
            **kwargs,
        )

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        super().build(input_shape)

    def call(self, inputs):
        outputs = self.transposed_convolution(inputs, self.kernel)
        if self.use_bias:
            channels = (1, 1, 1, -1) if self.data_format == "channels_last" else (1, -1, 1, 1)
            outputs = outputs + ops.reshape(self.bias, channels)
        return outputs if self.activation is None else self.activation(outputs)

    def transposed_convolution(self, inputs, kernel):
        """The linear part: transposed convolution of `inputs` by `kernel`, with the layer's padding."""
        pads, size = self._transposed(inputs.shape)
        return _backend.conv_transpose(self._ordinary, inputs, kernel, self.strides, pads, size)

    def _transposed(self, shape):
        """Padding and image size of the convolution whose transpose this is; None where it is none."""
        if self.data_format != "channels_last" or max(self.dilation_rate) > 1 or None in shape[1:3]:
            return None, None
        size = tuple(self.compute_output_shape(tuple(shape))[1:3])
        if self.explicit_padding is not None:
            return ((self.explicit_padding,) * 2,) * 2, size
        margins = [k - s for k, s in zip(self.kernel_size, self.strides)]
        if self.output_padding is not None or (self.padding == "same" and min(margins) < 0):
            return None, None
        if self.padding == "valid":
            return ((0, 0),) * 2, size
        return tuple((margin // 2, margin - margin // 2) for margin in margins), size

    def _ordinary(self, inputs, kernel):
        crop = self.explicit_padding
        if crop is None:
            return self._keras_convolution(inputs, kernel, self.padding, self.output_padding)
        if self._same_is_equal():
            return self._keras_convolution(inputs, kernel, "same", None)
        outputs = self._keras_convolution(inputs, kernel, "valid", self._extra())
        if crop == 0:
            return outputs
        if self.data_format == "channels_last":
            return outputs[:, crop:-crop, crop:-crop, :]
        return outputs[:, :, crop:-crop, crop:-crop]

    def compute_output_shape(self, input_shape):
        if self.explicit_padding is None:
            return super().compute_output_shape(input_shape)
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        shape[3 if self.data_format == "channels_last" else 1] = self.filters
        for axis, (k, s, extra) in enumerate(zip(self._kernel_spans(), self.strides, self._extra()), first):
            if shape[axis] is not None:
                shape[axis] = (shape[axis] - 1) * s - 2 * self.explicit_padding + k + extra
                if shape[axis] < 1:
                    raise UsageError(
                        f"padding must leave at least 1 pixel, got {shape[axis]} from padding="
                        f"{self.explicit_padding}, kernel {k}, stride {s}, input {input_shape[axis]}"
                    )
        return tuple(shape)

    def get_config(self):
        explicit = self.explicit_padding
        return {**super().get_config(), "padding": self.padding if explicit is None else explicit}

    def _keras_convolution(self, inputs, kernel, padding, output_padding):
        return ops.conv_transpose(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=padding,
            output_padding=output_padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )

    def _kernel_spans(self):
        return [(k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate)]

    def _extra(self):
        return self.output_padding or (0, 0)

    def _same_is_equal(self):
        """Whether "same", which crops (k - s) // 2 at the start and yields n * s pixels, does the same."""
        p = self.explicit_padding or 0
        return all(
            k - 2 * p + extra == s and (k - s) // 2 == p
            for k, s, extra in zip(self._kernel_spans(), self.strides, self._extra())
        )
