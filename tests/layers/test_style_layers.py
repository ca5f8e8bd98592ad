"""Closed forms of StyleGAN's layers: styles, noise, the constant and truncation."""

import numpy as np
import pytest
from keras import ops

from kgan import layers
from kgan.errors import UsageError
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def run(layer, *arrays):
    tensors = [ops.convert_to_tensor(array.astype("float32")) for array in arrays]
    return ops.convert_to_numpy(layer(tensors if len(tensors) > 1 else tensors[0]))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: layers.AdaIN(1, 1e-6), [(2, 4, 4, 3), (2, 2, 5)]),
        (lambda: layers.AdaIN(0, equalized=False), [(2, 4, 4, 3), (2, 2, 5)]),
        (lambda: layers.NoiseInjection(), [(2, 4, 4, 3), (2, 4, 4, 1)]),
        (lambda: layers.LearnedConstant((4, 4, 3)), (2, 5)),
        (lambda: layers.Truncation(3, 1, 0.5), [(2, 5), (2,)]),
    ],
)
def test_contract(layer, shape):
    check_layer(layer, shape)


# stylegan.md 13.
def test_ada_in_gives_the_statistics_that_the_style_asks_for():
    layer = layers.AdaIN(row=1)
    maps, w = RNG.normal(3.0, 2.0, (4, 8, 8, 6)), RNG.normal(size=(4, 3, 5))
    found = run(layer, maps, w)
    # The bias starts at 0, and the kernel is used times 1 / sqrt(5).
    style = w[:, 1] @ ops.convert_to_numpy(layer.affine.kernel) / np.sqrt(5)
    scale, shift = np.split(style, 2, axis=1)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), shift, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=(1, 2)), np.abs(scale + 1), atol=1e-4)
    assert layer.affine.gain == 1.0


def test_a_style_of_zeros_leaves_the_normalised_maps():
    maps = RNG.normal(3.0, 2.0, (2, 4, 4, 6)).astype("float32")
    found = run(layers.AdaIN(row=0), maps, np.zeros((2, 1, 5)))
    centred = maps - maps.mean(axis=(1, 2), keepdims=True)
    variance = np.square(centred).mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, centred / np.sqrt(variance + 1e-8), atol=1e-5)


def test_of_constant_maps_the_shift_alone_is_left():
    layer = layers.AdaIN(row=0)
    w = RNG.normal(size=(2, 1, 5))
    found = run(layer, np.ones((2, 4, 4, 6)), w)
    shift = (w[:, 0] @ ops.convert_to_numpy(layer.affine.kernel) / np.sqrt(5))[:, 6:]
    np.testing.assert_allclose(found, np.broadcast_to(shift[:, None, None], found.shape), atol=1e-5)


def test_noise_has_one_strength_per_channel():
    layer = layers.NoiseInjection()
    maps, noise = RNG.normal(size=(2, 4, 4, 3)), RNG.normal(size=(2, 4, 4, 1))
    np.testing.assert_array_equal(run(layer, maps, noise), maps.astype("float32"))
    layer.strength.assign([0.0, 2.0, -1.0])
    expected = maps + noise * np.array([0.0, 2.0, -1.0])
    np.testing.assert_allclose(run(layer, maps, noise), expected, atol=1e-6)


def truncation(cutoff=2):
    layer = layers.Truncation(3, cutoff)
    layer.build([(None, 4), (None,)])
    mean = RNG.normal(size=4).astype("float32")
    layer.mean.assign(mean)
    return layer, mean


def test_truncation_is_exact_at_both_ends():
    layer, mean = truncation()
    w = RNG.normal(size=(2, 4)).astype("float32")
    whole = run(layer, w, np.ones(2))
    np.testing.assert_array_equal(whole, np.repeat(w[:, None], 3, axis=1))
    none = run(layer, w, np.zeros(2))
    np.testing.assert_array_equal(none[:, :2], np.broadcast_to(mean, (2, 2, 4)))
    np.testing.assert_array_equal(none[:, 2], w)


def test_truncation_moves_along_the_line_from_the_mean():
    layer, mean = truncation(cutoff=8)
    w = RNG.normal(size=(2, 4)).astype("float32")
    found = run(layer, w, np.array([0.7, -1.0]))
    expected = mean + np.array([[0.7], [-1.0]]) * (w - mean)
    np.testing.assert_allclose(found, np.repeat(expected[:, None], 3, axis=1), rtol=1e-5, atol=1e-6)


def test_the_mean_after_constant_batches():
    layer = layers.Truncation(2)
    layer.build([(None, 3), (None,)])
    m = np.array([1.0, -2.0, 0.5], "float32")
    for _ in range(7):
        layer.track(ops.convert_to_tensor(np.tile(m, (4, 1))))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.mean.value), m * (1 - 0.995**7), rtol=1e-4)


@pytest.mark.once
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.AdaIN(-1), "row must be an integer >= 0, got -1"),
        (lambda: layers.AdaIN(0).build([(2, 3), (2, 1, 4)]), r"AdaIN takes maps \[b, h, w, c\]"),
        (lambda: layers.NoiseInjection().build([(2, 4, 4, 3), (2, 8, 8, 1)]), r"noise must be \[4, 4, 1\]"),
        (lambda: layers.Truncation(0), "layers must be an integer >= 1, got 0"),
        (lambda: layers.Truncation(4, -1), "cutoff must be an integer >= 0, got -1"),
        (lambda: layers.Truncation(4, decay=1.0), r"decay must be in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(UsageError, match=message):
        make()
