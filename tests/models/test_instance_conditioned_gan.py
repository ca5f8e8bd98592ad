"""IC-GAN: published sizes, what each player sees, instances given, drawn and swapped, and what is refused."""

import functools

import keras
import numpy as np
import PIL.Image
import pytest
from keras import ops

from kgan import cli, contract
from kgan.data import FeatureStore, load_images
from kgan.errors import DataError, UsageError
from kgan.layers import SelfAttention2D
from kgan.metrics.features import NETWORKS, ONNXFeatures
from kgan.models import InstanceConditionedGAN
from kgan.models.biggan_networks import biggan_discriminator, biggan_generator
from kgan.models.instance_conditioned_networks import small_discriminator, small_generator
from kgan.recipes import FASHION_MNIST_MINI

BACKEND = keras.backend.backend()
SLOW = (contract.updates, contract.saving, contract.resume)


@pytest.fixture(scope="module")
def model():
    return InstanceConditionedGAN.tiny()


@pytest.fixture(scope="module")
def with_classes():
    return InstanceConditionedGAN.tiny(num_classes=3)


def parameters(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


@pytest.mark.once
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=check.__name__, marks=[pytest.mark.slow] if check in SLOW else [])
        for check in [*contract.CHECKS, contract.exports]
    ],
)
def test_contract_with_classes(check):
    check(functools.partial(InstanceConditionedGAN.tiny, num_classes=3))


# Published sizes, less the class embedding that the official code creates and does not use.


@pytest.mark.once
@pytest.mark.parametrize(
    ("classes", "generator", "discriminator"),
    [(None, 36_655_876 - 128_000, 21_646_018), (1000, 37_868_292, 21_108_930)],
)
def test_published_sizes_at_64(classes, generator, discriminator):
    more = {"instance_dim": 2048, "num_classes": classes, "initializer": "zeros"}
    assert parameters(biggan_generator(**more)) == generator
    assert parameters(biggan_discriminator(**more)) == discriminator


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "latent_dim", "generator", "discriminator"),
    [(128, 120, 77_160_132, 89_593_634), (256, 119, 90_014_340, 100_837_154)],
)
def test_published_sizes_above_64(size, latent_dim, generator, discriminator):
    more = {"instance_dim": 2048, "attention": 64, "width": 96, "initializer": "zeros"}
    assert parameters(biggan_generator(size, latent_dim=latent_dim, **more)) == generator - 128_000
    assert parameters(biggan_discriminator(size, **more)) == discriminator


@pytest.mark.once
def test_noise_must_fill_its_slots():
    with pytest.raises(UsageError, match=r"latent_dim must be a multiple of 7, .*, got 120"):
        biggan_generator(256, latent_dim=120)
    with pytest.raises(UsageError, match="image_size must be one of"):
        biggan_discriminator(32)


# The projection.


@pytest.fixture(scope="module")
def critic():
    return biggan_discriminator(64, width=2, instance_dim=5, attention=0, initializer="glorot_normal")


def scores(critic, images, instance):
    inputs = {"images": ops.convert_to_tensor(images), "instance": ops.convert_to_tensor(instance)}
    return ops.convert_to_numpy(critic(inputs, training=False))


def test_without_an_instance_the_unconditional_score_is_left(critic):
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    instance = rng.standard_normal((2, 5)).astype("float32")
    nothing = np.zeros_like(instance)
    layer = critic.get_layer("instances")
    (kernel,) = [w for w in layer.trainable_weights if w.name == "kernel"]
    before, given = scores(critic, images, nothing), scores(critic, images, instance)
    assert np.abs(given - before).max() > 1e-3
    kernel.assign(kernel * 0.0 + 1.0)
    np.testing.assert_array_equal(scores(critic, images, nothing), before)
    # The conditional term is linear in h.
    one = scores(critic, images, instance) - before
    np.testing.assert_allclose(
        scores(critic, images, 2.0 * instance) - before, 2.0 * one, rtol=1e-3, atol=1e-4
    )


