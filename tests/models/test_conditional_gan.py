"""ConditionalGAN: presets of the paper, the game with conditions, forms of conditioning, masks."""

import keras
import numpy as np
import pytest
from keras import ops

import kgan
from kgan import contract, layers, losses
from kgan.errors import UsageError
from kgan.models import ConditionalGAN
from kgan.models.conditional_networks import (
    DISCRIMINATOR_FORMS,
    GENERATOR_FORMS,
    discriminator_28,
    generator_28,
    inpainting_networks_28,
    networks_28,
)

L = keras.layers


def dense_game(label=True, width=6, **arguments):
    """A small game on vectors of 2 numbers, by class or by a vector of 4 numbers."""

    def condition():
        if label:
            return "label", keras.Input((), dtype="int32", name="label")
        return "features", keras.Input((4,), name="features")

    z, (name, y) = keras.Input((3,), name="z"), condition()
    told = layers.OneHot(3)(y) if label else y
    made = L.Dense(2)(L.Dense(width, "relu")(layers.ConcatCondition()([z, told])))
    generator = keras.Model({"z": z, name: y}, made, name="generator")
    images, (name, y) = keras.Input((2,), name="images"), condition()
    told = layers.OneHot(3)(y) if label else y
    score = L.Dense(1)(L.Dense(width, "relu")(layers.ConcatCondition()([images, told])))
    discriminator = keras.Model({"images": images, name: y}, score, name="discriminator")
    return ConditionalGAN(generator, discriminator, num_classes=3 if label else None, seed=3, **arguments)


def vectors():
    """Word vectors under a dense condition, as in the tag experiment."""
    return dense_game(label=False, discriminator_steps=2, split_batch=True)


def masked():
    """Inpainting at its smallest."""
    z, visible = keras.Input((3,), name="z"), keras.Input((4, 4, 1), name="visible")
    mask = keras.Input((4, 4, 1), name="mask")
    x = layers.ConcatCondition()([L.Multiply()([visible, mask]), mask])
    x = layers.ConcatCondition()([L.Conv2D(3, 3, padding="same", activation="relu")(x), z])
    made = L.Conv2D(1, 3, padding="same", activation="tanh")(x)
    completed = layers.Complete()([made, visible, mask])
    generator = keras.Model({"z": z, "visible": visible, "mask": mask}, completed, name="generator")
    images, mask = keras.Input((4, 4, 1), name="images"), keras.Input((4, 4, 1), name="mask")
    score = L.Dense(1)(L.Flatten()(layers.ConcatCondition()([images, mask])))
    discriminator = keras.Model({"images": images, "mask": mask}, score, name="discriminator")
    return ConditionalGAN(generator, discriminator, masks=["half", "pixels"], update_mode="simultaneous")


@pytest.mark.once
@pytest.mark.parametrize("check", contract.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("build", [vectors, masked])
def test_contract_of_the_other_conditions(build, check):
    check(build)


# -- the models of the paper


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.once
@pytest.mark.parametrize(
    ("preset", "generator", "discriminator", "joint"),
    [("cgan_mnist", 2_413_984, 1_224_351, 290), ("cgan_tags", 8_744_700, 10_120_901, 1700)],
)
def test_published_parameters(preset, generator, discriminator, joint):
    with keras.StatelessScope(initialize_variables=False):
        model = ConditionalGAN.from_preset(preset)
    assert trainable(model.generator) == generator
    assert trainable(model.discriminator) == discriminator
    # The joint maxout layer sees both paths.
    maxout = [x for x in model.discriminator.layers if isinstance(x, layers.MaxoutDense)][-1]
    assert maxout.input.shape[-1] == joint


@pytest.mark.once
def test_the_mnist_model_of_the_paper():
    model = ConditionalGAN.from_preset("cgan_mnist")
    z, label = model.sampling_inputs()
    assert (z.shape, z.distribution) == ((100,), "uniform01")
    assert (label.name, label.distribution, label.num_classes) == ("label", "label", 10)
    assert model.data_range == (0.0, 1.0)
    rates = [layer.rate for n in (model.generator, model.discriminator) for layer in _dropouts(n)]
    assert rates == [0.5] * 6
    model.compile()
    for optimizer in model.optimizer.players.values():
        rate = optimizer._learning_rate
        assert float(rate(0)) == pytest.approx(0.1)
        assert float(rate(10_000)) == pytest.approx(0.1 / 1.00004**10_000, rel=1e-4)
        assert float(rate(10_000_000)) == pytest.approx(1e-6)
        assert float(optimizer.momentum_at(0)) == pytest.approx(0.5)
        assert float(optimizer.momentum_at(10**6)) == pytest.approx(0.7)


def _dropouts(network):
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]


