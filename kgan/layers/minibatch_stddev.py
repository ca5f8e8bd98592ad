"""Minibatch standard deviation: how much the samples of a batch differ, as a feature map."""

import keras
from keras import ops

from kgan import checks
from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class MinibatchStdDev(keras.layers.Layer):
    """Appends one channel that holds the mean standard deviation over a group of samples.

    Of every feature at every pixel `sqrt(variance + 1e-8)` is taken over the group, and averaged to one
    number per group. Groups are strided: of 8 samples in groups of 4, samples 0, 2, 4, 6 are one group.
    Karras et al. 2018, section 3.

    Args:
        group_size: samples of a group, at least 1; of a smaller batch, the whole batch.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `group_size` below 1, or a larger batch that it does not divide.

    Example:
        >>> maps = ops.reshape(ops.arange(4, dtype="float32"), (4, 1, 1, 1)) * ops.ones((1, 2, 2, 1))
        >>> round(float(MinibatchStdDev()(maps)[0, 0, 0, 1]), 6)
        1.118034
    """

    def __init__(self, group_size=4, **kwargs):
        super().__init__(**kwargs)
        self.group_size = checks.count("group_size", group_size)

    def check_batch(self, batch_size):
        """Raises UsageError unless batches of this size fall into groups."""
        if batch_size > self.group_size and batch_size % self.group_size:
            raise UsageError(
                f"batch_size must be a multiple of {self.group_size}, the group of the minibatch "
                f"statistics, or smaller, got {batch_size}"
            )

    def call(self, inputs):
        batch, (height, width, channels) = ops.shape(inputs)[0], inputs.shape[1:]
        if isinstance(batch, int):
            self.check_batch(batch)
            group = min(self.group_size, batch)
        else:  # a graph that does not know the size
            group = ops.minimum(self.group_size, batch)
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        x = ops.reshape(x, (group, -1, height, width, channels))
        x = x - ops.mean(x, axis=0, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(x), axis=0) + 1e-8)
        spread = ops.mean(spread, axis=(1, 2, 3), keepdims=True)
        spread = ops.tile(spread, (group, height, width, 1))
        return ops.concatenate([inputs, ops.cast(spread, inputs.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self):
        return {**super().get_config(), "group_size": self.group_size}
