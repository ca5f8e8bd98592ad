"""The binomial filter that StyleGAN smooths resampled maps with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("kgan")
class Blur(keras.layers.Layer):
    """Filters each channel of NHWC images with [1, 2, 1] x [1, 2, 1] / 16, with zeros around the border.

    A constant image keeps its interior and loses a quarter at the edges. Karras et al. 2019.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:
        >>> edge = Blur()(ops.ones((1, 3, 3, 1)))
        >>> [float(n) for n in edge[0, 0, :, 0]]
        [0.5625, 0.75, 0.5625]
    """

    def call(self, inputs):
        x = ops.pad(inputs, [(0, 0), (1, 1), (1, 1), (0, 0)])
        x = 0.25 * x[:, :-2] + 0.5 * x[:, 1:-1] + 0.25 * x[:, 2:]
        return 0.25 * x[:, :, :-2] + 0.5 * x[:, :, 1:-1] + 0.25 * x[:, :, 2:]

    def compute_output_shape(self, input_shape):
        return input_shape