@pytest.mark.once
def test_the_tag_model_makes_unbounded_vectors():
    with keras.StatelessScope(initialize_variables=False):
        model = ConditionalGAN.from_preset("cgan_tags")
    assert model.image_shape == (200,)
    assert model.generator.layers[-1].activation is keras.activations.linear
    assert [(s.name, s.shape, s.distribution) for s in model.sampling_inputs()] == [
        ("z", (100,), "normal"),
        ("features", (4096,), "given"),
    ]


@pytest.mark.once
def test_every_preset_is_tested():
    assert set(ConditionalGAN.presets) == {"cgan_mnist", "cgan_tags", "cgan_28", "inpainting_28"}
    for preset in ConditionalGAN.presets.values():
        assert set(preset.training()["optimizer"]) == {"generator", "discriminator"}


# -- forms


@pytest.mark.parametrize("form", GENERATOR_FORMS)
def test_the_class_reaches_the_image_in_each_form(form):
    network = generator_28(num_classes=3, width=2, form=form)
    z = np.random.default_rng(0).standard_normal((1, 100)).astype("float32").repeat(3, 0)
    made = network({"z": ops.convert_to_tensor(z), "label": ops.convert_to_tensor([0, 1, 2])})
    made = ops.convert_to_numpy(made)
    assert made.shape == (3, 28, 28, 1)
    assert np.abs(made[0] - made[1]).max() > 1e-6
    assert np.abs(made[1] - made[2]).max() > 1e-6


@pytest.mark.parametrize("form", DISCRIMINATOR_FORMS)
def test_the_class_reaches_the_score_in_each_form(form):
    network = discriminator_28(num_classes=3, width=2, form=form)
    images = np.random.default_rng(0).uniform(-1, 1, (1, 28, 28, 1)).astype("float32").repeat(3, 0)
    inputs = {"images": ops.convert_to_tensor(images), "label": ops.convert_to_tensor([0, 1, 2])}
    scores = ops.convert_to_numpy(network(inputs)).ravel()
    assert len(set(scores.round(7))) == 3


@pytest.mark.once
def test_networks_have_one_form_each():
    def kinds(network):
        return {type(layer).__name__ for layer in network.layers}

    with keras.StatelessScope(initialize_variables=False):
        published = networks_28(width=2)
    assert "ConditionalBatchNormalization" in kinds(published["generator"])
    assert "Projection" in kinds(published["discriminator"])
    assert "ConcatCondition" not in kinds(published["generator"]) | kinds(published["discriminator"])
    count = {}
    for form in ("input_concat", "layer_concat"):
        with keras.StatelessScope(initialize_variables=False):
            networks = generator_28(width=2, form=form), discriminator_28(width=2, form=form)
        for name, network in zip("gd", networks):
            count[name, form] = sum(type(x).__name__ == "ConcatCondition" for x in network.layers)
    assert count == {
        ("g", "input_concat"): 1,
        ("g", "layer_concat"): 3,
        ("d", "input_concat"): 1,
        ("d", "layer_concat"): 3,
    }
    with pytest.raises(UsageError, match=r"form must be one of conditional_norm, .* got 'film'"):
        generator_28(form="film")
    with pytest.raises(UsageError, match=r"form must be one of projection, .* got 'film'"):
        discriminator_28(form="film")


# -- the game


