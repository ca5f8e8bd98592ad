"""Global contrast normalisation, the safe norm and sparse initial weights."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan._backend import value_and_grad
from kgan.errors import UsageError
from kgan.layers import GlobalContrastNormalization, SparseNormal, safe_norm
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def test_contrast_has_mean_zero_and_norm_scale():
    x = RNG.uniform(-1.0, 1.0, (3, 32, 32, 3)).astype("float32")
    outputs = ops.convert_to_numpy(GlobalContrastNormalization(55.0)(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(outputs.mean(axis=(1, 2, 3)), 0.0, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(outputs.reshape(3, -1), axis=1), 55.0, rtol=1e-4)
    brighter = GlobalContrastNormalization(55.0)(ops.convert_to_tensor(0.3 * x + 0.2))
    np.testing.assert_allclose(ops.convert_to_numpy(brighter), outputs, atol=1e-3)


def test_a_constant_image_becomes_zero():
    outputs = GlobalContrastNormalization()(ops.full((1, 8, 8, 3), 0.5))
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs), 0.0)


def test_contrast_derivatives(check_derivatives):
    check_derivatives(GlobalContrastNormalization(3.0), (2, 4, 4, 1))


def test_contrast_contract():
    check_layer(GlobalContrastNormalization(scale=7.0, epsilon=1e-3), (2, 4, 4, 3))
    with pytest.raises(UsageError, match="scale must be greater than 0, got -1"):
        GlobalContrastNormalization(scale=-1.0)


def test_safe_norm_values():
    x = RNG.normal(size=(3, 4, 5)).astype("float32")
    expected = np.sqrt((x**2).sum(axis=(1, 2), keepdims=True))
    found = safe_norm(ops.convert_to_tensor(x), axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=1e-6)
    half = safe_norm(ops.cast(ops.full((4,), 300.0), "float16"))
    assert float(half) == pytest.approx(600.0)


def test_safe_norm_has_a_gradient_at_zero():
    x = keras.Variable(np.zeros((2, 3), "float32"))
    _, (gradient,) = value_and_grad(lambda: (ops.sum(safe_norm(ops.convert_to_tensor(x), axis=1)), None), [x])
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0.0)


def test_safe_norm_derivatives(check_derivatives):
    check_derivatives(lambda x: safe_norm(x, axis=1, keepdims=True), (3, 4))


@pytest.mark.parametrize("shape", [(50, 8), (3, 3, 6, 8)])
def test_sparse_weights(shape):
    weights = ops.convert_to_numpy(SparseNormal(10, stddev=2.0, seed=1)(shape)).reshape(-1, 8)
    np.testing.assert_array_equal(np.count_nonzero(weights, axis=0), 10)
    assert weights[weights != 0].std() == pytest.approx(2.0, abs=0.5)
    assert len({tuple(np.flatnonzero(column)) for column in weights.T}) == 8


def test_sparse_weights_are_reproducible_and_serialisable():
    layer = keras.layers.Dense(4, kernel_initializer=SparseNormal(3, seed=2))
    layer.build((None, 7))
    copy = keras.layers.Dense.from_config(layer.get_config())
    copy.build((None, 7))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.kernel), ops.convert_to_numpy(copy.kernel))
    assert keras.backend.standardize_dtype(SparseNormal(3)((4, 2), "float16").dtype) == "float16"


@pytest.mark.once
def test_sparse_weights_refuse_what_cannot_be():
    with pytest.raises(UsageError, match="at most the 7 inputs, got 8"):
        SparseNormal(8)((7, 2))
    for wrong in (
        {"nonzero_per_unit": 0},
        {"nonzero_per_unit": 1, "stddev": 0.0},
        {"nonzero_per_unit": 1, "seed": -1},
    ):
        with pytest.raises(UsageError, match="got"):
            SparseNormal(**wrong)
