"""The backend's way through a network gives what the network gives, statistics and derivatives included."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend, layers

L = keras.layers
BACKEND = keras.backend.backend()


def images(*blocks, size=(8, 6, 3)):
    return keras.Sequential([keras.Input(size), *blocks])


def maker():
    return keras.Sequential(
        [
            keras.Input((5,)),
            L.Dense(4 * 3 * 6, use_bias=False),
            L.BatchNormalization(momentum=0.8, epsilon=1e-5),
            L.ReLU(),
            L.Reshape((4, 3, 6)),
            layers.Conv2DTranspose(5, 4, 2, 1, use_bias=False),
            L.BatchNormalization(momentum=0.9, scale=False),
            L.LeakyReLU(0.1),
            L.Conv2DTranspose(4, 5, 2, "same", activation="relu"),
            L.Conv2DTranspose(2, 3, 1, "valid"),
            L.Activation("tanh"),
        ]
    )


def judge():
    return images(
        layers.Conv2D(4, 4, 2, 1),
        L.LeakyReLU(0.2),
        L.Dropout(0.3, seed=5),
        layers.Conv2D(6, 3, 1, "same", use_bias=False),
        L.BatchNormalization(momentum=0.9, center=False),
        L.ReLU(negative_slope=0.1),
        L.Conv2D(4, 3, 2, "same", activation="sigmoid"),
        L.Flatten(),
        L.Dense(3, "tanh"),
        L.Dense(1),
    )


def dense():
    return images(
        L.Flatten(),
        layers.Dropout(0.2, seed=1),
        layers.MaxoutDense(4, 3),
        L.Dropout(0.5, seed=9),
        layers.MaxoutDense(3, 1, use_bias=False),
        L.Activation("linear"),
        L.Dense(2, "leaky_relu"),
    )


def pointwise():
    # Layers without a way of their own between those that have one.
    return images(
        L.Dense(4, "relu"),
        L.UpSampling2D(),
        L.Conv2D(4, 5, dilation_rate=2),
        L.Activation("softmax"),
        keras.Sequential([keras.Input((8, 4, 4)), L.Conv2D(2, 1), L.Softmax(axis=1)]),
        L.AveragePooling2D(2),
        layers.Conv2DTranspose(2, 5, 3, 2, output_padding=1),
        L.Reshape((-1, 2)),
    )


def graph():
    inputs = keras.Input((8, 6, 3))
    x = layers.Conv2D(4, 4, 2, 1)(inputs)
    x = L.BatchNormalization()(x)
    return keras.Model(inputs, L.Dense(1)(L.Flatten()(L.LeakyReLU()(x))))


NETWORKS = [maker, judge, dense, pointwise, graph]


def twins(build, policy="float32"):
    """Two networks with equal weights, and inputs for them."""
    keras.config.set_dtype_policy(policy)
    try:
        first, second = build(), build()
    finally:
        keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(3)
    for weight in first.trainable_weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape))
    second.set_weights(first.get_weights())
    x = rng.normal(size=(16, *first.input_shape[1:])).astype("float32")
    return first, second, ops.convert_to_tensor(x)


def observe(network, run, x):
    """Outputs, weights after, gradients of a loss and of a penalty on the input's gradient."""

    def score(x):
        return ops.tanh(run(network, x))

    def loss():
        y = score(x)
        return ops.mean(ops.square(y - 0.3)), y

    def penalty():
        y, gradient = _backend.input_gradient(score, x)
        return ops.mean(ops.square(gradient)) * 50.0, y

    seen = []
    for fn in (loss, penalty):
        y, gradients = _backend.value_and_grad(fn, network.trainable_weights)
        seen += [y, *(gradient for gradient in gradients if gradient is not None)]
    states = [variable.value for variable in network.variables]
    return [np.asarray(ops.convert_to_numpy(one)) for one in [*seen, *states]]


def plain(network, x):
    return network(x, training=True)


def by_hand(network, x):
    """The layers as Keras runs them, but batch norm by its definition."""
    for layer in network.layers:
        if isinstance(layer, L.InputLayer):
            continue
        y = by_hand(layer, x) if isinstance(layer, keras.Model) else layer(x, training=True)
        if isinstance(layer, L.BatchNormalization):
            axes = tuple(range(len(x.shape) - 1))
            mean = ops.mean(x, axes)
            variance = ops.mean(ops.square(x - mean), axes)
            y = (x - mean) / ops.sqrt(variance + layer.epsilon)
            y = y * layer.gamma if layer.scale else y
            y = y + layer.beta if layer.center else y
        x = y
    return x


def direct(network, x):
    return _backend.forward(network, x, True)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX runs the network as it is")
@pytest.mark.parametrize("build", NETWORKS)
def test_forward_is_the_network(build):
    first, second, x = twins(build)
    for found, wanted in zip(observe(first, direct, x), observe(second, by_hand, x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max(initial=0.1))


@pytest.mark.skipif(BACKEND == "jax", reason="JAX runs the network as it is")
@pytest.mark.parametrize("build", [maker, judge])
def test_forward_in_mixed_precision(build):
    first, second, x = twins(build, "mixed_bfloat16")
    assert first.layers[0].compute_dtype == "bfloat16"
    for _ in range(2):
        found, wanted = direct(first, x), plain(second, x)
        assert found.dtype == wanted.dtype
        pair = [ops.convert_to_numpy(ops.cast(y, "float32")) for y in (found, wanted)]
        np.testing.assert_allclose(*pair, rtol=0.05, atol=0.05)
    for found, wanted in zip(first.non_trainable_weights, second.non_trainable_weights, strict=True):
        pair = [ops.convert_to_numpy(variable.value) for variable in (found, wanted)]
        np.testing.assert_allclose(*pair, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("fused", [True, False])
def test_penalties_through_batch_norm_ignore_a_bias_before_it(fused, monkeypatch):
    # Batch norm takes a bias away, so no derivative by it is left. Keras' own moments on TensorFlow hold
    # the mean constant in the variance and fail here.
    if BACKEND == "tensorflow" and not fused:
        monkeypatch.setattr("kgan._backend.tensorflow._has_gpu", lambda: True)
    network, _, x = twins(lambda: images(L.Conv2D(4, 3), L.BatchNormalization(), L.LeakyReLU(), L.Flatten()))

    def penalty():
        run = lambda x: ops.tanh(direct(network, x))
        _, gradient = _backend.input_gradient(run, x)
        return ops.mean(ops.square(gradient)), None

    _, gradients = _backend.value_and_grad(penalty, network.trainable_weights)
    kernel, bias, gamma, beta = (np.abs(ops.convert_to_numpy(gradient)).max() for gradient in gradients)
    assert bias < 1e-5 * min(kernel, gamma, beta)


def test_inference_is_left_to_keras():
    network, _, x = twins(judge)
    found = ops.convert_to_numpy(_backend.forward(network, x, False))
    np.testing.assert_array_equal(found, ops.convert_to_numpy(network(x, training=False)))


def test_a_frozen_batch_norm_normalises_by_its_averages():
    first, second, x = twins(maker)
    for network in (first, second):
        for layer in network.layers:
            layer.trainable = False
    before = [ops.convert_to_numpy(weight.value) for weight in first.weights]
    pair = [ops.convert_to_numpy(y) for y in (direct(first, x), plain(second, x))]
    np.testing.assert_allclose(*pair, rtol=1e-4, atol=1e-5)
    for weight, value in zip(first.weights, before):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight.value), value)
