import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan.contract import difference
from kgan.engine import MovingAverage
from kgan.errors import UsageError
from kgan.models import DCGAN, GAN, LSGAN, StarGAN

L = keras.layers
FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}
BACKEND = keras.backend.backend()


def linear_gan(slope=(3.0, 4.0), **options):
    """D(x) = <slope, x> on images of 1x1x2, whose gradient norm is known."""
    generator = keras.Sequential([keras.Input((2,)), L.Dense(2), L.Reshape((1, 1, 2))])
    discriminator = keras.Sequential([keras.Input((1, 1, 2)), L.Flatten(), L.Dense(1, use_bias=False)])
    discriminator.set_weights([np.array(slope, "float32")[:, None]])
    return GAN(generator, discriminator, **options)


def one_step(model, penalties, loss=None, rate=0.1):
    model.compile(
        {"generator": keras.optimizers.SGD(0.0), "discriminator": keras.optimizers.SGD(rate)},
        loss=loss or losses.Wasserstein(),
        penalties=penalties,
    )
    data = np.zeros((4, *model.image_shape), "float32")
    return {k: float(v[0]) for k, v in model.fit(data, **FIT).history.items()}


# ||slope|| = 5: R1 = R2 = gamma/2 * 25, gradient gamma * slope; GP = lambda * (5 - 1)^2,
# gradient 2 lambda * (5 - 1) * slope / 5. The generator makes zeros, so the Wasserstein part is 0.
@pytest.mark.parametrize(
    ("penalty", "value", "gradient"),
    [
        (losses.R1(2.0), 25.0, 2.0),
        (losses.R2(2.0), 25.0, 2.0),
        (losses.GradientPenalty(10.0), 160.0, 16.0),
    ],
    ids=["r1", "r2", "gradient_penalty"],
)
def test_penalty_in_a_step_has_its_closed_form(penalty, value, gradient):
    model = linear_gan()
    model.generator.set_weights([np.zeros_like(w) for w in model.generator.get_weights()])
    logs = one_step(model, [penalty], rate=0.01)
    assert logs[penalty.name] == pytest.approx(value, rel=1e-5)
    moved = model.discriminator.get_weights()[0][:, 0]
    np.testing.assert_allclose(moved, np.array([3.0, 4.0]) * (1 - 0.01 * gradient), rtol=1e-5)


def test_small_slopes_survive_float16():
    # 2^-20 is below the smallest normal number of float16.
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = linear_gan((2.0**-20, 0.0))
    finally:
        keras.config.set_dtype_policy("float32")
    model.generator.set_weights([np.zeros_like(w) for w in model.generator.get_weights()])
    logs = one_step(model, [losses.R1(2.0**40)], rate=0.0)
    assert logs["r1"] == pytest.approx(0.5, rel=1e-2)


def test_lazy_penalty_is_scaled_by_its_interval_and_logged_when_it_ran():
    def slope(interval, steps):
        model = linear_gan()
        model.generator.set_weights([np.zeros_like(w) for w in model.generator.get_weights()])
        model.compile(
            {"generator": keras.optimizers.SGD(0.0), "discriminator": keras.optimizers.SGD(1e-4)},
            loss=losses.Wasserstein(),
            penalties=[losses.R1(1.0, interval=interval)],
        )
        history = model.fit(np.zeros((4 * steps, 1, 1, 2), "float32"), **FIT).history
        return model.discriminator.get_weights()[0][:, 0], history["r1"][0]

    every, _ = slope(1, 1)
    lazy, log = slope(4, 4)
    # One lazy step moves four times as far, then three steps nothing.
    np.testing.assert_allclose(lazy - [3.0, 4.0], 4 * (every - [3.0, 4.0]), rtol=1e-3)
    assert log == pytest.approx(12.5, rel=1e-5)


def test_quadratic_critic_r1():
    # D(x) = sum(x^4)/4 through an activation: gradient x^3, R1 = gamma/2 * mean sum x^6.
    critic = lambda x: ops.sum(x**4, axis=(1, 2, 3)) / 4.0
    x = ops.convert_to_tensor(np.array([1.0, 2.0], "float32").reshape(2, 1, 1, 1))
    value = ops.convert_to_numpy(ops.stop_gradient(losses.R1(2.0)(critic, x, x)))
    assert float(value) == pytest.approx((1 + 64) / 2)


def test_gradient_penalty_with_batch_norm_is_refused():
    with pytest.raises(UsageError, match="batch norm"):
        DCGAN.tiny().compile(penalties=[losses.GradientPenalty()])


