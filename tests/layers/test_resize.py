"""Resizing: values against Keras' own, derivatives against differences, where Keras' own are wrong."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import Downsample2D, Upsample2D, resize
from kgan.testing import check_layer

IMAGES = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("size", [(8, 12), (5, 9), (2, 3), (3, 4), (4, 6)])
@pytest.mark.parametrize(
    ("interpolation", "antialias"), [("bilinear", False), ("bilinear", True), ("nearest", False)]
)
def test_values_are_those_of_keras(size, interpolation, antialias):
    theirs = keras.ops.image.resize(
        ops.convert_to_tensor(IMAGES), size, interpolation, antialias=antialias, data_format="channels_last"
    )
    ours = resize(ops.convert_to_tensor(IMAGES), size, interpolation, antialias)
    np.testing.assert_allclose(numpy(ours), numpy(theirs), rtol=1e-5, atol=1e-5)


def test_bilinear_doubling_by_hand():
    x = ops.convert_to_tensor(np.array([0.0, 4.0], "float32").reshape(1, 1, 2, 1))
    found = numpy(Upsample2D(2, "bilinear")(x))
    np.testing.assert_allclose(found[0, :, :, 0], [[0.0, 1.0, 3.0, 4.0]] * 2, atol=1e-6)


def test_nearest_then_mean_is_the_identity():
    x = ops.convert_to_tensor(IMAGES)
    np.testing.assert_allclose(numpy(Downsample2D(3)(Upsample2D(3)(x))), IMAGES, rtol=1e-6)
    np.testing.assert_array_equal(numpy(Upsample2D(2)(x)), IMAGES.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize(
    "function",
    [
        Upsample2D(2),
        Upsample2D(2, "bilinear"),
        Downsample2D(2),
        lambda x: resize(x, (3, 7), "bilinear", antialias=True),
        lambda x: resize(x, (3, 7), "nearest"),
    ],
    ids=["nearest", "bilinear", "mean", "bilinear to any size", "nearest to any size"],
)
def test_derivatives(function, check_derivatives):
    check_derivatives(function, (2, 4, 6, 2))


@pytest.mark.parametrize(
    "layer", [Upsample2D(3), Upsample2D(2, "bilinear"), Downsample2D(2)], ids=["nearest", "bilinear", "mean"]
)
def test_contract(layer):
    check_layer(layer, IMAGES.shape)


def test_half_precision_stays():
    x = ops.cast(ops.convert_to_tensor(IMAGES), "float16")
    for layer in (Upsample2D(2), Upsample2D(2, "bilinear"), Downsample2D(2)):
        layer = type(layer).from_config({**layer.get_config(), "dtype": "float16"})
        assert keras.backend.standardize_dtype(layer(x).dtype) == "float16"


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    cases = [
        (lambda: Upsample2D(0), "factor must be an integer >= 1, got 0"),
        (lambda: Upsample2D(2, "bicubic"), "got 'bicubic'"),
        (lambda: Downsample2D(4)(ops.zeros((1, 8, 6, 1))), "multiples of 4, got 8x6"),
        (lambda: resize(ops.zeros((1, 8, 6, 1)), (0, 4)), r"size must be at least 1, got \(0, 4\)"),
        (lambda: resize(ops.zeros((1, 8, 6, 1)), (4, 4), "cubic"), "got 'cubic'"),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()
