"""CycleGAN: counts, patches, losses by numbers, schedule, and a mapping that is really learned."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan.callbacks import TranslationReport
from kgan.data import scene_pairs
from kgan.engine.schedules import LinearDecay
from kgan.errors import UsageError
from kgan.models.cyclegan import CycleGAN, optimizers
from kgan.models.cyclegan_networks import (
    networks,
    patch_discriminator,
    receptive_field,
    resnet_generator,
    unet_generator,
)
from kgan.types import to_uint8


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def number(value):
    return float(number_of(value))


def number_of(value):
    return ops.convert_to_numpy(ops.stop_gradient(value))


class Same(keras.layers.Layer):
    """The identity, with a weight that changes nothing, as a player needs one."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, images):
        return images + 0.0 * self.weight

    def compute_output_shape(self, input_shape):
        return input_shape


class Constant(keras.layers.Layer):
    """The same score for each 4x4 patch."""

    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, images):
        return 0.0 * self.weight * images[:, ::4, ::4, :1] + self.value

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height // 4, width // 4, 1)


def game(score):
    """A CycleGAN of identities whose discriminators give one score to everything."""
    shape = (8, 8, 3)
    generators = {
        f"generator_{name}": keras.Sequential([keras.Input(shape), Same()]) for name in ("ab", "ba")
    }
    critics = {
        f"discriminator_{name}": keras.Sequential([keras.Input(shape), Constant(score)]) for name in "ab"
    }
    model = CycleGAN(**generators, **critics)
    model.compile()
    return model


@pytest.mark.once
def test_parameter_counts_of_the_specification():
    with keras.StatelessScope(initialize_variables=False):
        assert trainable(resnet_generator(256, blocks=9)) == 11_378_179
        assert trainable(resnet_generator(128, blocks=6)) == 7_837_699
        assert trainable(resnet_generator(256, blocks=9, affine=True)) == 11_388_675
        assert trainable(resnet_generator(128, blocks=6, affine=True)) == 7_845_123
        assert trainable(patch_discriminator(256)) == 2_764_737


@pytest.mark.once
def test_a_residual_generator_adds_to_its_input():
    made = networks(image_size=16, width=4, stages=1, blocks=1, residual=True, discriminator_width=6)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    found = ops.convert_to_numpy(made["generator_ab"](images))
    assert np.corrcoef(found.ravel(), images.ravel())[0, 1] > 0.8
    assert np.abs(found).max() <= 1
    assert made["discriminator_a"].layers[0].filters == 6
    with pytest.raises(UsageError, match="must keep the 3 channels, got 1"):
        resnet_generator(16, 3, 1, residual=True)


def test_unet_parameters_follow_from_its_table():
    widths = [64, 128, 256, 512, 512, 512, 512]
    down = sum(16 * a * b + b for a, b in zip([3, *widths], widths))
    inputs = [512, *(2 * w for w in reversed(widths[:-1]))]
    up = sum(16 * a * b + b for a, b in zip(inputs, [*reversed(widths[:-1]), 3]))
    with keras.StatelessScope(initialize_variables=False):
        assert trainable(unet_generator(128)) == down + up


@pytest.mark.once
@pytest.mark.parametrize(
    ("preset", "generator", "counts"),
    [
        ("cyclegan_256", lambda: resnet_generator(256, blocks=9), (11_378_179, 2_764_737)),
        ("cyclegan_128", lambda: resnet_generator(128, blocks=6), (7_837_699, 2_764_737)),
        ("cyclegan_unet_256", lambda: unet_generator(256), (None, 2_764_737)),
        ("cyclegan_unet_128", lambda: unet_generator(128), (None, 2_764_737)),
        ("cyclegan_64", lambda: resnet_generator(64, width=32, blocks=4), (None, None)),
    ],
)
def test_presets(preset, generator, counts):
    assert len(CycleGAN.presets) == 5
    with keras.StatelessScope(initialize_variables=False):
        model, alone = CycleGAN.from_preset(preset), generator()
    made = [model.generator_ab, model.generator_ba, model.discriminator_a, model.discriminator_b]
    found = [trainable(network) for network in made]
    assert found[0] == found[1] == trainable(alone) == (counts[0] or found[0])
    assert found[2] == found[3] == (counts[1] or found[2])
    assert made[0].input_shape == alone.input_shape
    assert (model.cycle_weight, model.identity_weight, model.pool_size) == (10.0, 0.5, 50)


