"""Learning-rate and momentum schedules of the 2014 models."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan._backend import apply_gradients
from kgan.engine.schedules import ExponentialDecayFloor, LinearDecay, LinearMomentumSGD
from kgan.errors import UsageError


def test_decay_is_exact_for_millions_of_steps():
    schedule = ExponentialDecayFloor(0.1)
    assert float(schedule(0)) == pytest.approx(0.1, rel=1e-7)
    for t in (1, 500, 10**5, 10**6, 2 * 10**6):
        assert float(schedule(t)) == pytest.approx(0.1 / 1.000004**t, rel=1e-5)
        assert float(schedule(ops.convert_to_tensor(t))) == float(schedule(t))
    assert float(schedule(10**7)) == pytest.approx(1e-6, rel=1e-6)
    assert float(ExponentialDecayFloor(0.05, decay=1.0, floor=0.0)(10**6)) == pytest.approx(0.05)


def reference(gradients, learning_rate, momentum):
    """Classical momentum in float64: the weight after each update."""
    w, v, path = 1.0, 0.0, []
    for t, g in enumerate(gradients):
        v = momentum(t) * v - learning_rate(t) * g
        w += v
        path.append(w)
    return path


def test_updates_follow_the_published_rule():
    optimizer = LinearMomentumSGD(ExponentialDecayFloor(0.1, decay=1.5, floor=0.05), 0.5, 0.7, 1, 3)
    weight, other = keras.Variable(np.float32(1.0)), keras.Variable(np.ones(2, "float32"))
    optimizer.build([weight, other])
    gradients = [1.0, -0.5, 2.0, 0.25, 1.0]
    found = []
    for g in gradients:
        pair = [ops.convert_to_tensor(np.float32(g)), ops.convert_to_tensor(np.zeros(2, "float32"))]
        apply_gradients(optimizer, pair, [weight, other])
        found.append(float(ops.convert_to_numpy(weight.value)))
    momenta = [0.5, 0.5, 0.6, 0.7, 0.7]
    expected = reference(gradients, lambda t: max(0.1 / 1.5**t, 0.05), lambda t: momenta[t])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(other.value), 1.0)
    assert int(optimizer.iterations) == 5


def test_inside_of_a_compiled_fit():
    layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    network = keras.Sequential([keras.Input((1,)), layer])
    network.compile(LinearMomentumSGD(0.1, 0.0, 0.9, 0, 4), "mse")
    x, y = np.ones((6, 1), "float32"), np.zeros((6, 1), "float32")
    network.fit(x, y, batch_size=1, verbose=0)
    w, v = 1.0, 0.0
    for t in range(6):
        v = 0.9 * min(t / 4, 1.0) * v - 0.1 * 2 * w
        w += v
    assert float(ops.convert_to_numpy(layer.kernel.value)[0, 0]) == pytest.approx(w, rel=1e-5)


def test_configurations_round_trip():
    optimizer = LinearMomentumSGD(
        ExponentialDecayFloor(0.1, 1.01, 1e-4), 0.4, 0.8, 10, 500, name="theirs", clipnorm=2.0
    )
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(copy) is LinearMomentumSGD
    assert copy.get_config() == optimizer.get_config()
    assert (copy.start_step, copy.end_step, copy.clipnorm, copy.name) == (10, 500, 2.0, "theirs")
    assert float(copy.momentum_at(255)) == pytest.approx(0.6)
    assert float(copy.learning_rate) == pytest.approx(0.1)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    cases = [
        (lambda: ExponentialDecayFloor(0.0), "initial_learning_rate must be a finite number > 0, got 0.0"),
        (lambda: ExponentialDecayFloor(0.1, decay=0.9), "decay must be at least 1, got 0.9"),
        (lambda: ExponentialDecayFloor(0.1, floor=-1.0), "floor must be at least 0, got -1.0"),
        (lambda: LinearDecay(-1, 1, 1, 1), "initial_learning_rate must be a finite number > 0, got -1"),
        (
            lambda: LinearDecay(float("nan"), 1, 1, 1),
            "initial_learning_rate must be a finite number > 0, got nan",
        ),
        (lambda: LinearMomentumSGD(initial_momentum=1.5), r"initial_momentum must lie in \[0, 1\], got 1.5"),
        (lambda: LinearMomentumSGD(start_step=5, end_step=5), "got 5 and 5"),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="XLA divides in its own way")
def test_epochs_begin_with_their_first_step_in_compiled_code():
    import jax

    schedule = LinearDecay(1.0, 0, 100, steps_per_epoch=1177)
    rates = jax.jit(jax.vmap(schedule.__call__))(np.arange(100) * 1177)
    np.testing.assert_allclose(rates, 1.0 - np.arange(1, 101) / 101, atol=1e-6)
