"""Minibatch discrimination against numpy and its invariants."""

import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.layers import MinibatchDiscrimination
from kgan.testing import check_layer

RNG = np.random.default_rng(0)


def run(layer, x):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))


def test_contract():
    check_layer(MinibatchDiscrimination(6, 3), (4, 5))


def test_against_numpy():
    x = RNG.normal(size=(4, 5)).astype("float32")
    layer = MinibatchDiscrimination(6, 3)
    layer.build(x.shape)
    kernel, log_scale, bias = (RNG.normal(size=w.shape).astype("float32") for w in layer.get_weights())
    layer.set_weights([kernel, log_scale, bias])
    tensor = (kernel / np.linalg.norm(kernel, axis=0) * np.exp(log_scale)).reshape(5, 6, 3)
    m = np.einsum("ba,anc->bnc", x, tensor)
    expected = np.tile(bias, (4, 1))
    for i in range(4):
        for j in set(range(4)) - {i}:
            expected[i] += np.exp(-np.abs(m[i] - m[j]).sum(axis=-1))
    found = run(layer, x)
    assert found.shape == (4, 11)
    np.testing.assert_array_equal(found[:, :5], x)
    np.testing.assert_allclose(found[:, 5:], expected, rtol=1e-4, atol=1e-5)


def test_published_start():
    layer = MinibatchDiscrimination()
    found = run(layer, np.ones((7, 3), "float32"))
    assert found.shape == (7, 103)
    # Identical rows: (B - 1) + b with b = -1.
    np.testing.assert_allclose(found[:, 3:], 7 - 1 - 1, rtol=1e-5)
    assert (layer.kernel.shape, layer.bias.shape) == ((3, 500), (100,))


def test_a_permuted_batch_permutes_the_output():
    layer, x = MinibatchDiscrimination(4, 2), RNG.normal(size=(6, 5)).astype("float32")
    order = RNG.permutation(6)
    np.testing.assert_allclose(run(layer, x[order]), run(layer, x)[order], rtol=1e-4, atol=1e-5)


def test_derivatives(check_derivatives):
    layer = MinibatchDiscrimination(3, 2)
    layer.build((4, 5))
    rng = np.random.default_rng(3)
    layer.set_weights([rng.normal(0.0, 0.3, w.shape) for w in layer.get_weights()])
    # A short step: the absolute value has a corner where two samples agree.
    check_derivatives(layer, (4, 5), layer.trainable_variables, step=5e-4, rel=3e-2)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    with pytest.raises(UsageError, match="kernels must be at least 1, got 0"):
        MinibatchDiscrimination(0)
    with pytest.raises(UsageError, match="dims must be at least 1, got -1"):
        MinibatchDiscrimination(1, -1)
    with pytest.raises(UsageError, match=r"takes \[batch, features\], got shape \(2, 3, 4\)"):
        MinibatchDiscrimination(1).build((2, 3, 4))