def numbers(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


def test_a_game_of_one_class_has_the_losses_of_the_unconditional_game():
    model = dense_game()
    for weight in model.discriminator.trainable_weights:
        weight.assign(ops.zeros(weight.shape))
    model.compile(loss=losses.NonSaturating())
    real, y = ops.ones((4, 2)), {"label": ops.convert_to_tensor([1, 1, 1, 1])}
    loss, logs = model.discriminator_loss(real, y, ops.zeros((4, 2)), y)
    assert float(numbers(loss)) == pytest.approx(1.3862943611)  # 2 log 2 at D = 1/2
    assert set(logs) == {"discriminator_loss"}
    assert float(numbers(model.generator_loss(real, y)[0])) == pytest.approx(0.6931471806)


def test_swapping_two_classes_everywhere_leaves_the_loss():
    model = dense_game()
    model.compile()
    real = ops.convert_to_tensor(np.random.default_rng(0).standard_normal((6, 2)).astype("float32"))
    y = np.array([0, 1, 2, 0, 1, 1], "int32")
    swap = np.array([1, 0, 2])

    def loss(labels):
        given = {"label": ops.convert_to_tensor(labels.astype("int32"))}
        return float(numbers(model.discriminator_loss(real, given, real * 0.5, given)[0]))

    before = loss(y)
    assert loss(swap[y]) != pytest.approx(before)
    kernel = model.discriminator.trainable_weights[0]
    order = [0, 1, *(2 + swap)]
    kernel.assign(numbers(kernel.value)[order])
    assert loss(swap[y]) == pytest.approx(before, rel=1e-6)


def test_fakes_have_the_labels_of_the_batch_unless_told_otherwise():
    y = {"label": ops.convert_to_tensor(np.array([0, 2] * 500, "int32"))}
    np.testing.assert_array_equal(numbers(dense_game().fake_conditions(y)["label"]), [0, 2] * 500)
    for law, expected in (("uniform", [1 / 3] * 3), ([1.0, 0.0, 3.0], [0.25, 0.0, 0.75])):
        model = dense_game(label_distribution=law)
        drawn = numbers(model.fake_conditions(y)["label"])
        assert drawn.dtype == np.int32
        np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 1000, expected, atol=0.06)
        assert not np.array_equal(drawn, numbers(model.fake_conditions(y)["label"]))


def test_reals_and_fakes_are_judged_with_their_own_labels():
    model = dense_game(label_distribution=[0.0, 0.0, 1.0])
    seen = []
    original = model.discriminate

    def watched(images, y):
        seen.append(numbers(y["label"]).tolist())
        return original(images, y)

    model.discriminate = watched
    model.compile(penalties=[losses.R2(0.1)])
    real, y = ops.ones((2, 2)), {"label": ops.convert_to_tensor(np.array([0, 1], "int32"))}
    fake_y = model.fake_conditions(y)
    if keras.backend.backend() != "jax":  # a JAX trace has no numbers to look at
        model.discriminator_loss(real, y, model.fakes(fake_y), fake_y)
        assert seen == [[0, 1], [2, 2]]
    np.testing.assert_array_equal(numbers(fake_y["label"]), [2, 2])


def test_wrong_pairs_are_wrong_and_count_as_fake():
    model = dense_game(wrong_pairs=1.0)
    y = {"label": ops.convert_to_tensor(np.array([0, 1, 2] * 100, "int32"))}
    wrong = numbers(model.wrong_conditions(y)["label"])
    assert (wrong != numbers(y["label"])).all()
    np.testing.assert_allclose(np.bincount(wrong) / 300, 1 / 3, atol=0.1)
    model.compile(loss=losses.Hinge())
    real = ops.convert_to_tensor(np.random.default_rng(0).standard_normal((300, 2)).astype("float32"))
    fake = real * 0.5
    model.wrong_conditions = lambda y: {"label": (y["label"] + 1) % 3}
    r, f = (numbers(model.discriminate(x, y)) for x in (real, fake))
    w = numbers(model.discriminate(real, model.wrong_conditions(y)))
    terms = [np.maximum(0, 1 - r).mean(), np.maximum(0, 1 + f).mean(), np.maximum(0, 1 + w).mean()]
    expected = terms[0] + (terms[1] + terms[2]) / 2  # Reed et al.
    assert float(numbers(model.discriminator_loss(real, y, fake, y)[0])) == pytest.approx(expected, rel=1e-5)


def test_wrong_vectors_are_those_of_the_next_image():
    model = dense_game(label=False, wrong_pairs=0.5)
    y = {"features": ops.convert_to_tensor(np.arange(8.0, dtype="float32").reshape(2, 4))}
    found = numbers(model.wrong_conditions(y)["features"])
    np.testing.assert_array_equal(found, [[4, 5, 6, 7], [0, 1, 2, 3]])


