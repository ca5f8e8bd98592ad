"""StarGAN: counts, losses by numbers, labels of several data sets, and targets that are obeyed."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from kgan import contract, losses
from kgan.data import drawn_shapes
from kgan.errors import UsageError
from kgan.models import StarGAN
from kgan.models.domain_labels import domain_error, known_only
from kgan.models.stargan import discriminator, generator, label_vectors, networks, target_sets, training

JOINT = [["attributes", 5], ["classes", 8]]


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def number(value):
    return float(ops.convert_to_numpy(ops.stop_gradient(value)))


@keras.saving.register_keras_serializable("test_stargan")
class Same(keras.layers.Layer):
    """The image of `[image, domain]`, with a weight that changes nothing, as a player needs one."""

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        return inputs[0] + 0.0 * self.weight

    def compute_output_shape(self, input_shape):
        return input_shape[0]


class Zeros(keras.layers.Layer):
    """Zeros `[batch, n]` that depend on the images by a weight of no effect."""

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = n

    def build(self, input_shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, images):
        return 0.0 * self.weight * images[:, 0, 0, :1] * ops.ones((1, self.n))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n)


def still(labels, **told):
    """A StarGAN whose generator is the identity and whose discriminator always says 0."""
    image, images = keras.Input((8, 8, 3), name="image"), keras.Input((8, 8, 3))
    domain = keras.Input((labels,), name="domain")
    if "num_classes" in told:
        domain = keras.Input((), dtype="int32", name="domain")
    same = keras.Model({"image": image, "domain": domain}, Same()([image, domain]))
    judge = keras.Model(images, [Zeros(4)(images), Zeros(labels)(images)])
    model = StarGAN(same, judge, discriminator_steps=1, **told)
    model.compile()
    return model


@pytest.mark.once
@pytest.mark.parametrize(
    ("preset", "counts", "source", "logits"),
    [
        ("stargan_celeba_128", (8_430_528, 44_762_048, 53_192_576), 2, 5),
        ("stargan_rafd_128", (8_439_936, 44_786_624, 53_226_560), 2, 8),
        ("stargan_joint_256", (8_461_888, 45_147_072, 53_608_960), 4, 13),
    ],
)
def test_parameter_counts_and_shapes_of_the_specification(preset, counts, source, logits):
    with keras.StatelessScope(initialize_variables=False):
        model = StarGAN.from_preset(preset)
    found = trainable(model.generator), trainable(model.discriminator)
    assert (*found, sum(found)) == counts
    assert model.discriminator.output_shape == [(None, source, source, 1), (None, logits)]
    assert model.image_shape == ((256, 256, 3) if "256" in preset else (128, 128, 3))


@pytest.mark.once
def test_every_preset_builds_and_names_its_training():
    for name, preset in StarGAN.presets.items():
        with keras.StatelessScope(initialize_variables=False):
            assert StarGAN.from_preset(name).preset == name
        assert set(preset.training()["optimizer"]) == {"generator", "discriminator"}
        assert preset.batch_size == 5 * 16


@pytest.mark.once
def test_receptive_field_of_one_score():
    fields = []
    with keras.StatelessScope(initialize_variables=False):
        network = discriminator(128, num_classes=2)
    field, jump = 1, 1
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.name != "classes":
            field += (layer.kernel_size[0] - 1) * jump
            jump *= layer.strides[0]
            fields.append(field)
    assert (fields[-2], fields[-1]) == (190, 318)


@pytest.mark.once
def test_schedules_fall_as_described_and_as_released():
    rates = {}
    for schedule in ("as_described", "as_released"):
        optimizers = training(schedule)["optimizer"]
        for player, step in (("discriminator", 1), ("generator", 5)):
            adam = optimizers[player]
            assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.5, 0.999, 1e-8)
            at = [float(adam._learning_rate(n // step)) for n in (0, 100_999, 101_000, 150_000, 200_000)]
            rates[schedule, player] = np.array(at) / 1e-4
    for player in ("discriminator", "generator"):
        np.testing.assert_allclose(rates["as_described", player], [1, 1, 0.99, 0.5, 0], atol=1e-6)
        np.testing.assert_allclose(rates["as_released", player], [1, 1, 0.99999, 0.9995, 0.999], rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "told", "y", "error"),
    [
        (5, {"schema": [["attributes", 5]]}, np.ones((4, 5), "float32"), 5 * np.log(2)),
        (8, {"num_classes": 8}, np.arange(4), np.log(8)),
    ],
)
def test_losses_of_a_constant_discriminator_and_the_identity(labels, told, y, error):
    model = still(labels, **told)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    logs = {key: values[0] for key, values in model.fit(images, y, batch_size=4, verbose=0).history.items()}
    assert logs["gradient_penalty"] == pytest.approx(10.0, rel=1e-5)
    assert logs["reconstruction_loss"] == 0.0
    assert logs["real_class_loss"] == pytest.approx(error, rel=1e-6)
    assert logs["fake_class_loss"] == pytest.approx(error, rel=1e-6)
    # The penalty is a log of its own; scores of 0 leave the classes.
    assert logs["discriminator_loss"] == pytest.approx(error, rel=1e-6)
    assert logs["generator_loss"] == pytest.approx(error, rel=1e-6)


def test_cross_entropy_by_hand():
    logits = ops.convert_to_tensor([[2.0, -1.0, 0.5, 0.0, 1.0]])
    attributes = label_vectors([["attributes", 2], ["classes", 3]], 0, [[1, 1]])
    classes = label_vectors([["attributes", 2], ["classes", 3]], 1, np.array([2]))
    schema = [["attributes", 2], ["classes", 3]]
    expected = np.log1p(np.exp(-2.0)) + np.log1p(np.exp(1.0))
    assert number(domain_error(schema, logits, attributes)) == pytest.approx(expected, rel=1e-5)
    expected = np.log(np.exp(0.5) + 1 + np.e) - 1.0
    assert number(domain_error(schema, logits, classes)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.once
def test_labels_of_the_unknown_data_set_change_no_loss():
    model = StarGAN(**networks(8, 1, schema=JOINT, width=2, blocks=1, stages=2))
    model.compile()
    rng = np.random.default_rng(0)
    images = ops.convert_to_tensor(rng.uniform(-1, 1, (2, 8, 8, 1)).astype("float32"))
    vectors = label_vectors(JOINT, 0, rng.integers(2, size=(2, 5)))
    other = vectors.copy()
    other[:, 5:13] = 1.0
    found = []
    for y in (vectors, other):
        y = known_only(JOINT, ops.convert_to_tensor(y))
        fake = ops.stop_gradient(model.turn(images, y))
        logs = {**model.generator_loss(images, y, y)[1], "real": model.discriminator_loss(images, y, fake)[1]}
        found.append([number(value) for key, value in logs.items() if key != "real"])
        found[-1].append(number(logs["real"]["real_class_loss"]))
    assert found[0] == found[1]
    made = [model.translate(np.zeros((2, 8, 8, 1), "uint8"), y) for y in (vectors, other)]
    np.testing.assert_array_equal(*made)


def test_targets_are_the_labels_in_another_order():
    model = StarGAN.tiny()
    y = np.arange(60) % 3
    targets = ops.convert_to_numpy(model.targets(ops.convert_to_tensor(y)))
    np.testing.assert_array_equal(np.bincount(targets), np.bincount(y))
    assert (targets != y).any()


def test_targets_stay_within_the_data_set_of_their_image():
    model = with_bank(schema=JOINT)
    rng = np.random.default_rng(0)
    sets = label_vectors(JOINT, 0, rng.integers(2, size=(30, 5))), label_vectors(JOINT, 1, np.arange(30) % 8)
    y = np.concatenate(sets)[rng.permutation(60)]
    targets = ops.convert_to_numpy(model.targets(ops.convert_to_tensor(y)))
    np.testing.assert_array_equal(targets[:, 13:], y[:, 13:])
    for part in (0, 1):
        own, made = (x[y[:, 13 + part] == 1] for x in (y, targets))
        np.testing.assert_array_equal(own[np.lexsort(own.T)], made[np.lexsort(made.T)])
        assert (own != made).any()


def test_two_data_sets_train_in_mixed_batches():
    model = with_bank(schema=JOINT)
    model.compile()
    images = model.example_data(8)[0]
    labels = label_vectors(JOINT, 0, np.eye(5)[:4]), label_vectors(JOINT, 1, np.arange(4))
    y = np.stack(labels, axis=1).reshape(8, -1)  # in turns
    history = model.fit(images, y, batch_size=8, verbose=0).history
    assert np.isfinite([values[-1] for values in history.values()]).all()


def test_a_class_that_does_not_exist_is_no_label_without_loss():
    model, logits = StarGAN.tiny(), ops.zeros((2, 3))
    assert number(model.class_error(logits, ops.convert_to_tensor([0, 2]))) == pytest.approx(np.log(3))
    if keras.backend.backend() == "torch":
        with pytest.raises(RuntimeError):
            model.class_error(logits, ops.convert_to_tensor([0, 7]))
    else:
        assert np.isnan(number(model.class_error(logits, ops.convert_to_tensor([0, 7]))))


@pytest.mark.once
@pytest.mark.parametrize("split", [True, False])
def test_the_discriminator_moves_as_often_as_asked_for_one_move_of_the_generator(split):
    model = StarGAN(
        **networks(8, 1, num_classes=3, width=2, blocks=0, stages=1), split_batch=split, discriminator_steps=3
    )
    model.compile()
    seen = []
    judge = model.discriminator_loss
    model.discriminator_loss = lambda real, *rest: seen.append(tuple(real.shape)) or judge(real, *rest)
    images, y = model.example_data(6)
    model.train_on_batch(images, y)
    steps = {player: int(number(opt.iterations)) for player, opt in model.optimizer.players.items()}
    assert steps == {"discriminator": 3, "generator": 1}
    assert seen[-3:] == [(2 if split else 6, 8, 8, 1)] * 3


def test_the_published_game_has_five_discriminator_steps():
    with keras.StatelessScope(initialize_variables=False):
        model = StarGAN.from_preset("stargan_celeba_128")
    assert (model.discriminator_steps, model.class_weight, model.reconstruction_weight) == (5, 1.0, 10.0)
    (penalty,) = StarGAN.presets["stargan_celeba_128"].training()["penalties"]
    assert penalty.weight == 10.0


@pytest.mark.once
def test_the_generator_depends_on_the_domain_after_one_step():
    model = compiled()
    model.fit(model.example_data(4), batch_size=4, verbose=0)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 1)).astype("float32")
    made = model.generate({"image": np.repeat(image, 3, 0), "domain": np.arange(3, dtype="int32")})
    assert np.abs(made - made[:1])[1:].max() > 1e-4


def test_the_penalty_is_on_realness_alone():
    class Steep(keras.layers.Layer):
        def build(self, input_shape):
            self.weight = self.add_weight(shape=(), initializer="ones")

        def call(self, images):
            return 100.0 * self.weight * ops.reshape(images, (-1, 192))[:, :3]

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 3)

    made = networks(8, 3, num_classes=3, width=2, blocks=0, stages=2)
    images = keras.Input((8, 8, 3))
    model = StarGAN(
        made["generator"], keras.Model(images, [Zeros(1)(images), Steep()(images)]), num_classes=3
    )
    model.compile()
    images, y = (ops.convert_to_tensor(x) for x in model.example_data(4))
    _, logs = model.discriminator_loss(images, y, images)
    assert number(logs["gradient_penalty"]) == pytest.approx(10.0, rel=1e-5)


def with_bank(**told):
    schema = {name: told.pop(name) for name in ("num_classes", "schema") if name in told}
    made = networks(8, 1, width=2, blocks=1, stages=2, **schema)
    model = StarGAN(**made, **told, discriminator_steps=2, seed=3)
    images, labels = model.example_data(6)
    model.set_banks({"image": images} if model.num_classes else {"image": images, "domain": labels})
    return model


# The rest of the contract does not depend on what a label is.
@pytest.mark.once
@pytest.mark.parametrize("check", ["config", "saving", "sampling", "conditions"])
def test_contract_of_label_vectors(check):
    getattr(contract, check)(lambda: with_bank(schema=[["attributes", 2], ["classes", 3]]))


def test_sheets_show_the_input_and_every_target():
    for told, columns in (({"num_classes": 3}, 4), ({"schema": [["attributes", 2], ["classes", 3]]}, 6)):
        model = with_bank(**told)
        images, found = model.sheet(12)
        assert found == columns
        rows = max(1, 12 // columns)
        assert images.shape == (rows * columns, 8, 8, 1)
        bank = np.clip(np.floor((model.banks()["image"][:rows] + 1) * 127.5 + 0.5), 0, 255)
        np.testing.assert_array_equal(images[::columns], bank.astype("uint8"))


@pytest.mark.once
def test_published_targets_of_celeba():
    own = [[1, 0, 0, 1, 0], [0, 0, 1, 0, 1]]
    made = target_sets([["attributes", 5]], own, exclusive=[[0, 1, 2]])
    expected = [[1, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 1, 1, 0], [1, 0, 0, 0, 0], [1, 0, 0, 1, 1]]
    np.testing.assert_array_equal(made[0], expected)
    assert made.shape == (2, 5, 5)


@pytest.mark.once
def test_combined_targets_change_attributes_together():
    own = [[1, 0, 0, 1, 0], [0, 0, 1, 0, 1]]
    groups = {"exclusive": [[0, 1, 2]], "combined": [[1, 3], (3, 4), [0, 3, 4]]}
    made = target_sets([["attributes", 5]], own, **groups)
    np.testing.assert_array_equal(made[0, 5:], [[0, 1, 0, 0, 0], [1, 0, 0, 0, 1], [1, 0, 0, 0, 1]])
    np.testing.assert_array_equal(made[1, 5:], [[0, 1, 0, 1, 1], [0, 0, 1, 1, 0], [1, 0, 0, 1, 0]])
    # Those of a part come before the next part's classes, also for images of the other data set.
    schema = [["attributes", 2], ["classes", 2]]
    made = target_sets(schema, label_vectors(schema, 1, [1]), combined=[[0, 1]])
    expected = [
        [1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [1, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
    ]
    np.testing.assert_array_equal(made[0], expected)
    model = with_bank(schema=schema, combined=[[0, 1]])
    images, columns = model.sheet(12)
    assert images is not None
    assert (columns, len(images)) == (6, 12)
    bank = model.banks()
    pixels = np.floor((bank["image"][:2] + 1) * 127.5 + 0.5).astype("uint8")
    both = target_sets(schema, bank["domain"][:2], combined=[[0, 1]])[:, 2]
    np.testing.assert_array_equal(images[3::6], model.translate(pixels, both))


@pytest.mark.once
def test_label_vectors_out_of_range_are_refused():
    schema = [["attributes", 2], ["classes", 3]]
    model = with_bank(schema=schema)
    model.compile()
    images, y = model.example_data(4)
    pixels = np.zeros((4, 8, 8, 1), "uint8")
    for wrong, message in (
        (y * 5, r"must be numbers in \[0, 1\], got 5"),
        (y * np.nan, r"must be numbers in \[0, 1\], got nan"),
        (np.zeros_like(y), r"must end in a mask with a single 1, for the known part, got \[0\.0, 0\.0\]"),
        (np.ones_like(y), r"must end in a mask with a single 1, for the known part, got \[1\.0, 1\.0\]"),
        (np.eye(7)[[6] * 4], "of classes must sum to 1, got 0"),
    ):
        with pytest.raises(UsageError, match=f"labels {message}"):
            model.fit(images, wrong, batch_size=4, verbose=0)
        with pytest.raises(UsageError, match=f"domain {message}"):
            model.translate(pixels, wrong)
        with pytest.raises(UsageError, match=f"vectors {message}"):
            target_sets(schema, wrong)
    # Between two attributes, or two classes, lies a blend.
    blends = [0.5, 0, 0, 0, 0, 1, 0], [0, 0, 0.25, 0.75, 0, 0, 1]
    assert all(model.translate(pixels, blend).shape == (4, 8, 8, 1) for blend in blends)
    for part, labels, message in (
        ("a", [[0, 1]], "part must be from 0 to 1, got 'a'"),
        (True, [[0, 1]], "part must be from 0 to 1, got True"),
        (0, [[0, 2]], "labels of part 0 must be 0 or 1, got .*0, 2"),
        (0, [["a", "b"]], "labels of part 0 must be 0 or 1, got"),
        (0, [[1], [0, 1]], "labels of part 0 must be an array, got"),
    ):
        with pytest.raises(UsageError, match=message):
            label_vectors(schema, part, labels)
    for vectors in ([[0, 1]], [0] * 7, [[0], [1, 0]], "x"):
        with pytest.raises(UsageError, match="vectors must be"):
            target_sets(schema, vectors)


def compiled():
    model = StarGAN.tiny()
    model.compile()
    return model


def patterns(n, seed):
    """Dark patterns with bright tiles, each alike in three colours: content, and its image in every domain.

    A quarter of the tiles is bright.
    """
    tiles = np.where(np.random.default_rng(seed).random((n, 4, 4, 1)) < 0.25, 1.0, 0.2)
    shapes = tiles.repeat(4, axis=1).repeat(4, axis=2)
    colours = np.array([[1.0, 0.1, 0.1], [0.1, 1.0, 0.1], [0.1, 0.1, 1.0]])
    return (shapes[:, None] * colours[None, :, None, None] * 2.0 - 1.0).astype("float32")


@pytest.mark.once
def test_the_target_domain_is_obeyed_and_leads_back():
    keras.utils.set_random_seed(0)
    # Each image of the training is seen in one colour.
    every, y = patterns(1600, seed=1), np.arange(1600) % 3
    images = every[np.arange(1600), y]
    model = StarGAN(
        **networks(16, num_classes=3, width=8, blocks=0, stages=3, discriminator_width=16),
        discriminator_steps=2,
    )
    model.compile(**training("constant", learning_rate=3e-3))
    model.fit(images, y, batch_size=32, epochs=4, shuffle=False, verbose=0)
    truth = patterns(48, seed=2)
    pixels = np.floor((truth + 1) * 127.5 + 0.5).astype("uint8")
    found = {"obeyed": [], "way_back": [], "another": []}
    for own, target in itertools.permutations(range(3), 2):
        turned = model.translate(pixels[:, own], target)
        back = model.translate(turned, own).astype(float)
        found["obeyed"].append(np.mean(turned.mean(axis=(1, 2)).argmax(axis=1) == target))
        # Content is whatever leads back: nothing in the game forbids a mirror image on the way.
        found["way_back"].append(np.abs(back - pixels[:, own]).mean())
        found["another"].append(np.abs(back - np.roll(pixels[:, own], 1, axis=0)).mean())
    found = {name: float(np.mean(values)) for name, values in found.items()}
    assert found["obeyed"] >= 0.95, found
    assert found["way_back"] < 0.6 * found["another"], found


@pytest.mark.once
def test_attributes_of_drawn_bars_are_edited_and_lead_back():
    keras.utils.set_random_seed(0)
    schema, dense = [["attributes", 3]], keras.layers.Dense
    pixels, y = drawn_shapes(2400, seed=1)
    images = pixels / np.float32(127.5) - np.float32(1.0)
    convolutions = [keras.layers.Conv2D(n, 3, 2, padding="same", activation="relu") for n in (16, 32)]
    judge = keras.Sequential([keras.Input((16, 16, 3)), *convolutions, keras.layers.Flatten(), dense(3)])
    judge.compile(keras.optimizers.Adam(3e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    judge.fit(images, y, batch_size=64, epochs=4, verbose=0)
    model = StarGAN(
        **networks(16, schema=schema, width=8, blocks=0, stages=3, discriminator_width=16),
        discriminator_steps=2,
        reconstruction_weight=20.0,
    )
    model.compile(**training("constant", learning_rate=3e-3))
    model.fit(images, label_vectors(schema, 0, y), batch_size=32, epochs=7, verbose=0)
    held, own = drawn_shapes(64, seed=2)
    assert np.mean((judge.predict(held / np.float32(127.5) - 1, verbose=0) > 0) == own) >= 0.95
    found: dict[str, list] = {"attributes": [], "way_back": [], "another": []}
    # Each attribute alone, and all together.
    for target in np.moveaxis(target_sets(schema, own, combined=[[0, 1, 2]]), 1, 0):
        turned = model.translate(held, target)
        seen = judge.predict(turned / np.float32(127.5) - 1, verbose=0) > 0
        found["attributes"].append((seen == target).mean(axis=0))
        back = model.translate(turned, own).astype(float)
        found["way_back"].append(np.abs(back - held).mean())
        # A bar of the same attributes elsewhere is no way back.
        elsewhere, _ = drawn_shapes(64, seed=3, attributes=own)
        found["another"].append(np.abs(back - elsewhere).mean())
    assert np.mean(found["attributes"], axis=0).min() >= 0.85, found
    assert np.mean(found["way_back"]) < 0.75 * np.mean(found["another"]), found


@pytest.mark.once
def test_arguments_out_of_range_are_refused():
    made = networks(16, num_classes=3, width=2, blocks=0, stages=2)
    with pytest.raises(UsageError, match="image_size must be a multiple of 4, at least 8, got 30"):
        generator(30, num_classes=3)
    with pytest.raises(UsageError, match="image_size must be a multiple of 64 for 6 halvings, got 96"):
        discriminator(96, num_classes=3)
    with pytest.raises(UsageError, match="num_classes must be an integer >= 2, got 1"):
        generator(16, num_classes=1)
    with pytest.raises(UsageError, match="either num_classes or schema must be given, got None and None"):
        generator(16)
    with pytest.raises(UsageError, match="got \\('colours', 3\\)"):
        generator(16, schema=[("colours", 3)])
    with pytest.raises(
        UsageError, match=r"networks must fit: the discriminator's logits are .3,., it must be"
    ):
        StarGAN(generator(16, num_classes=4, width=2, blocks=0), made["discriminator"], num_classes=4)
    with pytest.raises(UsageError, match="discriminator_steps must be an integer >= 1, got 0"):
        StarGAN(**made, discriminator_steps=0)
    with pytest.raises(UsageError, match="class_weight must be a finite number >= 0, got -1"):
        StarGAN(**made, class_weight=-1)
    with pytest.raises(UsageError, match="schedule must be one of as_described, as_released, constant"):
        training("cosine")
    with pytest.raises(UsageError, match=r"labels of part 1 must be .n. integers from 0 to 7"):
        label_vectors(JOINT, 1, np.array([8]))


@pytest.mark.once
@pytest.mark.parametrize(
    ("build", "told", "message"),
    [
        (generator, {"schema": 5}, "schema must be a list of at least one part, got 5"),
        (generator, {"schema": "attributes"}, "schema must be a list of at least one part, got 'attributes'"),
        (generator, {"schema": [3]}, r'schema must be of \("classes", K\) .*, got 3'),
        (generator, {"schema": [["attributes", True]]}, "schema needs at least 1 attributes, got True"),
        (generator, {"num_classes": True}, "num_classes must be an integer >= 2, got True"),
        (generator, {"num_classes": 3, "image_size": True}, "image_size must be a multiple of 4"),
        (generator, {"num_classes": 3, "width": 0}, "width must be an integer >= 1, got 0"),
        (generator, {"num_classes": 3, "channels": 1.5}, "channels must be an integer >= 1, got 1.5"),
        (generator, {"num_classes": 3, "blocks": -1}, "blocks must be an integer >= 0, got -1"),
        (discriminator, {"num_classes": 3, "channels": -1}, "channels must be an integer >= 1, got -1"),
        (discriminator, {"num_classes": 3, "stages": "a"}, "stages must be an integer >= 1, got 'a'"),
        (networks, {"num_classes": 3, "discriminator_width": 0}, "width must be an integer >= 1, got 0"),
        (training, {"generator_every": 0}, "generator_every must be an integer >= 1, got 0"),
        (training, {"schedule": []}, r"schedule must be one of .*, got \[\]"),
        (training, {"updates": "x"}, "updates must be a multiple of 1000, got 'x'"),
        (training, {"learning_rate": -1}, "learning_rate must be a finite number > 0, got -1"),
        (training, {"learning_rate": "a"}, "learning_rate must be a finite number > 0, got 'a'"),
    ],
)
def test_networks_and_training_say_what_they_take(build, told, message):
    with pytest.raises(UsageError, match=message):
        build(**({"image_size": 8} if build is not training and "image_size" not in told else {}), **told)


@pytest.mark.once
def test_the_constructor_says_what_it_takes():
    made: dict[str, Any] = networks(8, 1, schema=[["attributes", 3]], width=2, blocks=0, stages=1)
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        (
            {"exclusive": [0, 1]},
            r"exclusive must hold groups of at least 1 different places .*, got \[0, 1\]",
        ),
        ({"exclusive": "ab"}, "exclusive must hold groups of .*, got 'ab'"),
        ({"exclusive": [[7]]}, r"exclusive must hold groups of .*, got \[\[7\]\]"),
        ({"combined": [[1]]}, "combined must hold groups of at least 2 different places"),
        ({"class_weight": "a"}, "class_weight must be a finite number >= 0, got 'a'"),
        ({"class_weight": np.inf}, "class_weight must be a finite number >= 0, got inf"),
        ({"reconstruction_weight": None}, "reconstruction_weight must be a finite number >= 0, got None"),
        ({"discriminator_steps": True}, "discriminator_steps must be an integer >= 1, got True"),
        ({"split_batch": "x"}, "split_batch must be True or False, got 'x'"),
    )
    for told, message in wrong:
        with pytest.raises(UsageError, match=message):
            StarGAN(**made, **told)
    with pytest.raises(UsageError, match="combined must hold at most one place of an exclusive group"):
        target_sets([["attributes", 3]], [[0, 1, 0]], exclusive=[[0, 1]], combined=[[0, 1]])


class Served(keras.utils.PyDataset):
    """One batch of 4."""

    batch_size = 4

    def __init__(self, images, labels):
        super().__init__()
        self.batch = images, labels

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


def test_data_that_do_not_fit_are_refused():
    model = StarGAN.tiny()
    model.class_names = ["red", "green", "blue"]
    model.compile()
    images, y = model.example_data(4)
    with pytest.raises(UsageError, match="labels must be from 0 to 2, got 0 to 3"):
        model.fit(images, np.arange(4), batch_size=4, verbose=0)
    for labels, message in (
        (np.eye(4)[:, :3], r"labels must be .n., got .4, 3."),
        (np.arange(4) % 3 + 0.5, "labels must be whole numbers from 0 to 2, got 0.5"),
        (np.full(4, np.nan), "labels must be whole numbers from 0 to 2, got nan"),
        (np.array(list("abba")), "labels must be whole numbers from 0 to 2, got <U1"),
        ([0, 1, 2, 0], r"labels must be an array, got .0, 1, 2, 0."),
        (y[:3], "labels must be 4, one an image, got 3"),
    ):
        with pytest.raises(UsageError, match=message):
            model.fit(images, labels, batch_size=4, verbose=0)
    with pytest.raises(UsageError, match="labels must be from 0 to 2, got 7 to 9"):
        model.fit(Served(images, y + 7), verbose=0)
    with pytest.raises(UsageError, match=r"images must be floats in \[-1, 1\], got uint8"):
        model.fit(Served(images.astype("uint8"), y), verbose=0)
    with pytest.raises(UsageError, match="images must be 8x8x1 for this model, got 8x8x3"):
        model.fit(np.zeros((4, 8, 8, 3), "float32"), y, batch_size=4, verbose=0)
    # A step that fails on JAX leaves its model without weights.
    with pytest.raises(UsageError, match="load the images with label=COLUMN"):
        compiled().train_on_batch(images)
    split = StarGAN(**networks(8, 1, num_classes=3, width=2, blocks=0, stages=2))
    split.compile()
    with pytest.raises(UsageError, match="batch_size must be a multiple of discriminator_steps 5, got 4"):
        split.train_on_batch(images, y)
    with pytest.raises(UsageError, match="batch_size must be a multiple of discriminator_steps 5, got 32"):
        split.fit(np.repeat(images, 10, axis=0), np.repeat(y, 10), verbose=0)
    with pytest.raises(UsageError, match="multiple of discriminator_steps 5, got 12 in batches of 10"):
        split.fit(np.repeat(images, 3, axis=0), np.repeat(y, 3), batch_size=10, verbose=0)
    with pytest.raises(UsageError, match="batch_size must be a multiple of discriminator_steps 5, got 4"):
        split.fit(Served(images, y), verbose=0)
    pictures = np.zeros((2, 8, 8, 1), "uint8")
    with pytest.raises(UsageError, match=r"image must be floats in \[-1, 1\], got uint8: divide by 127\.5"):
        model.sample(2, image=pictures, domain=1)
    with pytest.raises(UsageError, match="image must be 2x8x8x1 numbers or one value for all"):
        model.sample(2, image=[[1, 0], [1]], domain=1)
    with pytest.raises(UsageError, match="label must be an integer from 0 to 2, got 3"):
        model.translate(pictures, 3)
    with pytest.raises(UsageError, match="label must be one of red, green, blue, got 'pink'"):
        model.translate(pictures, "pink")
    with pytest.raises(UsageError, match=r"images must be uint8 nx8x8x1, got uint8 .2, 4, 4, 1."):
        model.translate(pictures[:, :4, :4], 1)
    assert model.translate(pictures, "blue").shape == model.translate(pictures, [0, 2]).shape
    assert model.translate(pictures[:0], 1).shape == (0, 8, 8, 1)
    vectors = with_bank(schema=[["attributes", 3]])
    for domain, message in (
        ([1, 0], r"domain must be .3. or .2, 3., got .2."),
        (np.zeros((5, 3)), r"domain must be .3. or .2, 3., got .5, 3."),
        ("blond", "domain must be one vector of numbers, or one an image, got 'blond'"),
        ([[1, 0, 0], [1]], "domain must be arrays of one shape, got "),
        ([2, 0, 0], r"domain must be numbers in .0, 1., got 2"),
    ):
        with pytest.raises(UsageError, match=message):
            vectors.translate(pictures, domain)
    with pytest.raises(UsageError, match=r"images must be arrays of one shape, got ..1., .1, 2.."):
        vectors.translate([[1], [1, 2]], 1)


def test_other_losses_and_penalties_play_too():
    model = StarGAN.tiny()
    model.compile(loss=losses.RelativisticPairing(), penalties=[losses.R1(1.0)])
    images, y = (ops.convert_to_tensor(x) for x in model.example_data(4))
    _, of_d = model.discriminator_loss(images, y, -images)
    _, of_g = model.generator_loss(images, y, y)
    assert number(of_d["r1"]) > 0
    assert np.isfinite([number(of_d["discriminator_loss"]), number(of_g["generator_loss"])]).all()
