"""Maxout layers against numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import MaxoutConv2D, MaxoutDense
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def apply(layer, x):
    layer.build(x.shape)
    weights = [RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights()]
    layer.set_weights(weights)
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x))), weights


def test_dense_keeps_the_largest_of_adjacent_pieces():
    x = RNG.normal(size=(5, 7)).astype("float32")
    outputs, (kernel, bias) = apply(MaxoutDense(4, 3), x)
    pieces = x @ kernel + bias
    expected = np.stack([pieces[:, 3 * unit : 3 * unit + 3].max(axis=1) for unit in range(4)], axis=1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def test_one_piece_is_linear():
    x = RNG.normal(size=(5, 7)).astype("float32")
    outputs, (kernel,) = apply(MaxoutDense(4, 1, use_bias=False), x)
    np.testing.assert_allclose(outputs, x @ kernel, rtol=1e-5, atol=1e-5)


def test_published_discriminator_has_its_parameters():
    network = keras.Sequential(
        [keras.Input((784,)), MaxoutDense(240, 5), MaxoutDense(240, 5), keras.layers.Dense(1)]
    )
    assert network.count_params() == 1_231_441


def test_column_norms_can_be_clipped():
    constraint = keras.constraints.MaxNorm(1.9365, axis=0)
    layer = MaxoutDense(4, 3, kernel_constraint=constraint)
    layer.build((None, 50))
    clipped = layer.kernel.constraint(ops.full((50, 12), 3.0))
    np.testing.assert_allclose(np.linalg.norm(ops.convert_to_numpy(clipped), axis=0), 1.9365, rtol=1e-5)


def test_convolution_takes_pieces_then_pools():
    x = RNG.normal(size=(2, 6, 6, 3)).astype("float32")
    layer = MaxoutConv2D(4, 2, 3, padding=1, pool_size=3, pool_stride=2)
    outputs, weights = apply(layer, x)
    plain = keras.layers.Conv2D(8, 3, padding="same")
    plain.build(x.shape)
    plain.set_weights(weights)
    maps = ops.convert_to_numpy(plain(ops.convert_to_tensor(x))).reshape(2, 6, 6, 4, 2).max(axis=-1)
    expected = [[maps[:, i : i + 3, j : j + 3].max(axis=(1, 2)) for j in (0, 2)] for i in (0, 2)]
    np.testing.assert_allclose(outputs, np.array(expected).transpose(2, 0, 1, 3), rtol=1e-4, atol=1e-5)


def test_convolutional_discriminator_shapes():
    shape = (None, 32, 32, 3)
    for layer, expected in [
        (MaxoutConv2D(32, 2, 8, padding=4, pool_size=4, pool_stride=2), (None, 15, 15, 32)),
        (MaxoutConv2D(32, 2, 8, padding=3, pool_size=4, pool_stride=2), (None, 6, 6, 32)),
        (MaxoutConv2D(192, 2, 5, padding=3, pool_size=2, pool_stride=2), (None, 4, 4, 192)),
    ]:
        shape = layer.compute_output_shape(shape)
        assert shape == expected


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MaxoutDense(4, 3, kernel_constraint=keras.constraints.MaxNorm(1.9365, axis=0)), (3, 7)),
        (MaxoutDense(4, 3, use_bias=False, kernel_initializer="he_normal"), (3, 2, 7)),
        (MaxoutConv2D(4, 3, 3, padding=2, pool_size=4, pool_stride=2, use_bias=False), (2, 6, 6, 3)),
        (MaxoutConv2D(4, 1, (3, 2)), (2, 6, 6, 3)),
    ],
    ids=["dense", "dense without bias", "convolution", "convolution without pooling"],
)
def test_contract(layer, shape):
    check_layer(layer, shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(MaxoutDense(3, 2), (2, 5)), (MaxoutConv2D(2, 2, 3, padding=1, pool_size=2), (2, 4, 4, 2))],
    ids=["dense", "convolution"],
)
def test_derivatives(layer, shape, check_derivatives):
    layer.build(shape)
    rng = np.random.default_rng(3)
    layer.set_weights([rng.normal(0.0, 0.3, w.shape) for w in layer.get_weights()])
    # A short step: the gradient jumps where another piece becomes the largest.
    check_derivatives(layer, shape, layer.trainable_variables, step=5e-4, rel=3e-2)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    with pytest.raises(UsageError, match="pieces must be at least 1, got 0"):
        MaxoutDense(4, 0)
    with pytest.raises(UsageError, match="filters must be at least 1, got 0"):
        MaxoutConv2D(0, 2, 3)
    with pytest.raises(UsageError, match="pool_stride must be at least 1, got 0"):
        MaxoutConv2D(1, 2, 3, pool_stride=0)
