"""SemiSupervisedGAN: published networks, both forms, labels, bad input, the classifier."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import contract, layers, losses
from kgan._backend import value_and_grad
from kgan.engine import MovingAverage
from kgan.engine.schedules import LinearTail
from kgan.errors import UsageError
from kgan.models import SemiSupervisedGAN
from kgan.models.semi_supervised_networks import conv_classifier, mlp_classifier

L = keras.layers


def number(tensor):
    return float(ops.convert_to_numpy(tensor))  # torch warns of a plain float() of what has a gradient


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def dense(n, m, scale=0):
    return n * m + m + scale * m


def conv(a, b, side=3):
    return side * side * a * b + b


def convs(narrow, wide):
    first = conv(3, narrow) + 2 * conv(narrow, narrow) + conv(narrow, wide)
    return first + 3 * conv(wide, wide) + 2 * conv(wide, wide, 1) + dense(wide, 10, scale=1)


# From the layer tables of sgan.md 4a and 4b; batch norm has a shift but no scale, and replaces the bias.
MLP_G = 100 * 500 + 500 + 500 * 500 + 500 + dense(500, 784, scale=1)
MLP_D = dense(784, 1000) + dense(1000, 500) + dense(500, 250) + 2 * dense(250, 250) + dense(250, 10, scale=1)
CONV_G = 100 * 8192 + 8192 + 25 * 512 * 256 + 256 + 25 * 256 * 128 + 128 + 25 * 128 * 3 + 3 + 3
COUNTS = [
    ("sgan_mnist", MLP_G, MLP_D, (28, 28, 1)),
    ("sgan_mnist_conditional", MLP_G + 10 * 500, MLP_D, (28, 28, 1)),
    ("sgan_cifar10", CONV_G, convs(96, 192), (32, 32, 3)),
    ("sgan_svhn", CONV_G, convs(64, 128), (32, 32, 3)),
]


def test_counts_by_hand():
    assert (MLP_G, MLP_D, CONV_G) == (694_568, 1_538_770, 4_933_382)
    assert (convs(96, 192), convs(64, 128)) == (1_406_804, 626_580)


@pytest.mark.once
@pytest.mark.parametrize(("preset", "generator", "discriminator", "shape"), COUNTS, ids=lambda v: str(v))
def test_published_networks(preset, generator, discriminator, shape):
    with keras.StatelessScope(initialize_variables=False):
        model = SemiSupervisedGAN.from_preset(preset)
    assert trainable(model.generator) == generator
    assert trainable(model.discriminator) == discriminator
    assert model.image_shape == shape
    assert model.discriminator.output_shape == (None, 10)
    assert model.conditional == (preset == "sgan_mnist_conditional")
    assert model.latent_shape == (100,)
    assert model.sampling_inputs()[0].distribution == "uniform01"


@pytest.mark.once
def test_every_preset_is_counted():
    assert set(SemiSupervisedGAN.presets) == {row[0] for row in COUNTS}


@pytest.mark.once
def test_published_places_of_noise_features_and_maps():
    network = mlp_classifier()
    stddevs = [layer.stddev for layer in network.layers if isinstance(layer, layers.GaussianNoise)]
    assert stddevs == [0.3, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert network.get_layer("features").output.shape == (None, 250)
    scales = [w for w in network.trainable_weights if w.name == "scale"]
    assert [tuple(w.shape) for w in scales] == [(10,)]
    network = conv_classifier(4, 8)
    maps = [layer.output.shape[1:] for layer in network.layers if isinstance(layer, layers.WeightNormConv2D)]
    assert [m[0] for m in maps] == [32, 32, 16, 16, 16, 8, 6, 6, 6]
    assert [layer.rate for layer in network.layers if isinstance(layer, layers.Dropout)] == [0.2, 0.5, 0.5]


@pytest.mark.once
@pytest.mark.parametrize(
    ("preset", "rate", "power", "tail"),
    [
        ("sgan_mnist", 3e-3, 2, None),
        ("sgan_cifar10", 3e-4, 1, (500, 800, 1200)),
        ("sgan_svhn", 3e-4, 1, (732, 600, 900)),
    ],
)
def test_published_training(preset, rate, power, tail):
    training = SemiSupervisedGAN.presets[preset].training()
    assert set(training["optimizer"]) == {"generator", "discriminator"}
    assert training["loss"].objective.power == power
    assert training["loss"].unlabelled_weight == 1.0
    for optimizer in training["optimizer"].values():
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)
        schedule = optimizer._learning_rate
        if tail is None:
            assert float(optimizer.learning_rate) == pytest.approx(rate)
        else:
            steps, _, epochs = tail
            for epoch in (0, epochs // 2, epochs - 100, epochs - 1, epochs):
                expected = rate * min(3 - epoch / (epochs / 3), 1)  # lr*min(3 - epoch/400, 1), or 300
                assert float(schedule(epoch * steps + 1)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.once
def test_schedule_rules():
    with pytest.raises(UsageError, match="0 <= constant_epochs < epochs, got 3 and 3"):
        LinearTail(0.1, 10, 3, 3)
    with pytest.raises(UsageError, match="steps_per_epoch must be at least 1, got 0"):
        LinearTail(0.1, 0, 1, 2)
    with pytest.raises(UsageError, match="initial_learning_rate must be a finite number > 0, got 0"):
        LinearTail(0, 1, 1, 2)


def plain(outputs=3, objective=None, average=None, coupled=False, **more):
    """The smallest unconditional instance."""
    generator = keras.Sequential([keras.Input((3,)), L.Dense(16, "tanh"), L.Reshape((4, 4, 1))])
    blocks = [L.Flatten(), layers.WeightNormDense(6, "tanh", name="features")]
    blocks += [layers.MinibatchDiscrimination(3, 2)] if coupled else []
    discriminator = keras.Sequential([keras.Input((4, 4, 1)), *blocks, L.Dense(outputs)])
    model = SemiSupervisedGAN(
        generator, discriminator, num_classes=3, classifier_average=average, **{"seed": 1, **more}
    )
    if objective is not None:
        model.default_training = lambda: {
            "optimizer": {player: keras.optimizers.Adam(1e-3) for player in ("generator", "discriminator")},
            "loss": losses.SemiSupervised(objective),
        }
    return model


@pytest.mark.once
@pytest.mark.parametrize(
    "builder",
    [
        lambda: plain(objective=losses.NonSaturating()),
        lambda: plain(4, losses.Minimax(), MovingAverage(decay=0.9), coupled=True),
    ],
    ids=["K, non-saturating", "K + 1, minibatch discrimination"],
)
@pytest.mark.parametrize("check", [contract.updates, contract.resume], ids=lambda c: c.__name__)
def test_contract_of_other_forms(builder, check):
    check(builder)


def test_both_forms_are_one_model():
    implicit, explicit = plain(3), plain(4)
    kernel, bias = implicit.discriminator.layers[-1].get_weights()
    rng = np.random.default_rng(0)
    fake_kernel, fake_bias = rng.normal(size=(6, 1)).astype("float32"), np.array([0.7], "float32")
    kernel = np.concatenate([kernel + fake_kernel, fake_kernel], axis=1)
    bias = np.concatenate([bias + fake_bias, fake_bias])
    explicit.discriminator.set_weights([*implicit.discriminator.get_weights()[:-2], kernel, bias])
    images = rng.uniform(-1, 1, (5, 4, 4, 1)).astype("float32")
    labels, found = np.array([0, 1, 2, -1, -1], "int32"), {}
    for name, model in (("implicit", implicit), ("explicit", explicit)):
        model.compile()
        parts = model.parts((ops.convert_to_tensor(images), ops.convert_to_tensor(labels)))
        loss, _ = model.discriminator_loss(parts, ops.convert_to_tensor(images[::-1].copy()))
        found[name] = number(loss), model.classify(images)
    assert found["implicit"][0] == pytest.approx(found["explicit"][0], rel=1e-5)
    np.testing.assert_allclose(found["implicit"][1], found["explicit"][1], atol=1e-6)


def test_discriminator_loss_by_hand():
    model = plain()
    model.discriminator.layers[-1].set_weights([np.zeros((6, 3)), np.zeros(3)])
    model.compile()
    images, labels = (ops.convert_to_tensor(x) for x in model.example_data(4))
    loss, logs = model.discriminator_loss(model.parts((images, labels)), images)
    assert number(logs["class_loss"]) == pytest.approx(np.log(3), rel=1e-6)
    # Z = 3: -log 3/4 and -log 1/4, halved.
    assert number(loss) == pytest.approx(np.log(3) + 0.5 * (np.log(4 / 3) + np.log(4)), rel=1e-6)


def test_labelled_and_unlabelled_batches_apart():
    model = plain()
    model.compile()
    rng = np.random.default_rng(0)
    batch = {
        name: rng.uniform(-1, 1, (4, 4, 4, 1)).astype("float32")
        for name in ("labelled", "unlabelled", "second")
    }
    batch["labels"] = np.array([0, 1, 2, 0], "int32")
    parts = model.parts({name: ops.convert_to_tensor(value) for name, value in batch.items()})
    for name in ("labelled", "unlabelled", "second"):
        np.testing.assert_array_equal(ops.convert_to_numpy(getattr(parts, name)), batch[name])
    logs = model.train_on_batch(batch, return_dict=True)
    assert np.isfinite(list(logs.values())).all()


def test_equal_features_leave_the_generator_where_it_is():
    model = plain()
    model.discriminator.get_layer("features").scale.assign(np.zeros(6))  # features do not see the image
    model.compile()
    real = ops.convert_to_tensor(model.example_data(4)[0])
    variables = model.generator.trainable_variables
    _, gradients = value_and_grad(lambda: model.generator_loss(real), variables)
    for gradient in gradients:
        np.testing.assert_array_equal(ops.convert_to_numpy(gradient), 0.0)


def test_labels_alone_leave_the_generator_where_it_is():
    model = plain()
    model.compile(loss=losses.SemiSupervised(unlabelled_weight=0.0))
    before = [w.copy() for w in model.generator.get_weights()], model.discriminator.get_weights()
    history = model.fit(model.example_data(8), batch_size=4, verbose=0).history
    for old, new in zip(before[0], model.generator.get_weights()):
        np.testing.assert_array_equal(old, new)
    assert any(not np.array_equal(a, b) for a, b in zip(before[1], model.discriminator.get_weights()))
    assert history["discriminator_loss"] == history["class_loss"]


def test_a_conditional_generator_learns_the_class_it_is_asked_for():
    keras.utils.set_random_seed(0)
    model = SemiSupervisedGAN.tiny()
    optimizers = {player: keras.optimizers.Adam(1e-2) for player in model.players()}
    model.compile(optimizer=optimizers, loss=losses.SemiSupervised(class_weight=10.0))
    inputs = {"z": ops.zeros((30, 3)), "label": ops.tile(ops.arange(3, dtype="int32"), 10)}

    def asked():
        return number(losses.class_loss(model.discriminator(model.generator(inputs))[:, :3], inputs["label"]))

    first = asked()
    images = ops.convert_to_tensor(model.example_data(16)[0])
    for _ in range(30):
        model.update("generator", lambda: model.generator_loss(images))
    assert asked() < first - 0.05
    sheet, columns = model.sheet(9, seed=1)
    assert (sheet.shape, columns) == ((9, 4, 4, 1), 3)


def test_learns_from_few_labels_and_classifies():
    # Three flat grey levels; the labels of 6 images of 96.
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 96)
    images = np.clip((truth - 1)[:, None, None, None] * 0.7 + rng.normal(0, 0.1, (96, 4, 4, 1)), -1, 1)
    labels = np.full(96, -1, "int32")
    for k in range(3):
        labels[np.flatnonzero(truth == k)[:2]] = k
    model = plain(average=MovingAverage(decay=0.9, debias=True))
    model.compile(optimizer={p: keras.optimizers.Adam(1e-2) for p in model.players()})
    model.fit((images.astype("float32"), labels), batch_size=32, epochs=25, verbose=0)
    probabilities = model.classify(images.astype("float32"))
    assert probabilities.shape == (96, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert np.mean(probabilities.argmax(axis=1) == truth) > 0.95
    levels = np.floor((images + 1) * 127.5 + 0.5).astype("uint8")
    np.testing.assert_allclose(model.classify(levels), probabilities, atol=0.02)
    assert model.classify(levels[:0]).shape == (0, 3)


def test_the_average_classifies():
    model = SemiSupervisedGAN.tiny()
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 1)).astype("uint8")
    before = model.classify(images)
    model.discriminator.set_weights([w + 1.0 for w in model.discriminator.get_weights()])
    np.testing.assert_array_equal(model.classify(images), before)
    model.classifier_average.update(4)  # bias-corrected: the first update copies
    assert np.abs(model.classify(images) - before).max() > 1e-3


def test_the_corrected_average_is_the_weighted_mean():
    network = keras.Sequential([keras.Input((1,)), L.Dense(1, use_bias=False)])
    average = MovingAverage(decay=0.9, debias=True)
    average.attach(network)
    values = [3.0, -1.0, 4.0, 1.0, -5.0]
    for value in values:
        network.set_weights([np.array([[value]])])
        average.update(16)
    weights = 0.9 ** np.arange(len(values))[::-1]
    expected = np.dot(weights, values) / weights.sum()
    np.testing.assert_allclose(average.network.get_weights()[0], [[expected]], rtol=1e-5)
    with pytest.raises(UsageError, match="debias needs a decay greater than 0, got decay=None"):
        MovingAverage(half_life=3.0, debias=True)


def test_start_from_data():
    model = SemiSupervisedGAN.from_preset("sgan_mnist")
    images = np.random.default_rng(0).uniform(-1, 1, (300, 28, 28, 1)).astype("float32")
    model.start_from_data(images)
    network = keras.Model(model.discriminator.inputs, model.discriminator.get_layer("features").output)
    active = (
        ops.convert_to_numpy(network(ops.convert_to_tensor(model.to_data_range(images)), training=True)) > 0
    )
    assert 0.4 < active.mean() < 0.6  # standardised before the ReLU
    for a, b in zip(model.classifier_average.network.get_weights(), model.discriminator.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_classifier_exports(tmp_path):
    from kgan.export import export_network

    onnxruntime = pytest.importorskip("onnxruntime")
    model = SemiSupervisedGAN.tiny()
    path = export_network(model.classifier, tmp_path / "classifier.onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [x.name for x in session.get_inputs()] == ["images"]
    images = np.random.default_rng(0).uniform(-1, 1, (5, 4, 4, 1)).astype("float32")
    (found,) = session.run(None, {"images": images})
    np.testing.assert_allclose(found, model.classify(images), atol=1e-5)


def test_fit_refuses_labels_that_do_not_fit():
    model = plain()
    model.compile()
    images, labels = model.example_data(8)
    with pytest.raises(UsageError, match="labels must be from 0 to 2, or -1 for none, got 3"):
        model.fit((images, np.where(labels == 2, 3, labels).astype("int32")))
    with pytest.raises(UsageError, match="labels must be from 0 to 2, or -1 for none, got -2"):
        model.fit(images, labels - 1)
    with pytest.raises(UsageError, match=r"each class needs a labelled image, these have none: \[1\]"):
        model.fit((images, np.where(labels == 1, -1, labels).astype("int32")))
    with pytest.raises(UsageError, match="labels must be integers, got float32"):
        model.fit((images, labels.astype("float32")))
    with pytest.raises(UsageError, match="SemiSupervisedGAN needs labels"):
        model.fit(images)


@pytest.mark.once
def test_wrong_networks_say_the_rule_and_the_value():
    with pytest.raises(
        UsageError, match="must have 3 or 4 outputs, one for each class and perhaps one more, got"
    ):
        plain(5)
    with pytest.raises(
        UsageError, match=r"features must name a layer of the discriminator, .* got 'nothing'"
    ):
        plain(features="nothing")
    with pytest.raises(UsageError, match=r"images must be \[n, 4, 4, 1\], got \[2, 5, 4, 1\]"):
        plain().classify(np.zeros((2, 5, 4, 1), "uint8"))
    network = plain()
    with pytest.raises(UsageError, match="num_classes must be an integer of at least 1, got 0"):
        SemiSupervisedGAN(network.generator, network.discriminator, num_classes=0)
    other = keras.Sequential([keras.Input((5, 5, 1)), L.Flatten(), L.Dense(3, name="features")])
    with pytest.raises(UsageError, match=r"makes \(4, 4, 1\), but the discriminator takes \(5, 5, 1\)"):
        SemiSupervisedGAN(network.generator, other, num_classes=3)