@pytest.mark.once
@pytest.mark.parametrize(
    "build",
    [
        lambda: resnet_generator(8, width=32, blocks=1),
        lambda: unet_generator(16, width=32),
        lambda: patch_discriminator(16, stages=1),
    ],
)
def test_weights_start_normal_with_a_deviation_of_a_fiftieth(build):
    keras.utils.set_random_seed(0)
    for weight in build().trainable_weights:
        if len(weight.shape) != 4:
            assert not np.any(ops.convert_to_numpy(weight.value))  # biases
        elif np.prod(weight.shape) > 2**14:
            values = ops.convert_to_numpy(weight.value)
            assert values.std() == pytest.approx(0.02, rel=0.03)
            assert abs(values.mean()) < 5e-4


@pytest.mark.once
def test_score_maps_have_the_published_sizes():
    with keras.StatelessScope(initialize_variables=False):
        assert patch_discriminator(256).output_shape == (None, 30, 30, 1)
        assert patch_discriminator(128).output_shape == (None, 14, 14, 1)


@pytest.mark.parametrize("stages", [0, 1, 2, 3])
def test_receptive_field_is_the_support_of_one_score(stages):
    from kgan._backend import input_gradient

    side = 96
    network = patch_discriminator(side, 1, width=2, stages=stages)
    # Without normalisation, which spreads every pixel over the whole image.
    plain = [layer for layer in network.layers if not type(layer).__name__.startswith("Instance")]

    def middle(x):
        for layer in plain:
            x = layer(x)
        return x[:, x.shape[1] // 2, x.shape[2] // 2]

    images = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, side, side, 1)).astype("f4"))
    _, slope = input_gradient(middle, images)
    rows = np.flatnonzero(np.any(ops.convert_to_numpy(slope)[0, :, :, 0] != 0, axis=1))
    assert rows[-1] - rows[0] + 1 == receptive_field(stages)


def test_losses_of_identities_are_those_of_the_discriminators_alone():
    a, b = (np.random.default_rng(n).uniform(-1, 1, (2, 8, 8, 3)).astype("f4") for n in (0, 1))
    for score, each, generators in ((1.0, 0.5, 0.0), (0.5, 0.25, 0.5)):
        logs = game(score).fit(a, b, batch_size=2, verbose=0).history
        assert logs["cycle_loss"] == [0.0]
        assert logs["identity_loss"] == [0.0]
        assert logs["generator_loss"][0] == pytest.approx(generators)
        assert logs["discriminator_loss"][0] == pytest.approx(2 * each)


@pytest.mark.once
def test_swapping_the_sets_swaps_nothing_in_the_sums():
    made = CycleGAN.tiny()
    a, b = (ops.convert_to_tensor(x) for x in made.example_data(2))
    swapped = CycleGAN(
        generator_ab=made.generator_ba,
        generator_ba=made.generator_ab,
        discriminator_a=made.discriminator_b,
        discriminator_b=made.discriminator_a,
        cycle_weight=(6.0, 5.0),
        identity_weight=0.25,
    )
    loss = losses.LeastSquares(generator_weight=2.0)
    for model in (made, swapped):
        model.loss_function = loss
    (one, first, _), (two, second, _) = made.generator_loss(a, b), swapped.generator_loss(b, a)
    assert number(one) == pytest.approx(number(two), rel=1e-6)
    assert {k: number(v) for k, v in first.items()} == pytest.approx(
        {k: number(v) for k, v in second.items()}
    )


@pytest.mark.once
def test_learning_rate_is_constant_and_then_falls_in_a_line():
    schedule = LinearDecay(2e-4, 100, 100, steps_per_epoch=1337)
    factor = {e: float(schedule((e - 1) * 1337)) / 2e-4 for e in (1, 100, 101, 151, 200)}
    assert factor == pytest.approx({1: 1, 100: 1, 101: 0.990099, 151: 0.495050, 200: 0.0099010}, rel=1e-5)
    assert float(schedule(100 * 1337 - 1)) == pytest.approx(2e-4)  # the last step of epoch 100


@pytest.mark.once
def test_wasserstein_critics_share_the_penalty():
    model = CycleGAN.tiny()
    model.compile(loss=losses.Wasserstein(), penalties=[losses.GradientPenalty(1e6)])
    logs = model.fit(model.example_data(2), batch_size=2, epochs=2, verbose=0).history
    assert logs["gradient_penalty"][0] > 0
    assert np.isfinite(logs["discriminator_loss"]).all()
    assert abs(logs["discriminator_loss"][0]) < 10  # without the penalty, as in all systems


@pytest.mark.once
def test_relativistic_critics_compare_with_the_reals():
    model = CycleGAN.tiny()
    model.compile(loss=losses.RelativisticPairing())
    a, b = (ops.convert_to_tensor(images) for images in model.example_data(2))
    _, logs, (fake_a, fake_b) = model.generator_loss(a, b)
    pairs = (model.discriminator_a, a, fake_a), (model.discriminator_b, b, fake_b)
    expected = [np.logaddexp(0, number_of(d(real)) - number_of(d(fake))).mean() for d, real, fake in pairs]
    assert number(logs["adversarial_loss"]) == pytest.approx(sum(expected), rel=1e-4)


