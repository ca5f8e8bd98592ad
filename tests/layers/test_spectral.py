"""Spectral normalisation: a function of the weight, the same on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import Conv2DTranspose, SpectralNormalization
from kgan.testing import check_layer

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")
KERNEL = np.random.default_rng(1).normal(size=(6, 3)).astype("float32")


def dense(kernel, **kwargs):
    layer = SpectralNormalization(keras.layers.Dense(kernel.shape[1], use_bias=False), **kwargs)
    layer.build((None, kernel.shape[0]))
    layer.layer.kernel.assign(kernel)
    return layer


def converge(layer, x):
    for _ in range(60):
        layer(x, training=True)


def test_diagonal_weight():
    layer = dense(np.diag([3.0, 1.0]).astype("float32"))
    x = ops.eye(2)
    converge(layer, x)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), np.diag([1.0, 1 / 3]), atol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.layer.kernel), np.diag([3.0, 1.0]))


@pytest.mark.parametrize(
    ("layer", "shape", "matrix"),
    [
        (keras.layers.Dense(5), (1, 6), lambda w: w),
        (keras.layers.Conv2D(5, 3), (1, 4, 4, 2), lambda w: w.reshape(-1, 5)),
        (Conv2DTranspose(5, 3, 2, 1), (1, 4, 4, 2), lambda w: w.transpose(0, 1, 3, 2).reshape(-1, 5)),
    ],
    ids=["dense", "convolution", "transposed convolution"],
)
def test_largest_singular_value_becomes_one(layer, shape, matrix):
    layer.bias_initializer = keras.initializers.Constant(0.5)
    layer = SpectralNormalization(layer)
    x = ops.convert_to_tensor(np.random.default_rng(1).normal(size=shape).astype("float32"))
    layer.build(shape)
    kernel = np.random.default_rng(2).normal(size=layer.layer.kernel.shape)
    layer.layer.kernel.assign(kernel)
    converge(layer, x)
    outputs = ops.convert_to_numpy(layer(x)) - 0.5
    plain = ops.convert_to_numpy(layer.layer(x)) - 0.5
    sigma = np.linalg.svd(matrix(kernel), compute_uv=False)[0]
    np.testing.assert_allclose(outputs, plain / sigma, rtol=1e-3, atol=1e-5)


def test_embedding():
    layer = SpectralNormalization(keras.layers.Embedding(7, 3))
    labels = ops.convert_to_tensor(np.array([0, 4, 6], "int32"))
    layer.build((3,))
    table = np.random.default_rng(1).normal(size=(7, 3)).astype("float32")
    layer.layer.embeddings.assign(table)
    converge(layer, labels)
    expected = table[[0, 4, 6]] / np.linalg.svd(table, compute_uv=False)[0]
    np.testing.assert_allclose(ops.convert_to_numpy(layer(labels)), expected, rtol=1e-3)


def test_only_training_moves_u():
    layer = dense(KERNEL, power_iterations=2)
    x = ops.convert_to_tensor(X)
    start = ops.convert_to_numpy(layer.u)
    first = ops.convert_to_numpy(layer(x, training=False))
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.u), start)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x, training=False)), first)
    kernel = ops.convert_to_numpy(layer.layer.kernel)
    u = start / np.linalg.norm(start)
    for _ in range(2):
        v = kernel @ u / np.linalg.norm(kernel @ u)
        u = v @ kernel / np.linalg.norm(v @ kernel)
    trained = ops.convert_to_numpy(layer(x, training=True))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.u), u, rtol=1e-4)
    np.testing.assert_allclose(trained, X @ kernel / (v @ kernel @ u), rtol=1e-4)
    assert [v.name for v in layer.non_trainable_variables] == ["u"]
    assert [v.name for v in layer.trainable_variables] == ["kernel"]


def test_gradient_goes_through_the_singular_value():
    """After two calls in one loss, <gradient, W> is 0: the output does not depend on the weight's length."""
    from kgan._backend import value_and_grad

    layer = dense(KERNEL)
    real, fake = ops.convert_to_tensor(X), ops.convert_to_tensor(X[::-1] * 2.0)

    def loss():
        scores = [ops.sum(ops.square(layer(x, training=True))) for x in (real, fake)]
        return scores[0] + scores[1], None

    _, (gradient,) = value_and_grad(loss, layer.trainable_variables)
    gradient, kernel = ops.convert_to_numpy(gradient), ops.convert_to_numpy(layer.layer.kernel)
    assert np.abs(gradient).max() > 1.0
    assert abs(np.sum(gradient * kernel)) < 1e-4 * np.abs(gradient * kernel).sum()


def test_derivatives(check_derivatives):
    layer = dense(KERNEL)
    converge(layer, ops.convert_to_tensor(X))  # at the singular vectors u and v are constants to first order
    check_derivatives(layer, X.shape, layer.trainable_variables)


def test_inside_of_fit():
    network = keras.Sequential(
        [keras.Input((6,)), SpectralNormalization(keras.layers.Dense(3)), keras.layers.Dense(1)]
    )
    network.compile("sgd", "mse")
    start = ops.convert_to_numpy(network.layers[0].u)
    network.fit(X, X[:, :1], verbose=0, batch_size=4)
    assert not np.allclose(ops.convert_to_numpy(network.layers[0].u), start)


def test_mixed_precision_normalises_in_float32():
    inner = keras.layers.Dense(3, use_bias=False, dtype="mixed_bfloat16")
    layer = SpectralNormalization(inner, dtype="mixed_bfloat16")
    outputs = layer(ops.convert_to_tensor(X), training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert keras.backend.standardize_dtype(layer.u.dtype) == "float32"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(keras.layers.Dense(3), (2, 6)), (keras.layers.Conv2D(3, 3, padding="same"), (2, 4, 4, 2))],
    ids=["dense", "convolution"],
)
def test_contract(layer, shape):
    check_layer(SpectralNormalization(layer, power_iterations=3, epsilon=1e-6, seed=4), shape)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    inner = keras.layers.Dense(3)
    with pytest.raises(UsageError, match="power_iterations must be at least 1, got 0"):
        SpectralNormalization(inner, power_iterations=0)
    with pytest.raises(UsageError, match="epsilon must be greater than 0, got 0"):
        SpectralNormalization(inner, epsilon=0.0)
    with pytest.raises(UsageError, match="one kernel or embeddings, got BatchNormalization with 0"):
        SpectralNormalization(keras.layers.BatchNormalization()).build((None, 4))
