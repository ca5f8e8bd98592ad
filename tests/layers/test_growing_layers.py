"""Closed forms of the layers that PGGAN and StyleGAN share."""

import math

import numpy as np
import pytest
from keras import ops

from kgan import layers
from kgan.errors import UsageError
from kgan.layers.fade import blend
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def run(layer, *arrays):
    tensors = [ops.convert_to_tensor(array) for array in arrays]
    return ops.convert_to_numpy(layer(tensors if len(tensors) > 1 else tensors[0]))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: layers.EqualizedDense(3, gain=1.0, multiplier=0.1), (4, 5)),
        (
            lambda: layers.EqualizedConv2D(3, 3, padding="same", use_bias=False, activation="relu"),
            (2, 4, 4, 2),
        ),
        (lambda: layers.PixelNormalization(1e-6), (2, 3, 3, 4)),
        (lambda: layers.MinibatchStdDev(2), (4, 3, 3, 2)),
        (lambda: layers.Blur(), (2, 5, 4, 3)),
        (lambda: layers.Bias(), (2, 4, 4, 3)),
        (lambda: layers.Fade(), [(2, 4, 4, 3), (2, 4, 4, 3)]),
    ],
)
def test_contract(layer, shape):
    check_layer(layer, shape)


# pggan.md 11 and stylegan.md 13.
@pytest.mark.once
@pytest.mark.parametrize(
    ("layer", "shape", "scale"),
    [
        (lambda: layers.EqualizedConv2D(4, 3), (None, 4, 4, 512), 1 / 48),
        (lambda: layers.EqualizedDense(4, gain=math.sqrt(2) / 4), (None, 512), 1 / 64),
        (lambda: layers.EqualizedConv2D(3, 1, gain=1.0), (None, 4, 4, 512), 0.0441942),
        (lambda: layers.EqualizedConv2D(3, 1, gain=1.0), (None, 4, 4, 16), 0.25),
        (lambda: layers.EqualizedConv2D(4, 1), (None, 4, 4, 3), 0.8164966),
        (lambda: layers.EqualizedDense(4, multiplier=0.01), (None, 512), 0.000625),
    ],
)
def test_equalized_scale(layer, shape, scale):
    layer = layer()
    layer.build(shape)
    assert layer.scale == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize("multiplier", [1.0, 0.01])
def test_equalized_dense_is_a_scaled_product(multiplier):
    layer = layers.EqualizedDense(300, multiplier=multiplier)
    layer.build((None, 200))
    kernel = ops.convert_to_numpy(layer.kernel)
    assert kernel.std() * multiplier == pytest.approx(1.0, abs=0.02)
    bias = RNG.normal(size=300).astype("float32")
    layer.set_weights([kernel, bias])
    x = RNG.normal(size=(3, 200)).astype("float32")
    expected = (x @ (kernel * math.sqrt(2 / 200)) + bias) * multiplier
    np.testing.assert_allclose(run(layer, x), expected, rtol=1e-4, atol=1e-4)


def test_equalized_convolution_is_a_scaled_convolution():
    layer = layers.EqualizedConv2D(2, 3, padding="same", multiplier=0.5, gain=3.0)
    layer.build((None, 1, 1, 4))
    kernel, bias = RNG.normal(size=(3, 3, 4, 2)).astype("float32"), np.array([1.0, -2.0], "float32")
    layer.set_weights([kernel, bias])
    x = RNG.normal(size=(2, 1, 1, 4)).astype("float32")
    # Of a single pixel a 3x3 kernel sees its centre alone.
    expected = (x[:, 0, 0] @ kernel[1, 1]) * (3.0 * 0.5 / math.sqrt(36)) + 0.5 * bias
    np.testing.assert_allclose(run(layer, x)[:, 0, 0], expected, rtol=1e-5, atol=1e-6)


def test_pixel_norm():
    x = RNG.normal(0, 7, (3, 4, 4, 6)).astype("float32")
    y = run(layers.PixelNormalization(), x)
    np.testing.assert_allclose((y**2).mean(axis=-1), 1.0, atol=1e-6)
    np.testing.assert_allclose(y * np.sqrt((x**2).mean(axis=-1, keepdims=True)), x, rtol=1e-4, atol=1e-5)
    assert np.abs(run(layers.PixelNormalization(), np.zeros((1, 3), "float32"))).max() == 0.0


def constant_maps(n):
    return np.arange(n, dtype="float32")[:, None, None, None] * np.ones((1, 4, 4, 3), "float32")


def test_minibatch_stddev():
    layer = layers.MinibatchStdDev(4)
    same = np.repeat(RNG.normal(size=(1, 4, 4, 3)).astype("float32"), 4, axis=0)
    np.testing.assert_allclose(run(layer, same)[..., 3], 1e-4, rtol=1e-3)
    np.testing.assert_allclose(run(layer, constant_maps(4))[..., 3], 1.1180340, rtol=1e-6)
    # Strided groups 0 2 4 6 and 1 3 5 7; contiguous ones would give 1.118.
    np.testing.assert_allclose(run(layer, constant_maps(8))[..., 3], 2.2360680, rtol=1e-6)
    # A batch below the group is one group.
    np.testing.assert_allclose(run(layer, constant_maps(2))[..., 3], 0.5, rtol=1e-6)