@pytest.mark.once
def test_a_trained_game_depends_on_the_class_and_on_the_noise():
    # Each class is a Gaussian of its own on a circle.
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 2048).astype("int32")
    angles = 2 * np.pi * y / 3
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    x = (2 * centres + 0.2 * rng.standard_normal((2048, 2))).astype("float32")
    keras.utils.set_random_seed(1)
    model = dense_game(width=32)
    adam = {p: keras.optimizers.Adam(2e-3, beta_1=0.5) for p in model.players()}
    model.compile(adam)
    model.fit((x, y), batch_size=128, epochs=25, shuffle=False, verbose=0)
    means, spreads = [], []
    for label in range(3):
        points = model.sample(200, seed=0, label=label)
        assert points.dtype == np.float32
        means.append(points.mean(axis=0))
        spreads.append(points.std(axis=0).mean())
    truth = [2 * np.array([np.cos(a), np.sin(a)]) for a in 2 * np.pi * np.arange(3) / 3]
    nearest = [int(np.argmin([np.linalg.norm(m - t) for t in truth])) for m in means]
    assert nearest == [0, 1, 2]
    assert min(spreads) > 0.02  # one-to-many
    images = ops.convert_to_tensor(x[:64])
    told = numbers(model.discriminate(images, {"label": ops.convert_to_tensor(y[:64])}))
    lied = numbers(model.discriminate(images, {"label": ops.convert_to_tensor((y[:64] + 1) % 3)}))
    assert told.mean() > lied.mean() + 0.5


# -- labels, names, banks, sheets


@pytest.mark.once
def test_names_come_from_the_data_and_are_saved(tmp_path):
    data = kgan.data.load_images(
        kgan.recipes.FASHION_MNIST_MINI, "train[:16]", label="label", image_size=28, batch_size=8
    )
    model = ConditionalGAN(**networks_28(width=2))
    model.compile()
    model.fit(data, epochs=1, verbose=0)
    assert model.class_names[7] == "Sneaker"
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    by_name = loaded.sample(2, seed=1, label="sneaker")
    np.testing.assert_array_equal(by_name, model.sample(2, seed=1, label=7))
    sheet, columns = model.sheet(64)
    assert (sheet.shape, columns) == ((60, 28, 28, 1), 6)
    np.testing.assert_array_equal(sheet[:6], model.sample(6, z=model._noise(6, 0), label=0))

    few = ConditionalGAN(**networks_28(num_classes=7, width=2))
    few.compile()
    with pytest.raises(UsageError, match="num_classes must be 10, as the data have, got 7"):
        few.fit(data, verbose=0)
    bare = kgan.data.load_images(kgan.recipes.FASHION_MNIST_MINI, "train[:16]", image_size=28, batch_size=8)
    with pytest.raises(UsageError, match=r"batches must be \(images, label\), got images alone"):
        model.fit(bare, verbose=0)


@pytest.mark.once
def test_labels_beyond_the_classes_are_refused():
    class Data(keras.utils.PyDataset):
        labels = np.array([0, 3])

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return np.zeros((2, 4, 4, 1), "float32"), self.labels

    model = ConditionalGAN.tiny()
    model.compile()
    with pytest.raises(UsageError, match="labels must be from 0 to 2, got 3"):
        model.fit(Data(), verbose=0)


@pytest.mark.parametrize("wrong", [7, -1])
def test_labels_out_of_range_are_refused(wrong):
    model = ConditionalGAN.tiny()
    model.compile()
    images, labels = model.example_data(4)
    labels = np.where(np.arange(4) == 2, wrong, labels).astype("int32")
    for arguments in ((images, labels), ((images, labels),), (images, {"label": labels})):
        with pytest.raises(UsageError, match=f"labels must be from 0 to 2, got {wrong}"):
            model.fit(*arguments, verbose=0, batch_size=2)