def test_attention_starts_as_the_identity_and_then_mixes():
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).standard_normal((1, 4, 4, 8)).astype("float32")
    fresh = SelfAttention2D()
    np.testing.assert_array_equal(ops.convert_to_numpy(fresh(x)), x)
    fresh.gamma.assign(1.0)
    mixed = ops.convert_to_numpy(fresh(x)) - x
    assert np.abs(mixed).max() > 1e-4
    # One position of x, where it is the largest of its pool, reaches all positions of the output.
    x[0, 0, 0] *= 10.0
    moved = np.abs(ops.convert_to_numpy(fresh(x)) - x - mixed).max(axis=-1)
    assert (moved > 0).all()
    with pytest.raises(UsageError, match="even sides and at least 8 channels"):
        SelfAttention2D()(np.zeros((1, 3, 4, 8), "float32"))


# The game.


def test_fakes_of_the_discriminator_have_their_own_instances(model):
    model.compile()
    batch = {name: ops.convert_to_tensor(value) for name, value in model.example_data(4).items()}
    seen = []
    run = model.run_network
    model.run_network = lambda network, x, training=True: seen.append((network.name, x)) or run(network, x)
    try:
        model.discriminator_loss(batch)
        names = [(name, "fake" if x["instance"] is batch["fake_instance"] else "own") for name, x in seen]
        assert sorted(names) == [("discriminator", "fake"), ("discriminator", "own"), ("generator", "fake")]
        seen.clear()
        model.generator_loss(batch)
        assert all(x["instance"] is batch["instance"] for _, x in seen)
        assert [name for name, _ in seen] == ["generator", "discriminator"]
    finally:
        del model.run_network


def test_each_update_of_the_discriminator_has_its_part_of_the_batch(model):
    model.compile()
    sizes = []
    loss = model.discriminator_loss

    def watched(part):
        sizes.append({name: int(value.shape[0]) for name, value in part.items()})
        return loss(part)

    model.discriminator_loss = watched
    try:
        model.train_on_batch(model.example_data(8))
    finally:
        del model.discriminator_loss
    assert len(sizes) >= 2
    assert all(set(size.values()) == {4} for size in sizes)


# Instances.


def test_instances_stand_side_by_side_and_their_scale_is_nothing(model):
    features = np.random.default_rng(5).standard_normal((2, 6))
    images = model.sample(4, seed=3, instances=features)
    by_name = model.sample(4, seed=3, instance=np.repeat(model.instance_features(features), 2, axis=0))
    np.testing.assert_array_equal(images, by_name)
    np.testing.assert_array_equal(images, model.sample(4, seed=3, instances=1e4 * features))
    one = model.sample(2, seed=3, instances=features[0])
    np.testing.assert_array_equal(one, model.sample(2, seed=3, instances=features[:1]))


def test_other_noise_and_other_instances_give_other_images(model):
    features = np.random.default_rng(5).standard_normal((2, 6))
    z = np.random.default_rng(6).standard_normal((2, 5))
    same_h = model.generate({"z": z, "instance": np.repeat(model.instance_features(features[:1]), 2, axis=0)})
    same_z = model.generate({"z": np.repeat(z[:1], 2, axis=0), "instance": model.instance_features(features)})
    assert np.abs(same_h[0] - same_h[1]).max() > 0
    assert np.abs(same_z[0] - same_z[1]).max() > 0


def drawn(model, n, **given):
    """What `sample` gives to the generator."""
    kept = {}
    generate = model.generate
    model.generate = lambda inputs: kept.update(inputs) or generate(inputs)
    try:
        model.sample(n, seed=0, **given)
    finally:
        del model.generate
    return kept


def test_swapped_instances_are_drawn(model):
    store = FeatureStore(np.random.default_rng(8).standard_normal((30, 6)), extractor="tiny 0123")
    before = model.banks()
    rows = model.swap_instances(store, n=4)
    found = drawn(model, 50)["instance"]
    model.set_banks(before)
    assert {tuple(row) for row in found} == {tuple(row) for row in store.features[rows]}


def test_classes_of_instances_are_drawn_with_them(with_classes):
    store = FeatureStore(np.random.default_rng(8).standard_normal((9, 6)))
    labels = np.arange(9) % 3
    with_classes.swap_instances(store, labels=labels)
    found = drawn(with_classes, 60)
    rows = store.nearest(found["instance"])[:, 0]
    np.testing.assert_array_equal(labels[rows], found["label"])
    assert len(set(rows.tolist())) > 4
    swapped = drawn(with_classes, 60, label=2)  # keep h, swap y
    np.testing.assert_array_equal(swapped["instance"], found["instance"])
    assert set(swapped["label"].tolist()) == {2}