def test_old_fakes_come_back_within_fit():
    """Pools that are not full yet give images as they are; then some that they have kept."""
    found = {}
    for pool_size in (0, 4):
        for steps in (4, 12):
            made = networks(image_size=16, width=2, stages=1, blocks=1)
            model = CycleGAN(**made, pool_size=pool_size)
            values = np.random.default_rng(0)
            weights = [values.normal(0, 0.1, w.shape) if w.ndim == 4 else w for w in model.get_weights()]
            model.set_weights(weights)
            model.compile()
            model.fit(model.example_data(steps), batch_size=1, shuffle=False, verbose=0)
            found[pool_size, steps] = np.concatenate(
                [ops.convert_to_numpy(w.value).ravel() for w in model.discriminator_a.trainable_weights]
            )
    np.testing.assert_array_equal(found[0, 4], found[4, 4])
    assert np.any(found[0, 12] != found[4, 12])


@pytest.mark.once
def test_arguments_out_of_range_are_refused():
    made = networks(image_size=16, width=2, stages=1, blocks=1)
    other = networks(image_size=24, width=2, stages=1, blocks=1)
    with pytest.raises(UsageError, match=r"generator_ab makes .16, 16, 3., the other set has"):
        CycleGAN(**{**made, "generator_ba": other["generator_ba"]})
    with pytest.raises(UsageError, match="cycle_weight must be a number >= 0 or a pair of them, got -1"):
        CycleGAN(**made, cycle_weight=-1)
    with pytest.raises(UsageError, match="identity_weight must be a number >= 0, got -2"):
        CycleGAN(**made, identity_weight=-2)
    for weight in (float("nan"), None, "10", (1.0,), (1.0, -1.0)):
        with pytest.raises(UsageError, match="cycle_weight must be a number >= 0 or a pair of them, got "):
            CycleGAN(**made, cycle_weight=weight)
    with pytest.raises(UsageError, match="identity_weight must be a number >= 0, got nan"):
        CycleGAN(**made, identity_weight=float("nan"))
    with pytest.raises(UsageError, match=r"pool_size must be an integer >= 0, got 2\.5"):
        CycleGAN(**made, pool_size=2.5)
    with pytest.raises(UsageError, match="seed must be an integer >= 0, got -1"):
        CycleGAN(**made, seed=-1)
    with pytest.raises(
        UsageError, match=r"must have a fixed size to be trained on, got NonexNonex3: give im"
    ):
        CycleGAN(**networks(image_size=None, width=2, stages=1, blocks=1))
    for build, message in (
        (lambda: resnet_generator(8, width=0), "width must be an integer >= 1, got 0"),
        (lambda: resnet_generator(8, 0), "channels must be an integer >= 1, got 0"),
        (lambda: resnet_generator(8, 3, 0), "out_channels must be an integer >= 1, got 0"),
        (lambda: resnet_generator(8, blocks=1.5), r"blocks must be an integer >= 0, got 1\.5"),
        (lambda: unet_generator(8, width=0), "width must be an integer >= 1, got 0"),
        (lambda: unet_generator(8, 0), "channels must be an integer >= 1, got 0"),
        (lambda: unet_generator("8"), "power of two >= 8, got '8'"),
        (lambda: patch_discriminator(16, 0, stages=1), "channels must be an integer >= 1, got 0"),
        (lambda: patch_discriminator(16, width=1.5, stages=1), r"width must be an integer >= 1, got 1\.5"),
        (lambda: networks(image_size=16, stages=1, width=0), "^width must be an integer >= 1, got 0"),
        (lambda: networks(image_size=16, stages=1, discriminator_width=0), "discriminator_width must be an"),
        (lambda: resnet_generator(30), "must be a multiple of 4 >= 8, got 30"),
        (lambda: resnet_generator(4), "must be a multiple of 4 >= 8, got 4"),
        (lambda: resnet_generator(8, blocks=-2), "blocks must be an integer >= 0, got -2"),
        (lambda: patch_discriminator(16, stages=-1), "stages must be an integer >= 0, got -1"),
        (lambda: resnet_generator((8, 8, 3)), r"must be one side or \(height, width\), got \(8, 8, 3\)"),
    ):
        with pytest.raises(UsageError, match=message):
            build()
    with pytest.raises(
        UsageError, match="image_size must be at least 70, the side of a patch with 3 halvings, got 16"
    ):
        patch_discriminator(16)
    with pytest.raises(UsageError, match="power of two >= 8, got 48"):
        unet_generator(48)
    assert unet_generator(np.int64(16), width=np.int64(2)).output_shape == (None, 16, 16, 3)
    with pytest.raises(UsageError, match='direction must be "ab" or "ba"'):
        CycleGAN(**made).translate(np.zeros((1, 16, 16, 3), "uint8"), "aa")
    with pytest.raises(UsageError, match="images must be uint8 nx16x16x3, got float64"):
        CycleGAN(**made).translate(np.zeros((1, 16, 16, 3)))
    for size in (0, -1):
        with pytest.raises(UsageError, match=f"batch_size must be an integer >= 1, got {size}"):
            CycleGAN(**made).translate(np.zeros((1, 16, 16, 3), "uint8"), batch_size=size)


