"""Convolutions with explicit padding, against sums written out in numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import Conv2D, Conv2DTranspose
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def correlate(x, kernel, stride, pad):
    """Convolution as networks define it, `[B, H, W, in]` by `[kh, kw, in, out]`."""
    x = np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    k = kernel.shape[0]
    rows, columns = ((n - k) // stride + 1 for n in x.shape[1:3])
    out = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i in range(rows):
        for j in range(columns):
            patch = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
            out[:, i, j] = np.tensordot(patch, kernel, 3)
    return out


def spread(x, kernel, stride, pad, extra):
    """Transposed convolution as PyTorch defines it, `[B, H, W, in]` by `[kh, kw, out, in]`."""
    k = kernel.shape[0]
    rows, columns = ((n - 1) * stride + k + extra for n in x.shape[1:3])
    full = np.zeros((len(x), rows, columns, kernel.shape[2]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            full[:, i * stride : i * stride + k, j * stride : j * stride + k] += np.einsum(
                "bc,hwoc->bhwo", x[:, i, j], kernel
            )
    return full[:, pad : rows - pad, pad : columns - pad]


def apply(layer, x):
    """The layer with random weights on `x`: its output and its kernel."""
    layer.build(x.shape)
    weights = [RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights()]
    layer.set_weights(weights)
    outputs = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    assert tuple(layer.compute_output_shape(x.shape)) == outputs.shape
    return outputs, weights


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "size"),
    [(4, 2, 1, 8), (5, 2, 2, 8), (5, 2, 2, 7), (8, 1, 4, 6)],
)
def test_convolution(kernel, stride, pad, size):
    x = RNG.normal(size=(2, size, size + 1, 3)).astype("float32")
    outputs, (weights, bias) = apply(Conv2D(4, kernel, stride, pad), x)
    np.testing.assert_allclose(outputs, correlate(x, weights, stride, pad) + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "extra"),
    [(4, 1, 0, 0), (4, 2, 1, 0), (5, 2, 2, 1), (3, 2, 1, 1), (5, 3, 0, 0), (2, 3, 0, 1)],
)
def test_transposed_convolution(kernel, stride, pad, extra):
    x = RNG.normal(size=(2, 3, 4, 3)).astype("float32")
    layer = Conv2DTranspose(4, kernel, stride, pad, output_padding=extra or None)
    outputs, (weights, bias) = apply(layer, x)
    np.testing.assert_allclose(outputs, spread(x, weights, stride, pad, extra) + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.once
def test_transposed_convolution_is_the_one_of_pytorch():
    import torch

    x = RNG.normal(size=(2, 4, 4, 3)).astype("float32")
    for kernel, stride, pad, extra in [(4, 1, 0, 0), (4, 2, 1, 0), (5, 2, 2, 1), (3, 2, 1, 1)]:
        outputs, (weights,) = apply(
            Conv2DTranspose(5, kernel, stride, pad, output_padding=extra, use_bias=False), x
        )
        expected = torch.nn.functional.conv_transpose2d(
            torch.tensor(x.transpose(0, 3, 1, 2)),
            torch.tensor(weights.transpose(3, 2, 0, 1)),
            stride=stride,
            padding=pad,
            output_padding=extra,
        )
        np.testing.assert_allclose(outputs.transpose(0, 3, 1, 2), expected.numpy(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ours", [Conv2D, Conv2DTranspose])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_named_paddings_are_those_of_keras(ours, padding):
    x = RNG.normal(size=(2, 5, 5, 3)).astype("float32")
    layer = ours(4, 5, strides=2, padding=padding, activation="relu")
    outputs, weights = apply(layer, x)
    theirs = getattr(keras.layers, ours.__name__)(4, 5, strides=2, padding=padding, activation="relu")
    theirs.build(x.shape)
    theirs.set_weights(weights)
    np.testing.assert_array_equal(outputs, ops.convert_to_numpy(theirs(ops.convert_to_tensor(x))))


@pytest.mark.parametrize(
    "layer",
    [
        lambda: Conv2D(2, 5, strides=2, padding=2, kernel_initializer="ones"),
        lambda: Conv2DTranspose(2, 4, strides=2, padding=1, kernel_initializer="ones"),
        lambda: Conv2DTranspose(2, 5, strides=2, padding=2, output_padding=1, kernel_initializer="ones"),
    ],
    ids=["conv", "transposed 4/2/1", "transposed 5/2/2"],
)
def test_derivatives(layer, check_derivatives):
    layer = layer()
    layer.build((2, 4, 4, 2))
    check_derivatives(lambda x: 0.1 * layer(x), (2, 4, 4, 2), layer.trainable_variables)


@pytest.mark.parametrize("padding", ["same", 0, 2])
@pytest.mark.parametrize("cls", [Conv2D, Conv2DTranspose])
def test_contract(cls, padding):
    check_layer(lambda: cls(4, 5, strides=2, padding=padding, use_bias=False), (2, 6, 6, 3))
    assert cls(4, 5, padding=padding).get_config()["padding"] == padding


def test_size_may_be_unknown():
    network = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            Conv2D(4, 5, 2, padding=2),
            Conv2DTranspose(2, 5, 2, 2, output_padding=1),
        ]
    )
    assert network.output_shape == (None, None, None, 2)
    assert tuple(network(ops.zeros((1, 8, 6, 3))).shape) == (1, 8, 6, 2)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    for padding in (-1, 1.5, "full", True, (1, 1)):
        with pytest.raises(UsageError, match='padding must be "valid", "same" or an integer of at least 0'):
            Conv2D(4, 3, padding=padding)
    with pytest.raises(UsageError, match="must leave at least 1 pixel, got 0 from padding=2"):
        Conv2DTranspose(4, 4, strides=1, padding=2).build((None, 1, 1, 3))