def test_features_of_another_extractor_are_refused(model):
    with pytest.raises(UsageError, match=r"extractor tiny \(0123\), got other \(99\)"):
        model.swap_instances(FeatureStore(np.eye(6), extractor="other 99"))
    with pytest.raises(UsageError, match=r"extractor tiny \(0123\), got fashion_mnist"):
        model.use_extractor(ONNXFeatures(NETWORKS / "fashion_mnist.onnx"))
    with pytest.raises(UsageError, match="instances must be a FeatureStore, got ndarray"):
        model.swap_instances(np.eye(6))


def test_training_data_that_do_not_fit_are_refused():
    model = InstanceConditionedGAN.tiny(num_classes=3)
    model.compile()
    batch = model.example_data(4)
    shape = batch["instance"].shape
    for change, message in (
        ({"label": np.array([0, 9, 1, 1], "int32")}, "labels must be from 0 to 2, got 9"),
        ({"fake_label": np.array([0, -1, 1, 1], "int32")}, "labels must be from 0 to 2, got -1"),
        ({"instance": batch["instance"][:, :-1]}, rf"instance must be \[batch, {shape[1]}\], got \[batch, "),
        ({"label": None}, "batches must hold images, instance, label, fake_instance, fake_label, got"),
    ):
        wrong = {name: value for name, value in {**batch, **change}.items() if value is not None}
        with pytest.raises(UsageError, match=message):
            model.fit(wrong, verbose=0, batch_size=4)
    assert np.isfinite(model.fit(batch, verbose=0, batch_size=4).history["generator_loss"]).all()


def test_a_model_learns_from_one_extractor():
    class Data(keras.utils.PyDataset):
        store = FeatureStore(np.eye(6), extractor="other 99")

        def __len__(self):
            return 1

    model = InstanceConditionedGAN.tiny()
    model.compile()
    with pytest.raises(UsageError, match=r"extractor tiny \(0123\), got other \(99\)"):
        model.fit(Data(), verbose=0)


def test_bad_instances_are_refused(model, with_classes):
    with pytest.raises(UsageError, match=r"features \[m, 6\], uint8 images or picture files"):
        model.sample(2, instances=np.ones((2, 5)))
    with pytest.raises(UsageError, match="n must be a multiple of the 2 instances, got 3"):
        model.sample(3, instances=np.eye(6)[:2])
    with pytest.raises(DataError, match="instances must not be zero"):
        model.sample(2, instances=np.zeros((2, 6)))
    with pytest.raises(DataError, match="instances must be finite"):
        model.sample(2, instances=np.full((1, 6), np.nan))
    with pytest.raises(UsageError, match="need the extractor of the model"):
        model.sample(2, instances=np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=r"found no absent\.png"):
        model.sample(2, instances="absent.png")
    store = FeatureStore(np.eye(6), extractor="tiny 0123")
    with pytest.raises(UsageError, match="labels must be None for a model without classes"):
        model.swap_instances(store, labels=np.zeros(6, int))
    with pytest.raises(UsageError, match="6 class numbers from 0 to 2"):
        with_classes.swap_instances(store, labels=np.arange(6))


def test_bad_networks_are_refused():
    sizes = {"width": 2, "instance_dim": 4, "embedding": 2}
    generator, discriminator = small_generator(8, **sizes), small_discriminator(8, **sizes)
    for arguments, message in (
        ({"num_classes": 3}, r"the generator must take \['z', 'instance', 'label'\]"),
        ({"discriminator_steps": 0}, "discriminator_steps must be an integer >= 1, got 0"),
        ({"discriminator": small_discriminator(16, **sizes)}, "the networks must agree"),
        (
            {"discriminator": small_discriminator(8, **{**sizes, "instance_dim": None})},
            "the discriminator must",
        ),
    ):
        networks = {"generator": generator, "discriminator": discriminator}
        with pytest.raises(UsageError, match=message):
            InstanceConditionedGAN(**{**networks, **arguments})
    with pytest.raises(UsageError, match="power of two >= 8, got 48"):
        small_generator(48)


