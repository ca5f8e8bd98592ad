"""Gaussian noise: law, training only, a seed that is saved."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import GaussianNoise
from kgan.testing import check_layer


def noise(layer, shape=(200, 50)):
    return ops.convert_to_numpy(layer(ops.zeros(shape), training=True))


def test_contract():
    check_layer(GaussianNoise(0.3, seed=1), (3, 7))


def test_law():
    values = noise(GaussianNoise(0.3, seed=4))
    assert abs(values.mean()) < 0.015  # 5 standard errors of 10,000 values
    assert values.std() == pytest.approx(0.3, abs=0.01)


def test_nothing_at_inference():
    x = ops.ones((2, 3))
    np.testing.assert_array_equal(GaussianNoise(5.0, seed=0)(x, training=False), x)


def test_each_call_and_each_seed_draws_other_noise():
    layer = GaussianNoise(1.0, seed=7)
    first = noise(layer)
    assert abs(np.corrcoef(first.ravel(), noise(layer).ravel())[0, 1]) < 0.05
    # On torch seed 7's second draw is seed 8's first, unless seeds are spread.
    other = GaussianNoise(1.0, seed=8)
    assert abs(np.corrcoef(noise(layer).ravel(), noise(other).ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(first, noise(GaussianNoise(1.0, seed=7)))


def test_seed_is_a_variable_and_configuration_keeps_it():
    layer = GaussianNoise(1.0, seed=7)
    assert any(v.name == "seed_generator_state" for v in layer.variables)
    twin = GaussianNoise.from_config(layer.get_config())
    np.testing.assert_array_equal(noise(layer), noise(twin))


@pytest.mark.parametrize("stddev", [-0.1, float("nan"), float("inf")])
def test_wrong_stddev(stddev):
    with pytest.raises(UsageError, match=f"stddev must be finite and at least 0, got {stddev}"):
        GaussianNoise(stddev, seed=0)


def test_half_precision_stays_half():
    layer = GaussianNoise(0.1, seed=0, dtype="mixed_float16")
    assert keras.backend.standardize_dtype(layer(ops.zeros((2, 3)), training=True).dtype) == "float16"
