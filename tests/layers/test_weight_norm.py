"""Weight normalisation against numpy and the plain layers, and the start from data."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import layers
from kgan.errors import UsageError
from kgan.layers import WeightNormConv2D, WeightNormConv2DTranspose, WeightNormDense, start_from_data
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def filled(layer, shape):
    layer.build(shape)
    layer.set_weights([RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
    return {w.name: ops.convert_to_numpy(w.value) for w in layer.weights}


def run(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def test_dense_against_numpy():
    x = RNG.normal(size=(5, 7)).astype("float32")
    layer = WeightNormDense(4, "relu")
    w = filled(layer, x.shape)
    kernel = w["kernel"] / np.linalg.norm(w["kernel"], axis=0) * w["scale"]
    np.testing.assert_allclose(run(layer, x), np.maximum(x @ kernel + w["bias"], 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "plain", "axes"),
    [
        (
            WeightNormConv2D(4, 3, strides=2, padding=1),
            layers.Conv2D(4, 3, strides=2, padding=1),
            (0, 1, 2),
        ),
        (
            WeightNormConv2DTranspose(4, 5, strides=2, padding="same", activation="tanh"),
            layers.Conv2DTranspose(4, 5, strides=2, padding="same", activation="tanh"),
            (0, 1, 3),
        ),
    ],
    ids=["convolution", "transposed"],
)
def test_convolutions_against_plain_ones(layer, plain, axes):
    x = RNG.normal(size=(2, 6, 6, 3)).astype("float32")
    w = filled(layer, x.shape)
    length = np.sqrt((w["kernel"] ** 2).sum(axis=axes, keepdims=True))
    scale = w["scale"].reshape([-1 if side == 4 else 1 for side in length.shape])
    plain.build(x.shape)
    plain.set_weights([w["kernel"] / length * scale, w["bias"]])
    np.testing.assert_allclose(run(layer, x), run(plain, x), rtol=1e-3, atol=1e-5)


def test_the_length_of_the_weights_does_not_matter():
    x = RNG.normal(size=(5, 7)).astype("float32")
    layer = WeightNormDense(4)
    filled(layer, x.shape)
    before = run(layer, x)
    layer.kernel.assign(3.0 * layer.kernel)
    np.testing.assert_allclose(run(layer, x), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("train_scale", [False, True])
def test_learned_scale(train_scale):
    layer = WeightNormDense(4, train_scale=train_scale)
    layer.build((None, 7))
    assert ("scale" in [w.name for w in layer.trainable_weights]) == train_scale
    assert len(layer.weights) == 3


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (WeightNormDense(4, "softplus", True, 0.5, kernel_initializer="he_normal"), (3, 7)),
        (WeightNormDense(4, use_bias=False), (3, 2, 7)),
        (WeightNormConv2D(4, 3, padding=1, init_std=0.1, train_scale=True), (2, 6, 6, 3)),
        (WeightNormConv2D(4, 3, use_bias=False), (2, 6, 6, 3)),
        (WeightNormConv2DTranspose(3, 5, strides=2, padding="same", activation="tanh"), (2, 4, 4, 3)),
    ],
    ids=["dense", "dense without bias", "convolution", "convolution without bias", "transposed"],
)
def test_contract(layer, shape):
    check_layer(layer, shape)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (WeightNormDense(3, train_scale=True), (2, 5)),
        (WeightNormConv2D(2, 3, padding=1), (2, 4, 4, 2)),
        (WeightNormConv2DTranspose(2, 3, strides=2, padding="same"), (2, 3, 3, 2)),
    ],
    ids=["dense", "convolution", "transposed"],
)
def test_derivatives(layer, shape, check_derivatives):
    filled(layer, shape)
    check_derivatives(layer, shape, layer.trainable_variables)


def test_start_from_data_standardises_every_unit():
    images = RNG.normal(2.0, 3.0, (200, 6, 6, 2)).astype("float32")
    network = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            WeightNormConv2D(5, 3, strides=2, padding=1),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Flatten(),
            WeightNormDense(8, "relu", init_std=0.1),
            WeightNormDense(3, init_std=0.5),
        ]
    )
    start_from_data(network, images)
    convolution = keras.Model(network.inputs, network.layers[0].output)
    maps = run(convolution, images)
    np.testing.assert_allclose(maps.mean(axis=(0, 1, 2)), 0.0, atol=1e-5)
    np.testing.assert_allclose(maps.std(axis=(0, 1, 2)), 1.0, rtol=1e-4)
    outputs = run(network, images)
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(outputs.std(axis=0), 0.5, rtol=1e-3)


def test_a_unit_that_is_constant_on_the_data_keeps_its_scale():
    network = keras.Sequential([keras.Input((3,)), WeightNormDense(2)])
    start_from_data(network, np.ones((10, 3), "float32"))
    np.testing.assert_array_equal(network.layers[0].scale, [1.0, 1.0])
    np.testing.assert_allclose(run(network, np.ones((1, 3), "float32")), 0.0, atol=1e-6)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    with pytest.raises(UsageError, match="units must be at least 1, got 0"):
        WeightNormDense(0)
    with pytest.raises(UsageError, match="init_std must be greater than 0, got 0"):
        WeightNormConv2D(2, 3, init_std=0)
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="plain")
    with pytest.raises(UsageError, match="plain must have a weight-normalised layer, it has none"):
        start_from_data(plain, np.ones((2, 3), "float32"))
    functional = keras.Model(plain.inputs, plain.outputs)
    with pytest.raises(UsageError, match=r"must be a keras.Sequential, got Functional"):
        start_from_data(functional, np.ones((2, 3), "float32"))
