"""Class numbers as vectors."""

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class OneHot(keras.layers.Layer):
    """Class numbers `[batch]` as float vectors `[batch, num_classes]`, 1 at the class and 0 elsewhere.

    Args:
        num_classes: how many classes there are, at least 1; labels lie in [0, num_classes).
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `num_classes` below 1.

    Example:
        >>> ops.convert_to_numpy(OneHot(3)(ops.convert_to_tensor([2, 0]))).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, num_classes, **kwargs):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise UsageError(f"num_classes must be at least 1, got {num_classes}")
        self.num_classes = num_classes

    def build(self, input_shape):
        pass

    def call(self, labels):
        return ops.one_hot(labels, self.num_classes, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.num_classes)

    def compute_output_spec(self, labels):
        return keras.KerasTensor((*labels.shape, self.num_classes), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes}