def test_minibatch_stddev_belongs_to_the_group():
    x = RNG.normal(size=(8, 4, 4, 3)).astype("float32")
    y = run(layers.MinibatchStdDev(4), x)
    assert y.shape == (8, 4, 4, 4)
    np.testing.assert_array_equal(y[..., :3], x)
    for first in (0, 1):
        expected = np.sqrt(x[first::2].var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(y[first::2, ..., 3], expected, rtol=1e-5)


@pytest.mark.once
def test_batch_that_falls_into_no_groups():
    with pytest.raises(UsageError, match=r"batch_size must be a multiple of 4, .* or smaller, got 6"):
        layers.MinibatchStdDev(4)(ops.zeros((6, 4, 4, 2)))


def fused(kernel):
    """The 4x4 kernel of a 3x3 one and a scaling by 2: the sum of its four shifts by up to a pixel."""
    return sum(np.pad(kernel, [(i, 1 - i), (j, 1 - j), (0, 0), (0, 0)]) for i in (0, 1) for j in (0, 1))


# pggan.md 5 and 11. The layers here compute the form that is not fused.
def test_scaling_by_two_may_be_fused_with_its_convolution():
    x = RNG.normal(size=(2, 6, 6, 5)).astype("float32")
    conv = layers.EqualizedConv2D(3, 3, padding="same", use_bias=False)
    conv.build(x.shape)
    kernel = ops.convert_to_numpy(conv.kernel) * conv.scale
    # A transposed convolution lays its kernel down at each pixel: turned, its channels the other way round.
    turned = fused(kernel[::-1, ::-1]).transpose(0, 1, 3, 2)
    enlarged = ops.conv_transpose(ops.convert_to_tensor(x), turned, strides=2, padding="same")
    apart = run(conv, run(layers.Upsample2D(2), x))
    np.testing.assert_allclose(ops.convert_to_numpy(enlarged), apart, rtol=1e-5, atol=1e-5)
    shrunk = ops.conv(ops.convert_to_tensor(x), 0.25 * fused(kernel), strides=2, padding="same")
    apart = run(layers.Downsample2D(2), run(conv, x))
    np.testing.assert_allclose(ops.convert_to_numpy(shrunk), apart, rtol=1e-5, atol=1e-5)


def test_blur():
    ones = run(layers.Blur(), np.ones((1, 4, 4, 2), "float32"))[0, :, :, 1]
    row = np.array([0.75, 1.0, 1.0, 0.75])
    np.testing.assert_allclose(ones, np.outer(row, row), rtol=1e-6)
    point = np.zeros((1, 5, 5, 1), "float32")
    point[0, 2, 2] = 16.0
    kernel = np.outer([1, 2, 1], [1, 2, 1])
    np.testing.assert_allclose(run(layers.Blur(), point)[0, 1:4, 1:4, 0], kernel, rtol=1e-6)


def test_fade_is_exact_at_both_ends():
    new, old = (RNG.normal(size=(2, 4, 4, 3)).astype("float32") for _ in range(2))
    layer = layers.Fade()
    for alpha, expected in ((0.0, old), (1.0, new)):
        layer.alpha.assign(alpha)
        np.testing.assert_array_equal(run(layer, new, old), expected)
    np.testing.assert_allclose(blend(new, old, 0.25), 0.25 * new + 0.75 * old, rtol=1e-6)
    with pytest.raises(UsageError, match=r"pair \[new, old\] of one shape, got"):
        layers.Fade()([ops.zeros((2, 4)), ops.zeros((2, 5))])


def test_derivatives(check_derivatives):
    dense = layers.EqualizedDense(3)
    dense.build((None, 4))
    check_derivatives(dense, (3, 4), [dense.kernel, dense.bias])
    conv = layers.EqualizedConv2D(2, 3, padding="same")
    conv.build((None, 3, 3, 2))
    check_derivatives(conv, (2, 3, 3, 2), [conv.kernel])
    check_derivatives(layers.PixelNormalization(1e-2), (2, 2, 2, 3))
    check_derivatives(layers.MinibatchStdDev(2), (4, 2, 2, 2))
    check_derivatives(layers.Blur(), (1, 3, 3, 2))


@pytest.mark.once
@pytest.mark.parametrize("arguments", [{"gain": 0}, {"multiplier": -1.0}])
def test_equalized_arguments(arguments):
    name, value = next(iter(arguments.items()))
    for layer, size in ((layers.EqualizedDense, (2,)), (layers.EqualizedConv2D, (2, 3))):
        with pytest.raises(UsageError, match=f"{name} must be greater than 0, got {value}"):
            layer(*size, **arguments)
    with pytest.raises(UsageError, match="group_size must be an integer >= 1, got 0"):
        layers.MinibatchStdDev(0)
    with pytest.raises(UsageError, match="epsilon must be greater than 0, got 0"):
        layers.PixelNormalization(0)