def test_simultaneous_updates_use_gradients_of_the_same_point():
    def run(mode):
        model = linear_gan((1.0, 0.0), update_mode=mode)
        kernel = np.eye(2, dtype="float32")
        model.generator.set_weights([kernel, np.zeros(2, "float32")])
        model.compile("sgd", loss=losses.Wasserstein())
        model.optimizer.players["generator"].learning_rate = 1.0
        model.optimizer.players["discriminator"].learning_rate = 1.0
        model.fit(np.full((4, 1, 1, 2), 5.0, "float32"), **FIT)
        return model.generator.get_weights()[1]

    # dL_G/d bias = -slope: with the slope before D's step, or after it.
    np.testing.assert_allclose(run("simultaneous"), [1.0, 0.0], atol=1e-6)
    assert abs(run("alternating")[1]) > 1.0


def test_split_batch_gives_each_discriminator_step_its_own_reals():
    model = linear_gan(discriminator_steps=2, split_batch=True)
    seen = []
    original = model.discriminator_loss
    model.discriminator_loss = lambda real, fake: seen.append(tuple(real.shape)) or original(real, fake)
    model.compile()
    model.fit(np.zeros((4, 1, 1, 2), "float32"), **FIT)
    assert set(seen) == {(2, 1, 1, 2)}


def test_average_follows_its_formula():
    model = GAN(GAN.tiny().generator, GAN.tiny().discriminator, average=MovingAverage(decay=0.75))
    model.compile("sgd")
    start = model.generator.get_weights()
    model.fit(model.example_data(4), **FIT)
    ends = model.generator.get_weights(), model.average.network.get_weights()
    for before, now, average in zip(start, *ends):
        np.testing.assert_allclose(average, 0.75 * before + 0.25 * now, rtol=1e-5, atol=1e-7)


def test_average_copies_statistics_and_half_life_gives_the_published_decays():
    average = MovingAverage(half_life=10_000.0)
    assert float(average.beta(32)) == pytest.approx(0.99778439, abs=1e-7)
    assert float(average.beta(16)) == pytest.approx(0.99889158, abs=1e-7)
    model = DCGAN.tiny()
    model.compile()
    model.fit(model.example_data(8), **FIT)
    means = [w for w in model.generator.weights if w.name == "moving_mean"]
    copies = [w for w in model.average.network.weights if w.name == "moving_mean"]
    for a, b in zip(means, copies, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(a.value), ops.convert_to_numpy(b.value))


@pytest.mark.parametrize("arguments", [{}, {"decay": 0.5, "half_life": 3}, {"decay": 1.0}, {"half_life": 0}])
def test_average_refuses_bad_settings(arguments):
    with pytest.raises(UsageError, match=r"decay|half_life"):
        MovingAverage(**arguments)


def policy_model(policy):
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        return DCGAN.tiny()
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("penalized", [False, True])
def test_mixed_precision_trains_resumes_and_scales_per_player(policy, penalized, tmp_path):
    penalties = [losses.R1(0.1)] if penalized else []
    models = [policy_model(policy) for _ in range(2)]
    for model in models:
        model.compile(penalties=penalties)
    whole, half = models
    data = whole.example_data(8)
    history = whole.fit(data, epochs=2, **FIT).history
    assert all(np.isfinite(v).all() for v in history.values())
    scaled = [isinstance(o, keras.optimizers.LossScaleOptimizer) for o in whole.optimizer.players.values()]
    assert all(scaled) if policy == "mixed_float16" else not any(scaled)
    assert {w.dtype for w in whole.trainable_weights} == {"float32"}
    half.fit(data, epochs=1, **FIT)
    half.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    again.fit(data, epochs=2, initial_epoch=1, **FIT)
    assert difference(whole, again) == 0.0


def test_an_overflow_skips_one_player_only():
    model = policy_model("mixed_float16")
    model.compile("sgd")
    scale = model.optimizer.players["discriminator"]
    scale.dynamic_scale.assign(1e30)
    before = model.generator.get_weights(), model.discriminator.get_weights()
    model.fit(model.example_data(4), **FIT)
    trainable = len(model.discriminator.trainable_weights)
    after = [ops.convert_to_numpy(w.value) for w in model.discriminator.trainable_weights]
    kernels = [w for w in before[1] if w.ndim == 4]
    assert trainable
    assert all(np.array_equal(a, b) for a, b in zip(kernels, [w for w in after if w.ndim == 4]))
    assert not all(np.array_equal(a, b) for a, b in zip(before[0], model.generator.get_weights()))


