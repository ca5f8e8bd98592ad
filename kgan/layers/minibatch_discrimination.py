"""Minibatch discrimination: how close each sample is to the others of its batch."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each feature vector its closeness to the other samples of the batch.

    With `M_i = f_i T`, `o_in = sum over j != i of exp(-|M_in - M_jn|_1) + b_n` (Salimans et al. 2016,
    section 3.2). T is used with the columns over its inputs scaled to length `exp(log_scale)`. Samples of a
    batch influence each other, also at inference.

    Args:
        kernels: n, features that are appended, at least 1.
        dims: c, length of the vectors that are compared, at least 1.
        bias_initializer: Keras initializer of b; None for the published start at -1.
        kernel_initializer: Keras initializer of T; None for N(0, 0.05^2).
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `kernels` or `dims` below 1, or an input that is not `[batch, features]`.

    Example:
        >>> MinibatchDiscrimination(kernels=10)(ops.zeros((4, 32))).shape[1]
        42
    """

    def __init__(self, kernels=100, dims=5, bias_initializer=None, kernel_initializer=None, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("kernels", kernels), ("dims", dims)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.kernels = kernels
        self.dims = dims
        self.bias_initializer = keras.initializers.get(bias_initializer or keras.initializers.Constant(-1.0))
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.RandomNormal(stddev=0.05)
        )

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise UsageError(
                f"MinibatchDiscrimination takes [batch, features], got shape {tuple(input_shape)}"
            )
        width = self.kernels * self.dims
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], width), initializer=self.kernel_initializer
        )
        self.log_scale = self.add_weight(name="log_scale", shape=(width,), initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(self.kernels,), initializer=self.bias_initializer)

    def call(self, inputs):
        kernel = ops.convert_to_tensor(self.kernel)
        scale = ops.exp(self.log_scale) * ops.rsqrt(ops.sum(ops.square(kernel), axis=0) + 1e-12)
        # The kernel is scaled, not the product: XLA compiles the gradient of a small one wrongly (JAX 0.10).
        compared = ops.reshape(ops.matmul(inputs, kernel * scale), (-1, self.kernels, self.dims))
        gaps = ops.sum(ops.abs(compared[:, None] - compared[None]), axis=-1)
        # A sample is at distance 0 from itself: its own term is exactly 1.
        closeness = ops.sum(ops.exp(-gaps), axis=1) - 1.0
        return ops.concatenate([inputs, closeness + self.bias], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] + self.kernels)

    def get_config(self):
        return {
            **super().get_config(),
            "kernels": self.kernels,
            "dims": self.dims,
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
