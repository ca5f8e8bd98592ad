"""Means of the logged values of an epoch, and the first step at which one was not finite."""

import keras
import numpy as np
from keras import ops

from kgan import _backend

_NEVER = 2**31 - 1


class LogMeans(keras.metrics.Metric):
    """Averages named scalars over an epoch, all of them in one vector.

    One vector costs a handful of operations per step where a `keras.metrics.Mean` for each name costs
    that many for each; nothing is read back before the Trainer asks for results.

    Args:
        names: the names of the scalars.
    """

    def __init__(self, names, name="logs"):
        super().__init__(name=name, dtype="float32")
        self.names = tuple(names)
        size = (len(self.names),)
        self.total = self.add_variable(size, "zeros", dtype="float32", name="total")
        self.count = self.add_variable(size, "zeros", dtype="float32", name="count")
        self.first_bad = self.add_variable(
            size, keras.initializers.Constant(_NEVER), dtype="int32", name="first_bad"
        )

    def record(self, logs, step):
        """Adds one value for each name in `logs`.

        Args:
            logs: dict from name to a scalar, or to a pair (scalar, weight) when the value counts in
                part of the steps only, as a lazy penalty's does.
            step: Keras variable that counts the train steps, kept where a value is not finite.
        """
        pairs = [logs.get(name, (0.0, 0.0)) for name in self.names]
        pairs = [pair if isinstance(pair, tuple) else (pair, 1.0) for pair in pairs]
        _backend.add_logs(self.total, self.count, self.first_bad, pairs, step)

    def update_state(self, logs, step):
        self.record(logs, step)

    def result(self):
        return dict(zip(self.names, _backend.mean_logs(self.total, self.count)))

    def reset_state(self):
        # first_bad stays: it tells of the whole training.
        self.total.assign(ops.zeros(self.total.shape))
        self.count.assign(ops.zeros(self.count.shape))

    def first_non_finite(self):
        """The (name, step) of the earliest non-finite value, or `None`."""
        steps = ops.convert_to_numpy(self.first_bad.value)
        index = int(np.argmin(steps))
        return None if steps[index] == _NEVER else (self.names[index], int(steps[index]))