@pytest.mark.skipif(BACKEND == "torch", reason="torch steps are eager: the next test shows the message")
@pytest.mark.parametrize(
    "options", [{"steps_per_execution": 2}, {"run_eagerly": True}, {"jit_compile": True}]
)
def test_execution_options_give_the_same_training(options):
    def train(**options):
        keras.utils.set_random_seed(0)
        model = GAN.tiny()
        model.compile(**options)
        model.fit(model.example_data(16), **FIT)
        return model

    gap = difference(train(), train(**options))
    if BACKEND == "tensorflow" and "jit_compile" in options:
        # XLA draws other random numbers, so only the size of the steps can be compared.
        assert 0 < gap < 1
    else:
        assert gap < 1e-5


@pytest.mark.skipif(BACKEND != "torch", reason="the limits of the torch backend")
@pytest.mark.parametrize("options", [{"steps_per_execution": 2}, {"jit_compile": True}])
def test_torch_says_why_not(options):
    with pytest.raises(UsageError, match="on the torch backend"):
        GAN.tiny().compile(**options)


def test_wrong_image_shape_is_one_line():
    model = GAN.tiny()
    model.compile()
    with pytest.raises(UsageError, match="images must be 4x4x1 for this model, got 8x8x3"):
        model.fit(np.zeros((4, 8, 8, 3), "float32"))


@pytest.mark.once
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 4, 4, 1), "uint8"), "got uint8: divide by 127.5 and subtract 1"),
        (np.zeros((4, 4, 4, 1), "int64"), "got int64"),
        (np.full((4, 4, 4, 1), 255.0), "got some from 255 to 255"),
        (np.full((4, 4, 4, 1), np.nan), "got some from nan to nan"),
    ],
)
def test_images_that_are_no_floats_in_the_range_are_refused(images, message):
    model = GAN.tiny()
    model.compile()
    with pytest.raises(UsageError, match=rf"images must be floats in \[-1, 1\], {message}"):
        model.fit(images, **FIT)
    model.fit(np.full((4, 4, 4, 1), 1.11, "float32"), **FIT)  # as bicubic interpolation makes it
    with pytest.raises(UsageError, match=r"images must hold at least one, got shape \[0, 4, 4, 1\]"):
        model.fit(np.zeros((0, 4, 4, 1), "float32"), **FIT)


@pytest.mark.once
def test_points_may_lie_anywhere_but_are_no_integers():
    model = linear_gan()
    model.compile()
    model.fit(np.full((4, 1, 1, 2), 7.0, "float32"), **FIT)
    with pytest.raises(UsageError, match="images must be floats, got int64"):
        model.fit(np.full((4, 1, 1, 2), 7), **FIT)


@pytest.mark.once
def test_a_system_with_a_range_of_its_own_is_fed_in_it():
    model = linear_gan()
    model.compile()
    model.data_range = (0.0, 255.0)
    assert model._pixel_range() == (-np.inf, np.inf)
    for system, most in ((GAN, 1.0), (StarGAN, 255.0)):  # a GAN scales its batches itself
        model = system.tiny()
        model.data_range = (0.0, 255.0)
        assert model._pixel_range() == (-1.0, most)


def test_first_non_finite_names_player_and_step():
    model = linear_gan()
    model.compile()
    data = np.zeros((16, 1, 1, 2), "float32")
    data[8:] = np.inf
    model.fit(data, **FIT)
    assert model.first_non_finite() == ("discriminator", 2)


def test_unknown_preset_lists_the_presets():
    with pytest.raises(UsageError, match="dcgan_28"):
        DCGAN.from_preset("dcgan_27")


def test_train_on_batch_and_predict():
    model = LSGAN.tiny()
    model.compile()
    logs = model.train_on_batch(model.example_data(4), return_dict=True)
    assert set(logs) == {"discriminator_loss", "generator_loss"}
    assert model.predict(np.zeros((2, 4), "float32"), verbose=0).shape == (2, 4, 4, 3)


def test_relativistic_loss_trains_both_players():
    model = LSGAN.tiny()
    model.compile("adam", loss=losses.RelativisticPairing(), penalties=[losses.R1(0.1), losses.R2(0.1)])
    history = model.fit(model.example_data(8), **FIT).history
    assert set(history) == {"discriminator_loss", "generator_loss", "r1", "r2"}
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.once
def test_generate_names_what_is_missing():
    model = GAN.tiny()
    with pytest.raises(UsageError, match="inputs must hold z, got none"):
        model.generate({})
    with pytest.raises(UsageError, match="batch_size must be an integer >= 1, got 0"):
        model.generate({"z": np.zeros((2, 3), "float32")}, batch_size=0)
    with pytest.raises(UsageError, match="inputs must be among z, got x"):
        model.generate({"z": np.zeros((2, 3), "float32"), "x": 1})
    with pytest.raises(UsageError, match="z must be finite, got NaN or infinity"):
        model.generate({"z": np.full((2, 3), np.nan)})
