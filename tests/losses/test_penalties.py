"""Gradient penalties against closed forms on a linear and a quadratic critic, and against differences."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import layers, losses
from kgan._backend import value_and_grad
from kgan.errors import UsageError

RNG = np.random.default_rng(0)
SHAPE = (5, 2, 2, 3)  # 12 values per sample
REAL, FAKE = (RNG.normal(size=SHAPE).astype("float32") for _ in range(2))
V = RNG.normal(size=12).astype("float32")
M = RNG.normal(size=(12, 12)).astype("float32")
PENALTIES = [losses.R1(3.0), losses.R2(3.0, interval=16), losses.GradientPenalty(3.0), losses.PathLength(3.0)]
ON_IMAGES = pytest.mark.parametrize(
    "penalty",
    [losses.R1(3.0), losses.R2(3.0), losses.GradientPenalty(3.0), losses.GradientPenalty(3.0, target=2.5)],
    ids=repr,
)


def rows(x):
    return ops.reshape(x, (-1, 12))


def images():
    return ops.convert_to_tensor(REAL), ops.convert_to_tensor(FAKE)


def number(value):
    return float(ops.convert_to_numpy(value))


def closed_form(penalty, gradient):
    """The penalty and its derivative by the gradient `[B, n]`, in float64."""
    g = np.asarray(gradient, "float64")
    if isinstance(penalty, losses.R1):
        return penalty.weight / 2 * np.mean(np.sum(g**2, axis=1)), penalty.weight * g / len(g)
    norm = np.sqrt(np.sum(g**2, axis=1, keepdims=True))
    excess = norm / penalty.target - 1
    slope = 2 * penalty.weight * excess / penalty.target * g / norm / len(g)
    return penalty.weight * np.mean(excess**2), slope


def run(penalty, critic, variables):
    def loss():
        value = penalty(critic, *images(), seed=1)
        return value, value

    value, gradients = value_and_grad(loss, variables)
    return number(value), [ops.convert_to_numpy(g) for g in gradients]


@ON_IMAGES
def test_linear_critic(penalty):
    v = keras.Variable(V)
    value, (gradient,) = run(penalty, lambda x: ops.matmul(rows(x), v), [v])
    expected, slope = closed_form(penalty, np.tile(V, (5, 1)))
    assert value == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, slope.sum(axis=0), rtol=1e-4, atol=1e-5)


@ON_IMAGES
def test_quadratic_critic(penalty):
    m, v = keras.Variable(M), keras.Variable(V)

    def critic(x):
        x = rows(x)
        return 0.5 * ops.sum(ops.matmul(x, m) * x, axis=1) + ops.matmul(x, v)

    value, (gradient_m, gradient_v) = run(penalty, critic, [m, v])
    x = ops.convert_to_numpy(penalty.at(*images(), seed=1)).reshape(5, 12).astype("float64")
    expected, slope = closed_form(penalty, x @ (M + M.T).astype("float64") / 2 + V)
    assert value == pytest.approx(expected, rel=1e-5)
    by_m = (x.T @ slope + slope.T @ x) / 2
    np.testing.assert_allclose(gradient_m, by_m, rtol=1e-4, atol=1e-4 * np.abs(by_m).max())
    np.testing.assert_allclose(gradient_v, slope.sum(axis=0), rtol=1e-4, atol=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("penalty", [losses.R1(3.0), losses.GradientPenalty(3.0, target=2.5)], ids=repr)
def test_convolutional_critic_against_finite_differences(penalty):
    network = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(
                3, 4, strides=2, padding=1, kernel_initializer=keras.initializers.RandomNormal(0, 0.5, 1)
            ),
            keras.layers.Activation("softplus"),
            layers.Downsample2D(3),
            keras.layers.Flatten(),
            keras.layers.Activation("tanh"),
            keras.layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(0, 0.5, 3)),
        ]
    )
    rng = np.random.default_rng(1)
    real, fake = (ops.convert_to_tensor(rng.normal(size=(3, 6, 6, 2)).astype("float32")) for _ in range(2))
    weights = network.get_weights()
    directions = [rng.normal(size=w.shape).astype("float32") for w in weights]

    def value(step):
        network.set_weights([w + step * d for w, d in zip(weights, directions)])
        return number(penalty(network, real, fake, seed=1))

    difference = (value(2e-3) - value(-2e-3)) / 4e-3
    network.set_weights(weights)
    _, gradients = value_and_grad(
        lambda: (penalty(network, real, fake, seed=1), None), network.trainable_variables
    )
    slope = sum(
        float(np.sum(ops.convert_to_numpy(g) * d)) for g, d in zip(gradients, directions) if g is not None
    )
    assert slope == pytest.approx(difference, rel=2e-2)


def test_gradient_penalty_lies_between_real_and_fake():
    penalty = losses.GradientPenalty()
    x = ops.convert_to_numpy(penalty.at(*images(), seed=3))
    u = (x - REAL) / (FAKE - REAL)
    assert ((u > -1e-3) & (u < 1 + 1e-3)).all()
    u = u.reshape(5, 12)
    np.testing.assert_allclose(u, np.tile(np.median(u, axis=1, keepdims=True), 12), atol=2e-3)
    assert np.unique(np.median(u, axis=1).round(3)).size == 5  # one u per sample
    assert not np.allclose(x, ops.convert_to_numpy(penalty.at(*images(), seed=4)))


def test_a_flat_critic_has_a_finite_penalty_and_slope():
    v = keras.Variable(np.zeros(12, "float32"))
    value, (gradient,) = run(losses.GradientPenalty(10.0), lambda x: ops.matmul(rows(x), v), [v])
    assert value == pytest.approx(10.0, rel=1e-5)
    np.testing.assert_array_equal(gradient, 0.0)


def test_points_are_constants():
    scale = keras.Variable(np.float32(2.0))
    for penalty in (losses.R1(), losses.R2(), losses.GradientPenalty()):

        def loss(penalty=penalty):
            x = ops.convert_to_tensor(scale) * images()[0]
            # The second term keeps a graph for the backends that refuse to differentiate a constant.
            return penalty(lambda x: ops.sum(x**2, axis=(1, 2, 3)), x, x, seed=1) + 0.0 * scale, None

        _, (gradient,) = value_and_grad(loss, [scale])
        assert float(gradient) == 0.0


def test_half_precision_gradients_are_squared_in_float32():
    gradient = ops.cast(ops.full((2, 4, 4, 1), 300.0), "float16")  # 300^2 overflows float16
    assert float(losses.R1(2.0).from_gradient(gradient)) == pytest.approx(16 * 9e4)
    assert float(losses.GradientPenalty(1.0).from_gradient(gradient)) == pytest.approx(1199.0**2, rel=1e-5)


def test_interval_does_not_enter_the_value():
    gradient = ops.ones((2, 3))
    assert float(losses.R1(2.0, interval=16).from_gradient(gradient)) == 3.0


def latent_penalty(**kwargs):
    penalty = losses.PathLength(**kwargs)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    penalty.build(model)
    return penalty, model


@pytest.mark.parametrize("latent_shape", [(4, 3), (4, 2, 3)], ids=["one", "layers"])
def test_path_length_of_a_linear_network(latent_shape):
    penalty, model = latent_penalty(weight=2.0, decay=0.25)
    assert [v.name for v in model.non_trainable_variables] == ["path_length_average"]
    a = np.random.default_rng(2).normal(size=(3, 2 * 5 * 1)).astype("float32")

    def synthesis(w):
        mixed = ops.matmul(w, ops.convert_to_tensor(a))
        mixed = ops.sum(mixed, axis=1) if len(latent_shape) == 3 else mixed
        return ops.reshape(mixed, (-1, 2, 5, 1))

    y = ops.convert_to_numpy(keras.random.normal((4, 2, 5, 1), seed=7)).reshape(4, 10) / np.sqrt(10)
    # The layers' gradients are alike here, so their root mean square is the length of one.
    lengths = np.linalg.norm(y @ a.T, axis=1)
    average = 0.0
    for _ in range(3):
        average += 0.25 * (lengths.mean() - average)
        value = penalty(synthesis, ops.ones(latent_shape), seed=7)
        assert number(value) == pytest.approx(2.0 * np.mean((lengths - average) ** 2), rel=1e-4)
        assert float(penalty.average.value) == pytest.approx(average, rel=1e-5)


def test_path_length_reaches_the_mapping_network():
    penalty, _ = latent_penalty(weight=2.0, decay=0.5)
    z = ops.convert_to_tensor(np.random.default_rng(3).normal(size=(4, 3)).astype("float32"))
    a = ops.convert_to_tensor(np.random.default_rng(4).normal(size=(3, 4)).astype("float32"))
    scale = keras.Variable(np.float32(0.7))

    def loss():
        penalty.average.assign(1.0)
        w = z * ops.convert_to_tensor(scale)
        return penalty(lambda w: ops.reshape(ops.tanh(ops.matmul(w, a)), (-1, 2, 2, 1)), w, seed=7)

    _, (gradient,) = value_and_grad(lambda: (loss(), None), [scale])
    values, averages = [], []
    for step in (5e-3, -5e-3):
        scale.assign(0.7 + step)
        values.append(number(loss()))
        averages.append(float(penalty.average.value))
    # The difference also moves the average, which is a constant of the gradient: take its part out.
    scale.assign(0.7)
    loss()
    assert averages[0] != averages[1]
    difference = (values[0] - values[1]) / 1e-2
    moved = (averages[0] - averages[1]) / 1e-2
    # d/da E (l - a)^2 = -2 (mean l - a), and mean l = 2 a_new - a_old with decay 1/2
    average = float(penalty.average.value)
    through_average = 2.0 * -2.0 * (2 * average - 1.0 - average) * moved
    assert float(gradient) == pytest.approx(difference - through_average, rel=2e-2)


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_configuration_round_trip(penalty):
    config = keras.saving.serialize_keras_object(penalty)
    assert config["registered_name"] == f"kgan>{type(penalty).__name__}"
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == penalty.get_config()
    assert (copy.name, copy.player, copy.point, copy.interval) == (
        penalty.name,
        penalty.player,
        penalty.point,
        penalty.interval,
    )


def test_gradient_penalty_refuses_batch_normalisation():
    network = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(name="norm")])
    with pytest.raises(UsageError, match=r"without batch normalisation, got the layer of .*norm/moving_mean"):
        losses.GradientPenalty().check(network)
    losses.R1().check(network)
    losses.GradientPenalty().check(keras.Sequential([keras.Input((4,)), keras.layers.LayerNormalization()]))


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    x = ops.ones((2, 1))
    cases = [
        (lambda: losses.R1(-1.0), "weight must be at least 0, got -1.0"),
        (lambda: losses.R1(1.0, interval=0), "interval must be an integer >= 1, got 0"),
        (lambda: losses.GradientPenalty(target=0.0), "target must be greater than 0, got 0.0"),
        (lambda: losses.GradientPenalty().at(x, x), "needs a seed, got None"),
        (lambda: losses.PathLength(decay=0.0), r"decay must lie in \(0, 1\], got 0.0"),
        (lambda: losses.PathLength()(lambda w: w, x), "needs a seed, got None"),
        (lambda: losses.PathLength().from_gradient(x), "call build"),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()
