"""Means of logged values, computed by each backend in its own operations."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.engine.logs import LogMeans


def test_means_weights_and_the_first_value_that_is_not_finite():
    logs, step = LogMeans(["loss", "penalty", "other"]), keras.Variable(0, dtype="int32", trainable=False)
    one = ops.convert_to_tensor(1.0)
    for i, (loss, penalty) in enumerate([(1.0, 4.0), (2.0, 0.0), (float("nan"), 2.0), (float("inf"), 0.0)]):
        step.assign(10 + i)
        active = ops.cast(i % 2 == 0, "float32")
        logs.record({"loss": loss * one, "penalty": (penalty * one, active)}, step)
        if i == 1:
            means = {name: float(ops.convert_to_numpy(mean)) for name, mean in logs.result().items()}
            assert means == pytest.approx({"loss": 1.5, "penalty": 4.0, "other": 0.0})
            assert logs.first_non_finite() is None
    assert logs.first_non_finite() == ("loss", 12)
    logs.reset_state()
    assert np.all(ops.convert_to_numpy(logs.count.value) == 0)
    assert logs.first_non_finite() == ("loss", 12)