@pytest.mark.once
def test_presets_say_what_was_published():
    assert set(InstanceConditionedGAN.presets) == {
        "icgan_32",
        "icgan_64",
        "icgan_imagenet_64",
        "cc_icgan_imagenet_64",
        "icgan_imagenet_128",
        "icgan_imagenet_256",
    }
    training = InstanceConditionedGAN.presets["icgan_imagenet_128"].training()
    rates = {player: float(found.learning_rate) for player, found in training["optimizer"].items()}
    assert rates == pytest.approx({"discriminator": 1e-4, "generator": 4e-5})
    small = InstanceConditionedGAN.from_preset("icgan_32")
    assert small.image_shape == (32, 32, 3)
    assert small.instance_dim == 1280


# A run, its bundle and a user's own picture.


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from kgan import catalog
    from kgan.run import train

    folder = tmp_path_factory.mktemp("icgan") / "run"
    recipe = catalog.load("icgan_sprites")
    smoke = {**recipe.module.SMOKE, "image_size": 8}
    train(recipe, recipe.configure(smoke), folder, keras.backend.backend())
    return folder


@pytest.fixture
def photos(tmp_path):
    images = load_images(FASHION_MNIST_MINI, "train[8:10]", batch_size=1).uint8([0, 1])
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path, image in zip(paths, images):
        PIL.Image.fromarray(image[..., 0]).resize((40, 50)).save(path)
    return paths


@pytest.mark.once
def test_pictures_as_instances_of_a_run_and_of_its_bundle(run, photos, tmp_path, capsys):
    from kgan.export.runtime import Generator
    from kgan.run import load

    words = ["--instance", *map(str, photos), "-n", "6", "--seed", "1", "--backend", keras.backend.backend()]
    assert cli.main(["sample", str(run), *words, "-o", str(tmp_path / "run.png")]) == 0
    bundle = tmp_path / "bundle"
    arguments = ["export", str(run), "-o", str(bundle), "--format", "onnx"]
    assert cli.main([*arguments, "--backend", keras.backend.backend()]) == 0
    assert cli.main(["sample", str(bundle), *words, "-o", str(tmp_path / "bundle.png")]) == 0
    assert cli.main(["verify", str(bundle)]) == 0
    sheets = [np.asarray(PIL.Image.open(tmp_path / f"{name}.png")).astype(int) for name in ("run", "bundle")]
    assert sheets[0].shape == (22, 32)  # one row for each picture
    assert np.abs(sheets[0] - sheets[1]).max() <= 1

    model, generator = load(run), Generator(bundle)
    model.use_extractor(ONNXFeatures(run / "extractor.onnx", name="fashion_mnist"))
    expected = model.sample(4, seed=2, instances=photos[0]).astype(int)
    made = generator.sample(4, seed=2, instance=photos[0])
    assert np.abs(made - expected).max() <= 1
    features = model.instance_features(photos[0])
    np.testing.assert_array_equal(made, generator.sample(4, seed=2, instance=3.0 * features))
    np.testing.assert_array_equal(generator.banks()["instance"], model.banks()["instance"])
    with pytest.raises(UsageError, match="n must be a multiple of the 2 instances"):
        generator.sample(3, instance=photos)

    (bundle / "extractor.onnx").write_bytes(b"another")
    assert cli.main(["sample", str(bundle), *words, "-o", str(tmp_path / "no.png")]) == 1
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.once
def test_a_run_without_its_extractor_says_so(run, photos, tmp_path, capsys):
    words = [
        "--instance",
        str(photos[0]),
        "--backend",
        keras.backend.backend(),
        "-o",
        str(tmp_path / "x.png"),
    ]
    assert cli.main(["sample", str(run), *words, "--extractor", "absent.onnx"]) == 2
    assert "found no absent.onnx" in capsys.readouterr().err
    assert cli.main(["sample", str(run), *words, "--extractor", str(NETWORKS / "mnist.onnx")]) == 2
    assert "the extractor must be fashion_mnist" in capsys.readouterr().err


@pytest.mark.once
def test_the_run_keeps_its_features(run):
    images = load_images(
        FASHION_MNIST_MINI, "train[:8]", image_size=8, channels=1, label="label", batch_size=4
    )
    network = ONNXFeatures(NETWORKS / "fashion_mnist.onnx")
    store = FeatureStore.load(run / "features.npz", extractor=network, images=images)
    assert store.features.shape == (images.num_examples, 128)
    assert list(store._known) == [3]
