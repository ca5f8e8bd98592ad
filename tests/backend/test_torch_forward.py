"""What the torch backend's plan of a network notices, keeps and leaves alone."""

import copy
import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend, layers

L = keras.layers

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="only torch has such plans")


def network():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(3, 4, 2, 1),
            L.BatchNormalization(),
            L.LeakyReLU(0.2),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def batch(n=3, size=(8, 8, 1)):
    return ops.convert_to_tensor(np.random.default_rng(0).normal(size=(n, *size)).astype("float32"))


def called(net, monkeypatch):
    """Counts how often Keras itself runs the network."""
    calls = []
    inner = type(net).__call__
    monkeypatch.setattr(type(net), "__call__", lambda *a, **k: calls.append(1) or inner(*a, **k))
    return calls


def graph():
    chain = network()
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for layer in chain.layers:
        x = layer(x)
    return keras.Model(inputs, x)


@pytest.mark.parametrize("build", [network, graph])
def test_keras_does_not_run_what_the_plan_knows(build, monkeypatch):
    net = build()
    calls = called(net, monkeypatch)
    _backend.forward(net, batch(), True)
    assert calls == []
    _backend.forward(net, batch(1), True)  # one sample has no unbiased variance
    _backend.forward(net, ops.cast(batch(), "float64"), True)
    assert len(calls) == 2


def test_it_can_be_turned_off(monkeypatch):
    monkeypatch.setattr("kgan._backend.torch_forward._ENABLED", False)
    net = network()
    calls = called(net, monkeypatch)
    _backend.forward(net, batch(), True)
    assert calls == [1]


class Branching(keras.Model):
    """A class with a call of its own."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(2)

    def call(self, x):
        return self.dense(x) + 1.0


def two_paths():
    inputs = keras.Input((4,))
    return keras.Model(inputs, L.Dense(2)(inputs) + L.Dense(2)(inputs))


@pytest.mark.parametrize("build", [Branching, two_paths])
def test_other_networks_are_left_to_keras(build):
    net, x = build(), batch(3, (4,))
    expected = net(x, training=True)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(_backend.forward(net, x, True)), ops.convert_to_numpy(expected)
    )


def test_wrong_sizes_get_the_message_of_keras():
    net = network()
    _backend.forward(net, batch(), True)
    with pytest.raises(ValueError, match="incompatible with the layer"):
        _backend.forward(net, batch(3, (6, 6, 1)), True)


def test_added_layers_are_noticed():
    net = network()
    assert tuple(_backend.forward(net, batch(), True).shape) == (3, 2)
    net.add(L.Dense(7))
    assert tuple(_backend.forward(net, batch(), True).shape) == (3, 7)
    net.pop()
    assert tuple(_backend.forward(net, batch(), True).shape) == (3, 2)


def test_frozen_weights_are_noticed():
    net = network()
    _backend.forward(net, batch(), True)
    net.layers[-1].trainable = False
    net.layers[0].trainable = False
    assert not net.layers[-1].kernel.value.requires_grad
    _, gradients = _backend.value_and_grad(
        lambda: (ops.sum(_backend.forward(net, batch(), True)), None), net.trainable_weights
    )
    assert len(gradients) == 2
    assert all(gradient is not None for gradient in gradients)


def test_networks_are_not_kept_alive():
    net = network()
    _backend.forward(net, batch(), True)
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_copies_and_files_hold_the_same_weights(tmp_path):
    net = network()
    before = net.get_weights()
    copied = copy.deepcopy(net)
    _backend.forward(net, batch(), True)  # lays the kernels out anew
    assert not net.layers[0].kernel.value.is_contiguous()
    for found, wanted in zip(net.trainable_weights, copied.trainable_weights, strict=True):
        np.testing.assert_array_equal(*(ops.convert_to_numpy(w.value) for w in (found, wanted)))
    net.save(tmp_path / "net.keras")
    loaded = keras.saving.load_model(tmp_path / "net.keras")
    for found, wanted in zip(loaded.get_weights(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    net.set_weights(before)
    found, wanted = (ops.convert_to_numpy(_backend.forward(one, batch(), True)) for one in (net, copied))
    np.testing.assert_array_equal(found, wanted)