def test_conditions_of_the_wrong_shape_are_refused_in_training():
    for condition, message in (
        (np.zeros((4, 5), "float32"), r"features must be \[batch, 4\], got \[batch, 5\]"),
        ({"words": np.zeros((4, 4), "float32")}, r"batches must hold features, got words"),
    ):
        model = vectors()
        model.compile()
        with pytest.raises(UsageError, match=message):
            model.fit(np.zeros((4, 2), "float32"), condition, verbose=0, batch_size=4)


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": None}, "num_classes must be an integer of at least 2, got None"),
        ({"num_classes": 1}, "num_classes must be an integer of at least 2, got 1"),
        ({"label_distribution": "flat"}, "label_distribution must be empirical, uniform, or one weight"),
        ({"label_distribution": [1.0, 2.0]}, "one weight of at least 0 for each of 3 classes, got"),
        ({"label_distribution": [1.0, -1.0, 1.0]}, "one weight of at least 0"),
        ({"wrong_pairs": -1.0}, "wrong_pairs must be at least 0, got -1.0"),
        ({"masks": ["half"]}, r"masks need the conditions visible and mask alone, got \['label'\]"),
    ],
)
def test_wrong_arguments(arguments, message):
    config = ConditionalGAN.tiny().get_config()
    with pytest.raises(UsageError, match=message):
        ConditionalGAN.from_config({**config, "wrong_pairs": 0.0, **arguments})


@pytest.mark.once
def test_networks_must_fit():
    tiny, other = ConditionalGAN.tiny(), masked()
    with pytest.raises(
        UsageError, match=r"the discriminator's condition mask .* must be one of the generator's"
    ):
        ConditionalGAN(tiny.generator, other.discriminator, num_classes=3)
    with pytest.raises(UsageError, match="the generator must take a dict with z and its conditions"):
        ConditionalGAN(kgan.models.GAN.tiny().generator, tiny.discriminator)
    with pytest.raises(
        UsageError, match="kinds of masks must be some of half, box, pixels, got \\['dots'\\]"
    ):
        ConditionalGAN(other.generator, other.discriminator, masks=["dots"])
    pairs = dense_game(label_distribution="uniform")
    with pytest.raises(UsageError, match="gradient_penalty compares reals and fakes in pairs"):
        pairs.compile(penalties=[losses.GradientPenalty()])


# -- masks


def test_a_completion_keeps_what_is_seen_and_ignores_what_is_hidden():
    model = ConditionalGAN(**inpainting_networks_28(width=4, latent_dim=8))
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (1, 28, 28, 1)).astype("float32")
    mask = np.zeros((28, 28, 1), "float32")
    mask[:, :14] = 1.0
    made = model.sample(3, seed=1, visible=image, mask=mask)
    shown = kgan.types.to_uint8(image)[0, :, :14]
    np.testing.assert_array_equal(made[:, :, :14], np.broadcast_to(shown, (3, 28, 14, 1)))
    np.testing.assert_array_equal(made, model.sample(3, seed=1, visible=image * mask, mask=mask))
    assert np.abs(made[0].astype(int) - made[1]).max() > 0  # several completions
    with pytest.raises(UsageError, match="visible must be given: there is no bank"):
        model.sample(2, seed=0)


def test_banks_are_saved_drawn_from_and_checked(tmp_path):
    model = masked()
    model.compile()
    rng = np.random.default_rng(0)
    bank = {
        "visible": rng.uniform(-1, 1, (5, 4, 4, 1)).astype("float32"),
        "mask": (rng.uniform(size=(5, 4, 4, 1)) < 0.5).astype("float32"),
    }
    model.set_banks(bank)
    made = model.sample(9, seed=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.sample(9, seed=2), made)
    for name, rows in bank.items():
        np.testing.assert_array_equal(loaded.banks()[name], rows)
    model.save_weights(tmp_path / "model.weights.h5")
    other = masked()
    other.compile()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other.sample(9, seed=2), made)
    images, columns = model.sheet(20)
    assert (images.shape, columns) == ((5 * 4, 4, 4, 1), 4)
    # Each row: what is seen, completions, the whole image.
    np.testing.assert_array_equal(images[columns - 1], kgan.types.to_uint8(bank["visible"][0]))

    for wrong, message in (
        ({"z": np.zeros((2, 3))}, r"banks must be of \['mask', 'visible'\], got \['z'\]"),
        (
            {"mask": np.zeros((2, 4, 4))},
            r"bank mask must be \[m >= 1, 4, 4, 1\] finite numbers, got \[2, 4, 4\]",
        ),
        ({"mask": np.zeros((0, 4, 4, 1))}, "bank mask must be"),
        ({**bank, "mask": bank["mask"][:3]}, "banks must have the same number of rows"),
    ):
        with pytest.raises(UsageError, match=message):
            model.set_banks(wrong)
