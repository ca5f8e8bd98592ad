"""Counts and configurations of the published networks, and the invariants of StyleGAN."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan.engine import GrowthSchedule
from kgan.errors import CheckpointError, UsageError
from kgan.layers import AdaIN, Blur, LearnedConstant, MinibatchStdDev, NoiseInjection, PixelNormalization
from kgan.models import StyleGAN
from kgan.models.pggan import PGGANDiscriminator
from kgan.models.stylegan_networks import StyleGANGenerator


def count(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def shaped(build, *arguments, **settings):
    with keras.StatelessScope(initialize_variables=False):  # shapes without values
        return build(*arguments, **settings)


# stylegan.md 13: synthesis, G, G without spare toRGBs, D.
COUNTS = {
    32: (20_740_108, 22_841_356, 22_836_739, 20_726_785),
    64: (23_036_687, 25_137_935, 25_131_779, 22_498_049),
    128: (23_742_610, 25_843_858, 25_836_931, 22_941_313),
    256: (23_984_981, 26_086_229, 26_078_915, 23_052_353),
    512: (24_078_520, 26_179_768, 26_172_259, 23_080_225),
    1024: (24_118_379, 26_219_627, 26_212_019, 23_087_249),
}


@pytest.mark.once
@pytest.mark.parametrize("side", COUNTS)
def test_parameter_counts(side):
    generator = shaped(StyleGANGenerator, side)
    discriminator = shaped(PGGANDiscriminator, side, blur=True)
    assert count(generator.mapping) == 2_101_248
    whole = count(generator)
    assert (whole - 2_101_248, whole, count(generator.at(side)), count(discriminator)) == COUNTS[side]
    assert count(generator.synthesis_at(side)) == count(generator.at(side)) - 2_101_248


@pytest.mark.once
def test_the_table_of_the_generator():
    generator = shaped(StyleGANGenerator, 1024)
    assert generator.num_layers(1024) == 18
    assert sum(int(np.prod(noise.shape)) for noise in generator.fixed_noise) == 2_796_192
    assert [noise.shape[0] for noise in generator.fixed_noise] == [2 ** (i // 2 + 2) for i in range(18)]
    assert not any(noise.trainable for noise in generator.fixed_noise)
    assert generator.truncation.mean.shape == (512,)
    assert [block.output_shape[-1] for block in generator.blocks] == [512] * 4 + [256, 128, 64, 32, 16]
    dense = [layer for layer in generator.mapping.layers if hasattr(layer, "units")]
    assert [layer.scale for layer in dense] == [pytest.approx(0.000625, rel=1e-6)] * 8
    names = [
        layer.name for layer in generator.blocks[1].layers if not isinstance(layer, keras.layers.InputLayer)
    ]
    kinds = [name.split("_")[0] for name in names]
    expected = ["conv", "blur", "bias", "noise", "leaky", "style", "conv", "bias", "noise", "leaky", "style"]
    assert kinds[1:] == expected, names


@pytest.mark.once
def test_the_discriminator_blurs_before_it_shrinks():
    block = shaped(PGGANDiscriminator, 16, blur=True).blocks[-1]
    kinds = [type(layer).__name__ for layer in block.layers]
    assert kinds == ["EqualizedConv2D", "LeakyReLU", "Blur", "EqualizedConv2D", "Downsample2D", "LeakyReLU"]


# name: mapping layers, styles, constant, noise, mixing, batch at the first side, rate at the last.
PRESETS = {
    "stylegan_ffhq": (8, True, True, True, 0.9, 256, 3e-3),
    "stylegan_ffhq_1gpu": (8, True, True, True, 0.9, 128, 3e-3),
    "stylegan_celebahq": (8, True, True, True, 0.9, 256, 2e-3),
    "stylegan_config_b": (0, False, False, False, 0.0, 256, 3e-3),
    "stylegan_config_c": (8, True, False, False, 0.0, 256, 3e-3),
    "stylegan_config_d": (8, True, True, False, 0.0, 256, 3e-3),
    "stylegan_config_e": (8, True, True, True, 0.0, 256, 3e-3),
    "stylegan_mixing_50": (8, True, True, True, 0.5, 256, 3e-3),
    "stylegan_mixing_100": (8, True, True, True, 1.0, 256, 3e-3),
    "stylegan_mapping_0": (0, True, True, True, 0.9, 256, 3e-3),
    "stylegan_mapping_1": (1, True, True, True, 0.9, 256, 3e-3),
    "stylegan_mapping_2": (2, True, True, True, 0.9, 256, 3e-3),
    "stylegan_traditional_mapping_8": (8, False, False, False, 0.0, 256, 3e-3),
    "stylegan_32": (8, True, True, True, 0.9, 32, 2e-3),
    "stylegan_64": (8, True, True, True, 0.9, 32, 2e-3),
}


@pytest.mark.once
@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    depth, styles, constant, noise, mixing, batch, rate = PRESETS[name]
    arguments = shaped(StyleGAN.presets[name].build)
    generator, schedule = arguments["generator"], arguments["schedule"]
    dense = [layer for layer in generator.mapping.layers if hasattr(layer, "units")]
    assert len(dense) == depth
    layers = [layer for block in generator.blocks for layer in block.layers]
    kinds = (AdaIN, LearnedConstant, NoiseInjection)
    assert tuple(any(isinstance(x, kind) for x in layers) for kind in kinds) == (styles, constant, noise)
    assert any(isinstance(layer, PixelNormalization) for layer in layers) == (not styles)
    assert sum(isinstance(layer, Blur) for layer in layers) == len(generator.sides) - 1
    assert arguments.get("style_mixing", 0.9) == mixing
    assert arguments["discriminator"].blur
    assert arguments["average"].half_life == 10_000
    phases = schedule.phases
    assert (phases[0].side, phases[0].batch_size, phases[-1].learning_rate) == (8, batch, rate)
    for phase in phases:
        MinibatchStdDev(4).check_batch(phase.batch_size)
    if schedule.resolution == 1024:
        assert sum(phase.images for phase in phases) == 25_000_000
        fade = next(phase for phase in phases if phase.side == 1024)
        assert (fade.fading, fade.first // 1000, fade.images) == (True, 7800, 600_000)
    training = StyleGAN.presets[name].training()
    for optimizer in training["optimizer"].values():
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.0, 0.99, 1e-8)
    (penalty,) = training["penalties"]
    by_wgan = name == "stylegan_celebahq"
    assert isinstance(training["loss"], losses.Wasserstein if by_wgan else losses.NonSaturating)
    assert isinstance(penalty, losses.GradientPenalty if by_wgan else losses.R1)
    if schedule.resolution == 1024:
        assert penalty.weight == 10.0


@pytest.mark.once
def test_every_preset_is_tested():
    assert set(StyleGAN.presets) == set(PRESETS)


@pytest.fixture(scope="module")
def tiny():
    return StyleGAN.tiny()


@pytest.fixture
def z():
    return np.random.default_rng(1).normal(size=(3, 3)).astype("float32")


@pytest.mark.once
def test_the_mapping_starts_as_one_without_a_multiplier():
    slow, plain = (
        StyleGANGenerator(4, fmap_max=2, latent_dim=64, mapping_layers=2, mapping_rate=rate)
        for rate in (0.01, 1.0)
    )
    plain.mapping.set_weights([weight * 0.01 for weight in slow.mapping.get_weights()])
    z = np.random.default_rng(0).normal(size=(4, 64)).astype("float32")
    found = [ops.convert_to_numpy(network.mapping(z)) for network in (slow, plain)]
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)
    kernel = next(weight for weight in slow.mapping.weights if "kernel" in weight.path)
    assert ops.convert_to_numpy(kernel).std() == pytest.approx(100.0, rel=0.05)


@pytest.mark.once
def test_before_any_training_noise_has_no_effect_and_all_start_alike(z):
    model = StyleGAN(
        StyleGANGenerator(8, 1, fmap_base=16, fmap_max=4, latent_dim=3),
        PGGANDiscriminator(8, 1, fmap_base=16, fmap_max=4, blur=True),
        schedule=GrowthSchedule(8, batch_size=4),
    )
    model.begin(2)
    w = model.map(z)
    images = [model.synthesize(w, model.noise(3, "random", seed=seed)) for seed in (0, 1)]
    np.testing.assert_array_equal(images[0], images[1])
    # The first maps before their style are the same for every sample.
    block = model.generator.blocks[0]
    activation = next(layer for layer in block.layers if layer.name.startswith("leaky"))
    first = keras.Model(block.inputs, activation.output)
    maps = ops.convert_to_numpy(first([w[:, None], *np.zeros((2, 3, 4, 4, 1), "float32")]))
    np.testing.assert_array_equal(maps[0], maps[1])
    strength = next(w for w in model.generator.weights if w.name == "strength")
    strength.assign(np.ones(strength.shape))
    images = [model.synthesize(w, model.noise(3, "random", seed=seed)) for seed in (0, 1)]
    assert np.abs(images[0] - images[1]).max() > 1e-3


def test_fixed_noise_repeats_and_random_noise_does_not(tiny, z):
    fixed = [tiny.generate({"z": z}) for _ in range(2)]
    np.testing.assert_array_equal(fixed[0], fixed[1])
    random = [tiny.generate({"z": z, **tiny.noise(3, "random", seed=seed)}) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(random[0], random[1])
    assert np.any(random[0] != random[2])
    np.testing.assert_array_equal(
        tiny.sample(3, seed=4, noise="fixed"), tiny.sample(3, seed=4, noise="fixed")
    )
    assert np.any(tiny.sample(3, seed=4, noise="fixed") != tiny.sample(3, seed=4))


def test_images_of_given_inputs_are_checked(tiny, z):
    np.testing.assert_array_equal(
        tiny.generate({"z": z, "truncation_psi": 0.5}),
        tiny.generate({"z": z.tolist(), "truncation_psi": np.full(3, 0.5)}),
    )
    image = tiny.noise(1, seed=0)["noise_0"]
    np.testing.assert_array_equal(
        tiny.generate({"z": ops.convert_to_tensor(z), "noise_0": image[0]}),
        tiny.generate({"z": z, "noise_0": np.repeat(image, 3, axis=0)}),
    )
    for name, value, message in (
        ("truncation_psi", 5.0, r"truncation_psi must lie in \[-1, 1\], got 5"),
        ("truncation_psi", np.full(3, np.nan), "truncation_psi must be finite, got NaN"),
        ("z", z[:, :2], r"z must be 3x3 numbers or one value for all, got shape \(3, 2\)"),
        ("z", z[0], r"z must be \[n >= 1, 3\] numbers, got shape \[3\]"),
        ("z", z[:0], r"z must be \[n >= 1, 3\] numbers, got shape \[0, 3\]"),
        ("z", [[1.0], [2.0, 3.0]], r"z must be \[n >= 1, 3\] numbers"),
        ("noise_0", np.zeros((3, 8, 8, 1)), "noise_0 must be 3x4x4x1 numbers"),
        ("noize", 1, "inputs must be among z, .* got noize"),
        ("label", 0, "inputs must be among z, .* got label"),
    ):
        with pytest.raises(UsageError, match=message):
            tiny.generate({"z": z, name: value})
    with pytest.raises(UsageError, match="inputs must be a dict of arrays, got None"):
        tiny.generate(None)
    model = StyleGAN.tiny(num_classes=3)
    for label, message in (
        ([0, 1, 9], "label must be an integer from 0 to 2, got 9"),
        (-1, "label must be an integer from 0 to 2, got -1"),
        ([0, 1], "label must be 3 numbers or one value for all"),
    ):
        with pytest.raises(UsageError, match=message):
            model.generate({"z": z, "label": label})
    with pytest.raises(UsageError, match="inputs must hold label, got "):
        model.generate({"z": z})


def test_noise_masks(tiny):
    # Four layers: two coarse, two fine.
    drawn = tiny.noise(2, "random", seed=0)
    assert [value.shape for value in drawn.values()] == [(2, 4, 4, 1)] * 2 + [(2, 8, 8, 1)] * 2
    for layers, kept in (("all", 4), ("none", 0), ("coarse", (0, 1)), ("fine", (2, 3)), ((1, 2), (1, 2))):
        found = tiny.noise(2, "random", layers, seed=0)
        on = [i for i, value in enumerate(found.values()) if value.any()]
        assert on == (list(range(kept)) if isinstance(kept, int) else list(kept))
        assert all(np.array_equal(found[f"noise_{i}"], drawn[f"noise_{i}"]) for i in on)
    assert not any(value.any() for value in tiny.noise(2, "none").values())
    coarse = tiny.sample(2, seed=1, noise_layers="coarse")
    assert np.any(coarse != tiny.sample(2, seed=1, noise_layers="fine"))
    np.testing.assert_array_equal(
        tiny.sample(2, seed=1, noise_layers="none"), tiny.sample(2, seed=1, noise="none")
    )


def test_truncation_of_samples(tiny, z):
    # The tiny generator truncates its first three layers of four.
    images = {psi: tiny.sample(3, seed=2, truncation_psi=psi, noise="none") for psi in (1.0, 0.0)}
    np.testing.assert_array_equal(images[1.0], tiny.sample(3, seed=2, noise="none"))
    assert np.any(images[0.0][0] != images[0.0][1])  # by the last layer
    whole = tiny.sample(3, seed=2, truncation_psi=0.0, truncation_cutoff=4, noise="none")
    np.testing.assert_array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(
        tiny.sample(3, seed=2, truncation_psi=0.0, truncation_cutoff=0, noise="none"), images[1.0]
    )
    np.testing.assert_array_equal(
        tiny.sample(3, seed=2, truncation_psi=0.0, truncation_cutoff=3, noise="none"), images[0.0]
    )
    w = tiny.map(z)
    styles = tiny.styles(w, 0.5, 2)
    expected = tiny.mean_style + 0.5 * (w - tiny.mean_style)
    np.testing.assert_allclose(styles[:, 1], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(styles[:, 2:], np.repeat(w[:, None], 2, axis=1))


def test_the_two_halves_make_the_whole(tiny, z):
    noise = tiny.noise(3, "random", seed=5)
    psi = np.array([1.0, 0.3, -1.0], "float32")
    whole = tiny.generate({"z": z, "truncation_psi": psi, **noise})
    halves = tiny.synthesize(tiny.styles(tiny.map(z), psi), noise)
    np.testing.assert_allclose(whole, halves, rtol=1e-4, atol=1e-5)


def mixed_rows(style_mixing, steps):
    model = StyleGAN(
        StyleGANGenerator(16, 1, fmap_base=8, fmap_max=2, latent_dim=4, mapping_layers=1),
        PGGANDiscriminator(16, 1, fmap_base=8, fmap_max=2, blur=True),
        schedule=GrowthSchedule(16, batch_size=4),
        style_mixing=style_mixing,
    )
    model.begin(4)
    return model, [ops.convert_to_numpy(model.training_styles(5)) for _ in range(steps)]


def cutoff_of(styles):
    """Where the second style begins, the same for the whole batch; the number of rows for none."""
    changes = np.any(styles[:, 1:] != styles[:, :-1], axis=2)
    assert (changes == changes[:1]).all()
    assert changes[0].sum() <= 1
    return int(np.argmax(changes[0])) + 1 if changes[0].any() else styles.shape[1]


def test_style_mixing_has_one_cutoff_per_batch():
    found = [cutoff_of(styles) for styles in mixed_rows(1.0, 40)[1]]
    assert set(found) == {1, 2, 3, 4, 5}
    assert [cutoff_of(styles) for styles in mixed_rows(0.0, 2)[1]] == [6, 6]
    half = [cutoff_of(styles) for styles in mixed_rows(0.5, 30)[1]]
    assert 4 < half.count(6) < 26


def test_the_mean_of_w_follows_the_first_styles():
    model, _ = mixed_rows(1.0, 0)
    mean = model.generator.truncation.mean
    mean.assign(np.full(4, 7.0))
    styles = ops.convert_to_numpy(model.training_styles(5))
    expected = 0.995 * 7.0 + 0.005 * styles[:, 0].mean(axis=0)
    np.testing.assert_allclose(ops.convert_to_numpy(mean.value), expected, rtol=1e-5)


def test_training_moves_the_mean_of_w_and_of_its_copy():
    model = StyleGAN.tiny(num_classes=2)
    before = model.mean_style
    model.compile()
    model.fit(model.example_data(4), epochs=1, verbose=0)
    means = [
        ops.convert_to_numpy(g.truncation.mean.value) for g in (model.generator, model.style_generator())
    ]
    np.testing.assert_array_equal(means[0], means[1])
    assert np.any(means[0] != before)


def test_labels_choose_images_and_scores():
    model = StyleGAN.tiny(num_classes=3)
    assert model.generator.mapping.layers[-1].output.shape == (None, 3)
    images = model.sample(4, seed=0, label=[0, 1, 2, 0], noise="none")
    assert np.any(images != model.sample(4, seed=0, label=1, noise="none"))
    # The score is that of the label's own output.
    part = model.part(model.discriminator)
    shown = images.astype("float32") / 255.0
    scores = [ops.convert_to_numpy(part({"images": shown, "label": np.full(4, label)})) for label in range(3)]
    assert scores[0].shape == (4, 1)
    assert all(np.any(scores[0] != other) for other in scores[1:])
    assert model.discriminator.blocks[0].output_shape == (None, 3)
    data = model.example_data(8)
    model.compile()
    with pytest.raises(UsageError, match="a model with classes takes images with 8 labels, got none"):
        model.fit(data[0], verbose=0)
    with pytest.raises(UsageError, match=r"takes images with 8 labels, got \[7\]"):
        model.fit(data[0], data[1][:7], verbose=0)
    model.fit(*data, epochs=1, verbose=0)


def test_losses_of_a_linear_critic():
    # R1 sums the squared gradient over pixels, times 10 / 2; at side 4 of 8 a quarter of it counts.
    model = StyleGAN.tiny()
    model.begin(0)
    model.gradient_pixels = "full"
    model.compile(penalties=[losses.R1(10.0)])
    rng = np.random.default_rng(0)
    slope = rng.normal(size=(1, 4, 4, 1)).astype("float32")
    weights = ops.convert_to_tensor(slope)
    model.discriminate = lambda images, label=None: ops.sum(images * weights, axis=(1, 2, 3))
    real, fake = (rng.normal(size=(8, 4, 4, 1)).astype("float32") for _ in range(2))
    total, logs = model.discriminator_loss(ops.convert_to_tensor(real), ops.convert_to_tensor(fake))
    scores = [(images * slope).sum(axis=(1, 2, 3)) for images in (real, fake)]
    expected = np.log1p(np.exp(scores[1])).mean() + np.log1p(np.exp(-scores[0])).mean()
    assert float(ops.convert_to_numpy(logs["discriminator_loss"])) == pytest.approx(expected, rel=1e-5)
    penalty = 5.0 * (slope**2).sum() / 4
    assert float(ops.convert_to_numpy(logs["r1"])) == pytest.approx(penalty, rel=1e-5)
    assert float(ops.convert_to_numpy(total)) == pytest.approx(expected + penalty, rel=1e-5)


@pytest.mark.once
def test_half_life_of_the_average():
    average = StyleGAN.presets["stylegan_32"].build()["average"]
    assert float(ops.convert_to_numpy(average.beta(32))) == pytest.approx(0.99778439, abs=1e-7)


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.sample(1, truncation_psi=1.5), r"truncation_psi must lie in \[-1, 1\], got 1.5"),
        (lambda m: m.sample(2, truncation_psi=[0.0, -2.0]), r"truncation_psi must lie in \[-1, 1\], got -2"),
        (
            lambda m: m.sample(1, truncation_psi=float("nan")),
            r"truncation_psi must lie in \[-1, 1\], got nan",
        ),
        (lambda m: m.sample(1, truncation_psi="a"), r"truncation_psi must be numbers in \[-1, 1\], got 'a'"),
        (lambda m: m.sample(1, noise_layers=3), r"noise_layers must be \(first, last\) .* got 3"),
        (lambda m: m.synthesize(np.zeros((2, 3)), "random"), "noise must be a dict of noise images, .* 'ran"),
        (lambda m: m.interpolate(np.zeros(3), np.ones(3), 2, noise=[1]), r"noise must be a dict .* \[1\]"),
        (lambda m: m.sample(1, truncation_cutoff=5), "truncation_cutoff must be from 0 to 4, got 5"),
        (lambda m: m.sample(1, noise="loud"), "noise must be one of random, fixed, none, got 'loud'"),
        (lambda m: m.sample(1, noise_layers="most"), "noise_layers must be one of all, none, coarse, fine"),
        (
            lambda m: m.sample(1, noise_layers=(1, 4)),
            r"layers must be \(first, last\) within 0 to 3, got \(1, 4\)",
        ),
        (lambda m: m.synthesize(np.zeros((2, 5, 3))), r"w must be \[n, 3\] or \[n, 4, 3\] at this side"),
    ],
)
def test_bad_input(tiny, call, message):
    with pytest.raises(UsageError, match=message):
        call(tiny)


def build(generator=8, schedule=8, batch_size=4, **settings):
    return StyleGAN(
        StyleGANGenerator(generator, 1, fmap_max=2, latent_dim=2, mapping_layers=1),
        PGGANDiscriminator(8, 1, fmap_max=2, blur=True, num_classes=settings.pop("num_classes", None)),
        schedule=GrowthSchedule(schedule, batch_size=batch_size),
        **settings,
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": 4}, "schedule must reach 8x8, as the discriminator does, got 4x4"),
        ({"generator": 48}, "resolution must be a power of two from 4 to 1024, got 48"),
        ({"batch_size": {4: 4, 8: 6}}, "batch_size must be a multiple of 4, .* or smaller, got 6"),
        ({"style_mixing": 1.1}, r"style_mixing must lie in \[0, 1\], got 1.1"),
        ({"style_mixing": "x"}, r"style_mixing must lie in \[0, 1\], got 'x'"),
        ({"num_classes": 3}, "both networks must have the same num_classes, got None and 3"),
        ({"num_classes": 1}, "num_classes must be an integer >= 2, got 1"),
        ({"discriminator_steps": 0}, "discriminator_steps must be an integer >= 1, got 0"),
        ({"gradient_pixels": "both"}, 'gradient_pixels must be "full" or "native", got .both.'),
    ],
)
def test_networks_and_schedule_must_fit(settings, message):
    with pytest.raises(UsageError, match=message):
        build(**settings)


@pytest.mark.once
def test_generator_arguments():
    with pytest.raises(UsageError, match="constant must be False without styles"):
        StyleGANGenerator(8, styles=False)
    with pytest.raises(UsageError, match="mapping_layers must be an integer >= 0, got -1"):
        StyleGANGenerator(8, mapping_layers=-1)


@pytest.mark.once
def test_data_smaller_than_the_target_and_another_schedule(tiny, tmp_path):
    model = StyleGAN.tiny()
    model.compile()
    with pytest.raises(UsageError, match="must be 8x8x1, where the schedule ends, got 4x4x1"):
        model.fit(np.zeros((4, 4, 4, 1), "float32"), verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other = StyleGAN.tiny()
    other.schedule = GrowthSchedule(8, stable_images=8, fade_images=16, batch_size=4)
    told = "the schedule must be that of the saved training, fade_images 8, got 16"
    with pytest.raises(CheckpointError, match=f"^{told}$"):
        other.load_weights(tmp_path / "model.weights.h5")
