"""Parameter counts of the published networks, and the game of PGGAN in closed form."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan.engine import GrowthSchedule
from kgan.errors import UsageError
from kgan.layers import EqualizedConv2D, MinibatchStdDev, PixelNormalization
from kgan.models import PGGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator
from kgan.models.stylegan_networks import StyleGANGenerator


def count(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


# pggan.md 4: G, D, G with one toRGB, D with one fromRGB.
COUNTS = {
    4: (6_556_163, 6_561_793, 6_556_163, 6_561_793),
    32: (20_719_628, 20_726_785, 20_715_011, 20_720_641),
    64: (22_490_383, 22_498_049, 22_484_227, 22_489_857),
    128: (22_933_394, 22_941_313, 22_926_467, 22_932_097),
    256: (23_044_309, 23_052_353, 23_036_995, 23_042_625),
    512: (23_072_120, 23_080_225, 23_064_611, 23_070_241),
    1024: (23_079_115, 23_087_249, 23_071_507, 23_077_137),
}


@pytest.mark.once
@pytest.mark.parametrize("side", COUNTS)
def test_parameter_counts(side):
    with keras.StatelessScope(initialize_variables=False):  # shapes without values
        generator, discriminator = PGGANGenerator(side), PGGANDiscriminator(side)
    found = (generator, discriminator, generator.at(side), discriminator.at(side))
    assert tuple(count(network) for network in found) == COUNTS[side]


@pytest.mark.once
def test_the_table_of_the_generator():
    with keras.StatelessScope(initialize_variables=False):
        generator = PGGANGenerator(1024)
    assert [count(block) for block in generator.blocks] == [
        4_194_816 + 2_359_808,
        *[2 * 2_359_808] * 3,
        1_179_904 + 590_080,
        295_040 + 147_584,
        73_792 + 36_928,
        18_464 + 9_248,
        4_624 + 2_320,
    ]
    assert [block.output_shape[1:] for block in generator.blocks[-2:]] == [(512, 512, 32), (1024, 1024, 16)]
    dense = next(layer for layer in generator.blocks[0].layers if hasattr(layer, "units"))
    assert dense.scale == pytest.approx(1 / 64)
    assert generator.to_rgb[-1].scale == pytest.approx(0.25)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_any_power_of_two(side):
    generator = PGGANGenerator(side, 1, fmap_base=32, fmap_max=4, latent_dim=3)
    discriminator = PGGANDiscriminator(side, 1, fmap_base=32, fmap_max=4)
    images = generator(np.random.default_rng(0).normal(size=(4, 3)).astype("float32"))
    assert tuple(images.shape) == (4, side, side, 1)
    assert tuple(discriminator(images).shape) == (4, 1)


PRESETS = {
    "pggan_v1_1gpu": (1024, 16, 3, 1e-3, 19_000_000, 12_800_000),
    "pggan_v2_1gpu": (1024, 128, 4, 1.5e-3, 12_000_000, 9_600_000),
    "pggan_v2_2gpus": (1024, 256, 8, 2e-3, 12_000_000, 9_600_000),
    "pggan_v2_4gpus": (1024, 512, 16, 3e-3, 12_000_000, 9_600_000),
    "pggan_v2_8gpus": (1024, 512, 32, 3e-3, 12_000_000, 9_600_000),
    "pggan_cifar10": (32, 16, 16, 1e-3, 20_000_000, 2_400_000),
    "pggan_32": (32, 64, 64, 1e-3, 140_000, 140_000 - 20_000),
    "pggan_64": (64, 64, 64, 1e-3, 1_800_000, 1_600_000),
    "pggan_32_lsgan": (32, 64, 64, 1e-3, 140_000, 140_000 - 20_000),
}


@pytest.mark.once
@pytest.mark.parametrize("name", PRESETS)
def test_presets(name):
    with keras.StatelessScope(initialize_variables=False):
        arguments = PGGAN.presets[name].build()
    schedule, (side, first, last, rate, total, complete) = arguments["schedule"], PRESETS[name]
    phases = schedule.phases
    assert (schedule.resolution, phases[0].batch_size, phases[-1].batch_size) == (side, first, last)
    assert phases[-1].learning_rate == rate
    assert sum(phase.images for phase in phases) == total
    assert sum(phase.images for phase in phases[:-1]) == complete
    assert arguments["generator"].resolution == arguments["discriminator"].resolution == side
    for phase in phases:
        MinibatchStdDev(arguments["discriminator"].group_size).check_batch(phase.batch_size)
    training = PGGAN.presets[name].training()
    for optimizer in training["optimizer"].values():
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.0, 0.99, 1e-8)
    assert isinstance(training["loss"], losses.LeastSquares) == (name == "pggan_32_lsgan")


@pytest.mark.once
def test_every_preset_is_tested():
    assert set(PGGAN.presets) == set(PRESETS)


def game(gradient_pixels="full", side=0):
    model = PGGAN(
        PGGANGenerator(16, 1, fmap_base=8, fmap_max=2, latent_dim=2),
        PGGANDiscriminator(16, 1, fmap_base=8, fmap_max=2),
        schedule=GrowthSchedule(16, batch_size=4),
        gradient_pixels=gradient_pixels,
    )
    model.begin(side)
    model.compile()
    return model


@pytest.mark.parametrize(("pixels", "penalty"), [("native", 0.0), ("full", 10 * (0.25 - 1) ** 2)])
def test_losses_of_a_linear_critic(pixels, penalty):
    # At 4 of 16 pixels; the score is the mean difference of two halves with a gradient of norm 1.
    model, rng = game(pixels), np.random.default_rng(0)
    slope = rng.normal(size=(1, 4, 4, 1)).astype("float32")
    slope /= np.linalg.norm(slope)
    weights = ops.convert_to_tensor(slope)
    model.discriminate = lambda images: ops.sum(images * weights, axis=(1, 2, 3))
    real, fake = (rng.normal(size=(8, 4, 4, 1)).astype("float32") for _ in range(2))
    total, logs = model.discriminator_loss(ops.convert_to_tensor(real), ops.convert_to_tensor(fake))
    score = (real * slope).sum(axis=(1, 2, 3))
    expected = (fake * slope).sum(axis=(1, 2, 3)).mean() - score.mean() + 0.001 * (score**2).mean()
    assert float(ops.convert_to_numpy(logs["discriminator_loss"])) == pytest.approx(expected, abs=1e-5)
    assert float(ops.convert_to_numpy(logs["gradient_penalty"])) == pytest.approx(penalty, abs=1e-4)
    assert float(ops.convert_to_numpy(total)) == pytest.approx(expected + penalty, abs=1e-4)


def test_drift():
    loss = losses.Wasserstein(drift=0.001)
    twos, zeros = ops.full((4, 1), 2.0), ops.zeros((4, 1))
    found = [
        float(ops.convert_to_numpy(term)) for term in (loss.discriminator(twos, zeros), loss.generator(twos))
    ]
    assert found == pytest.approx([-2.0 + 0.004, -2.0])
    with pytest.raises(UsageError, match="drift must be at least 0, got -1"):
        losses.Wasserstein(drift=-1)


def test_parts_that_can_be_turned_off():
    widths = {"fmap_base": 16 * 64, "fmap_max": 64}
    generator = PGGANGenerator(16, 1, **widths, equalized=False, pixel_norm=False)
    discriminator = PGGANDiscriminator(16, 1, **widths, equalized=False, group_size=None)
    layers = [layer for network in (generator, discriminator) for layer in network._flatten_layers()]
    assert not any(isinstance(layer, EqualizedConv2D | MinibatchStdDev) for layer in layers)
    norms = [layer for layer in layers if isinstance(layer, PixelNormalization)]
    assert len(norms) == 1  # the latent vector's
    # The constants of the equalised rate are then in the weights.
    conv = next(layer for layer in generator.blocks[1].layers if hasattr(layer, "filters"))
    assert ops.convert_to_numpy(conv.kernel).std() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    # Growing is off in a schedule that starts where it ends.
    phases = GrowthSchedule(16, start=16).phases
    assert [(phase.side, phase.fading) for phase in phases] == [(16, False)]


@pytest.mark.once
def test_least_squares_variant_trains():
    model = PGGAN.tiny()
    model.compile(loss=losses.LeastSquares.zero_one(), penalties=[])
    history = model.fit(model.example_data(8), verbose=0).history
    assert sorted(history) == ["discriminator_loss", "generator_loss"]
    assert np.isfinite(history["generator_loss"]).all()


@pytest.mark.once
def test_numbers_of_numpy_are_kept_as_ints():
    two = np.int64(2)
    widths = {"channels": np.int64(1), "fmap_base": np.int64(8), "fmap_max": two}
    networks = (
        PGGANGenerator(np.int64(8), **widths, latent_dim=two),
        PGGANDiscriminator(8, **widths, group_size=two, num_classes=two),
        StyleGANGenerator(8, **widths, latent_dim=two, mapping_layers=two, num_classes=two),
    )
    for network in networks:
        numbers = [value for value in network.get_config().values() if isinstance(value, np.generic)]
        assert not numbers


def test_mirrored_images_are_whole_rows_reversed():
    model = PGGAN.tiny()
    images = np.arange(32 * 64, dtype="float32").reshape(32, 8, 8, 1)
    found = ops.convert_to_numpy(model.mirrored(ops.convert_to_tensor(images)))
    flipped = [bool(np.array_equal(a, b[:, ::-1])) for a, b in zip(found, images)]
    same = [bool(np.array_equal(a, b)) for a, b in zip(found, images)]
    assert [a != b for a, b in zip(flipped, same)] == [True] * 32
    assert 4 < sum(flipped) < 28


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"discriminator_steps": 0}, "discriminator_steps must be an integer >= 1, got 0"),
        ({"gradient_pixels": "both"}, 'gradient_pixels must be "full" or "native", got .both.'),
    ],
)
def test_arguments(arguments, message):
    tiny = PGGAN.tiny()
    with pytest.raises(UsageError, match=message):
        PGGAN(tiny.generator, tiny.discriminator, schedule=tiny.schedule, **arguments)
    with pytest.raises(UsageError, match="fmap_max must be an integer >= 1, got 0"):
        PGGANGenerator(8, fmap_max=0)
