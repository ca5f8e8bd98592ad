"""Sparse initial weights."""

import keras
import numpy as np
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class SparseNormal(keras.initializers.Initializer):
    """Normal weights of which each unit has exactly `nonzero_per_unit` incoming ones, the others 0.

    Martens 2010; the last layer of the 2014 faces generator has 100 per unit. The mask is the start only:
    training fills the zeros in.

    Args:
        nonzero_per_unit: incoming weights that are not 0, at least 1 and at most the fan-in.
        stddev: standard deviation of those weights, greater than 0.
        seed: int of at least 0; the same seed and shape give the same weights on every backend.

    Raises:
        UsageError: an argument out of range, or a fan-in below `nonzero_per_unit`.

    Example:
        >>> weights = SparseNormal(2, seed=1)((5, 3))
        >>> [int(count) for count in ops.sum(ops.cast(weights != 0.0, "int32"), axis=0)]
        [2, 2, 2]
    """

    def __init__(self, nonzero_per_unit, stddev=1.0, seed=0):
        if nonzero_per_unit < 1:
            raise UsageError(f"nonzero_per_unit must be at least 1, got {nonzero_per_unit}")
        if not stddev > 0:
            raise UsageError(f"stddev must be greater than 0, got {stddev}")
        if seed < 0:
            raise UsageError(f"seed must be at least 0, got {seed}")
        self.nonzero_per_unit = nonzero_per_unit
        self.stddev = stddev
        self.seed = seed

    def __call__(self, shape, dtype=None):
        """Weights of `shape` `[..., units]`; all axes but the last are a unit's inputs."""
        units = shape[-1]
        inputs = int(np.prod(shape[:-1]))
        if inputs < self.nonzero_per_unit:
            raise UsageError(
                f"nonzero_per_unit must be at most the {inputs} inputs, got {self.nonzero_per_unit}"
            )
        rng = np.random.default_rng(self.seed)
        weights = np.zeros((inputs, units), "float32")
        rows = np.argpartition(rng.random((inputs, units), "float32"), self.nonzero_per_unit - 1, axis=0)
        rows = rows[: self.nonzero_per_unit]
        np.put_along_axis(weights, rows, self.stddev * rng.standard_normal(rows.shape, "float32"), axis=0)
        return ops.convert_to_tensor(weights.reshape(shape), dtype=dtype or keras.config.floatx())

    def get_config(self):
        return {"nonzero_per_unit": self.nonzero_per_unit, "stddev": self.stddev, "seed": self.seed}