@pytest.mark.once
def test_a_known_mapping_is_learned_without_pairs(tmp_path):
    # Warm shapes to cold ones: the truth exchanges red and blue. No scene is in both training sets.
    a, _ = scene_pairs(200, seed=0)
    _, b = scene_pairs(200, seed=1)
    keras.utils.set_random_seed(0)
    model = CycleGAN(**networks(image_size=16, width=8, stages=1, blocks=1), pool_size=20)
    model.compile(optimizer=optimizers(1e-3))
    model.fit(*(x.astype("float32") / 127.5 - 1.0 for x in (a, b)), batch_size=4, epochs=6, verbose=0)
    found = TranslationReport(*scene_pairs(64, seed=2), folder=tmp_path).write(model)["all"]
    for direction in ("ab", "ba"):
        scores = found[direction]["l1"]
        assert scores["output"] < 0.5 * scores["input"]
        assert scores["output"] < 0.5 * scores["shuffled"]
        assert found[direction]["reconstruction"]["l1"] < 0.5 * scores["input"]
    assert (tmp_path / "translation.png").is_file()


@pytest.mark.once
def test_sheets_show_images_translations_and_what_comes_back():
    model = CycleGAN.tiny()
    images, columns = model.sheet(12)
    assert (images.shape, columns) == ((12, 16, 16, 3), 6)
    a, b = (to_uint8(model.banks()[name]) for name in ("image", "image_b"))
    made = model.translate(a, "ab")
    np.testing.assert_array_equal(images[6], a[1])
    np.testing.assert_array_equal(images[7], made[1])
    np.testing.assert_array_equal(images[8], model.translate(made, "ba")[1])
    np.testing.assert_array_equal(images[9], b[1])
    assert CycleGAN(**networks(image_size=16, width=2, stages=1, blocks=1)).sheet(12) == (None, None)


def test_batches_must_be_pairs_of_images():
    model = CycleGAN.tiny()
    model.compile()
    a, b = model.example_data(4)
    for data, message in (
        ((a,), r"a batch must be \(images of A, images of B\)"),
        ((a, np.zeros(4, "int32")), "images of B must be 16x16x3 for this model, got numbers"),
        ((a, b[:, :8]), "images of B must be 16x16x3 for this model, got 8x16x3"),
        ((a, to_uint8(b)), r"images of B must be floats in \[-1, 1\], got uint8: divide by"),
        ((to_uint8(a), b), r"images must be floats in \[-1, 1\], got uint8: divide by"),
        ((a, np.nan * b), r"images of B must be floats in \[-1, 1\], got some from nan to nan"),
        ((a, 255 * b), r"images of B must be floats in \[-1, 1\], got some from "),
        (((a, 255 * b),), r"images of B must be floats in \[-1, 1\], got some from "),
        ((a[:0], b[:0]), r"images of B must hold at least one, got shape \[0, 16, 16, 3\]"),
        ((a, b[:3]), "arrays must hold as many images of A as of B, got 4 and 3: cut one, or let kgan"),
        ((), "fit must be given images"),
    ):
        with pytest.raises(UsageError, match=message):
            model.fit(*data, batch_size=2, verbose=0)
    model.fit(a, b, batch_size=2, verbose=0)


@pytest.mark.once
def test_held_out_images_must_fit():
    model = CycleGAN.tiny()
    a, b = model.example_data(3)
    with pytest.raises(UsageError, match=r"bank image_b must be \[3, 16, 16, 3\] finite numbers, got \[2,"):
        model.set_banks({"image": a, "image_b": b[:2]})
    with pytest.raises(UsageError, match=r"banks must be of \['image'\], got \['picture'\]"):
        model.set_banks({"picture": a})


@pytest.mark.once
def test_pictures_of_another_size_go_through_the_same_weights():
    model = CycleGAN.tiny()
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), dtype=np.uint8)
    made = model.translate(images, "ba")
    assert made.shape == images.shape
    network, sides = model.translator("ba")
    assert (sides.multiple, sides.least) == (4, 8)
    floats = ops.convert_to_numpy(network(images.astype("float32") / 127.5 - 1.0))
    np.testing.assert_array_equal(made, to_uint8(floats))
    for weight, copy in zip(model.generator_ba.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, copy)
