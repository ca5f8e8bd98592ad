"""ConditionalGAN: both players are told a class, a vector, or the visible part of an image (2014)."""

import functools
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, latents, layers, losses
from kgan.conditions import check_rows
from kgan.engine.model import Preset
from kgan.engine.schedules import ExponentialDecayFloor, LinearMomentumSGD
from kgan.errors import UsageError
from kgan.models.conditional_networks import inpainting_networks_28, networks_28
from kgan.models.gan import GAN
from kgan.types import Input, to_uint8

L = keras.layers

# The models of the paper. Dropout 0.5 is on the inputs of the joint layer and of the output.


def _uniform(limit):
    # The paper gives no initial weights; these are those of the 2014 code for the same layers.
    return {"kernel_initializer": keras.initializers.RandomUniform(-limit, limit)}


def _two_paths(first, second, joint, rate=0.5):
    """Two hidden layers beside each other, dropped out, and one on both."""
    dropped = [L.Dropout(rate, seed=seed)(x) for seed, x in ((111, first), (112, second))]
    return L.Dropout(rate, seed=113)(joint(layers.ConcatCondition()(dropped)))


def mnist_networks(num_classes=10, latent_dim=100):
    """The networks of the MNIST experiment: one-hot class, ReLU generator, maxout discriminator.

    Args:
        num_classes: number of classes.
        latent_dim: length of the noise vector, uniform in [0, 1].

    Returns:
        Dict with `generator` and `discriminator`, for the constructor of `ConditionalGAN`.

    Example:

    >>> mnist_networks()["generator"].count_params()
    2413984
    """
    wide, narrow = _uniform(0.05), _uniform(0.005)
    z, label = keras.Input((latent_dim,), name="z"), keras.Input((), dtype="int32", name="label")
    y = layers.OneHot(num_classes)(label)
    paths = L.Dense(200, "relu", **wide)(z), L.Dense(1000, "relu", **wide)(y)
    hidden = _two_paths(*paths, L.Dense(1200, "relu", **wide))
    made = L.Reshape((28, 28, 1))(L.Dense(784, "sigmoid", **wide)(hidden))
    generator = keras.Model({"z": z, "label": label}, made, name="generator")

    images, label = keras.Input((28, 28, 1), name="images"), keras.Input((), dtype="int32", name="label")
    y = layers.OneHot(num_classes)(label)
    paths = layers.MaxoutDense(240, 5, **narrow)(L.Flatten()(images)), layers.MaxoutDense(50, 5, **narrow)(y)
    hidden = _two_paths(*paths, layers.MaxoutDense(240, 4, **narrow))
    score = L.Dense(1, **narrow)(hidden)
    discriminator = keras.Model({"images": images, "label": label}, score, name="discriminator")
    return {"generator": generator, "discriminator": discriminator}


def tags_networks(feature_dim=4096, word_dim=200, latent_dim=100, discriminator_dropout=0.5):
    """The networks of the tag experiment: the generator makes word vectors, the condition is an image.

    Args:
        feature_dim: length of the image's feature vector, the input `features`. Features that are not of
            about unit size should be standardised first, or their path dominates that of the noise.
        word_dim: length of a word vector.
        latent_dim: length of the noise vector, N(0, 1).
        discriminator_dropout: rate in the discriminator's hidden layers, from 0 to 1; 0.5 as published.

    Returns:
        Dict with `generator` and `discriminator`, for the constructor of `ConditionalGAN`.

    Example:

    >>> tags_networks(feature_dim=8, word_dim=5)["generator"].output_shape
    (None, 5)
    """
    z, features = keras.Input((latent_dim,), name="z"), keras.Input((feature_dim,), name="features")
    paths = L.Dense(500, "relu")(z), L.Dense(2000, "relu")(features)
    dropped = [L.Dropout(0.5, seed=seed)(x) for seed, x in ((121, paths[0]), (122, paths[1]))]
    # Linear: tanh would bound the words' vectors.
    word = L.Dense(word_dim)(layers.ConcatCondition()(dropped))
    generator = keras.Model({"z": z, "features": features}, word, name="generator")

    words, features = keras.Input((word_dim,), name="images"), keras.Input((feature_dim,), name="features")
    paths = L.Dense(500, "relu")(words), L.Dense(1200, "relu")(features)
    score = L.Dense(1)(_two_paths(*paths, layers.MaxoutDense(1000, 3), discriminator_dropout))
    discriminator = keras.Model({"images": words, "features": features}, score, name="discriminator")
    return {"generator": generator, "discriminator": discriminator}


def _training_2014(updates_per_epoch=500):
    # lr 0.1 / 1.00004^t down to 1e-6; momentum 0.5 rising to 0.7, over 250 epochs as in the 2014 code.
    def sgd():
        rate = ExponentialDecayFloor(0.1, decay=1.00004, floor=1e-6)
        return LinearMomentumSGD(rate, 0.5, 0.7, updates_per_epoch, 250 * updates_per_epoch)

    # Half of D's loss, and both players at once, as in the 2014 code of the same authors: with the whole loss
    # the rate of 0.1 makes the generator's loss infinite within 200 steps.
    loss = losses.NonSaturating(discriminator_weight=0.5)
    return {"optimizer": {"generator": sgd(), "discriminator": sgd()}, "loss": loss}


def _adam(learning_rate):
    return keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)


def _training_28():
    return {"optimizer": {"generator": _adam(4e-4), "discriminator": _adam(4e-4)}, "loss": losses.Hinge()}


_PRESETS = {
    "cgan_mnist": Preset(
        "MNIST by class, ReLU/sigmoid generator, maxout discriminator (Mirza, Osindero, 2014)",
        lambda: {
            **mnist_networks(),
            "num_classes": 10,
            "prior": "uniform01",
            "data_range": (0.0, 1.0),
            "update_mode": "simultaneous",
        },
        _training_2014,
        100,
    ),
    "cgan_tags": Preset(
        "word vectors by image features, for tagging (Mirza, Osindero, 2014)",
        tags_networks,
        functools.partial(_training_2014, 1500),
        100,
    ),
    "cgan_28": Preset(
        "28x28 by class: conditional batch norm, spectrally normalised projection (unpublished)",
        networks_28,
        _training_28,
        64,
    ),
    "inpainting_28": Preset(
        "28x28, the hidden part of an image under any mask (unpublished)",
        inpainting_networks_28,
        _training_28,
        64,
    ),
}


@keras.saving.register_keras_serializable("kgan")
class ConditionalGAN(GAN):
    """A GAN in which generator and discriminator are given the same condition y.

    `min_G max_D E[log D(x|y)] + E[log(1 - D(G(z|y)|y))]`: reals are judged with their own y, fakes with the
    y that the generator received. `fit` takes batches `(images, y)`; y is one array, or a dict by name where
    the networks take several. Images may also be vectors `[batch, d]`, of which `sample` then returns floats.

    Args:
        generator: functional Keras network from a dict with `z` and the conditions to images. An int32
            condition of shape `()` is a class number, any other an array that the user gives.
        discriminator: functional Keras network from a dict with `images` and some or all of these
            conditions to logits `[batch, 1]`.
        num_classes: number of classes where a condition is a class, at least 2.
        label_distribution: how the classes of fakes are drawn: `"empirical"`, those of the batch;
            `"uniform"`; or a list of weights, one per class, at least 0.
        wrong_pairs: weight, at least 0, of a third term that calls a real image with a wrong y fake (Reed et
            al., 2016; 1 is theirs, 0 the paper's).
        masks: kinds of random masks (`kgan.layers.random_masks`) for the conditions `visible` and `mask` of
            p(x_hidden | x_visible), which are then drawn in each step; batches are images alone.
        **kwargs: those of `GAN`.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Mirza, Osindero, Conditional Generative Adversarial Nets, 2014.

    Example:

    >>> model = ConditionalGAN.from_preset("cgan_28", class_names=list("abcdefghij"))
    >>> model.sample(2, seed=0, label="c").shape
    (2, 28, 28, 1)
    """

    presets: ClassVar[dict[str, Preset]] = _PRESETS

    def __init__(
        self,
        generator,
        discriminator,
        *,
        num_classes=None,
        label_distribution="empirical",
        wrong_pairs=0.0,
        masks=None,
        **kwargs,
    ):
        for name, network, own in (("generator", generator, "z"), ("discriminator", discriminator, "images")):
            if not isinstance(getattr(network, "input", None), dict) or own not in network.input:
                raise UsageError(f"the {name} must take a dict with {own} and its conditions")
        conditions = _conditions(generator, discriminator, num_classes)
        super().__init__(generator, discriminator, **kwargs)
        self.conditions = conditions
        self.num_classes = num_classes
        own_law = isinstance(label_distribution, str)
        self.label_distribution = label_distribution if own_law else tuple(label_distribution)
        self.wrong_pairs = wrong_pairs
        self.masks = None if masks is None else tuple(masks)
        self._check_arguments()

    def _check_arguments(self):
        classes, law = self.num_classes_of_label(), self.label_distribution
        if self.num_classes is not None and classes is None:
            raise UsageError(
                f"num_classes must be None without a class among the inputs, got {self.num_classes}"
            )
        if law not in ("empirical", "uniform") and (
            isinstance(law, str) or len(law) != classes or min(law) < 0 or not sum(law) > 0
        ):
            raise UsageError(
                "label_distribution must be empirical, uniform, or one weight of at least 0 for each of "
                f"{classes} classes, got {law!r}"
            )
        if classes is None and law != "empirical":
            raise UsageError(f"label_distribution must be empirical without classes, got {law!r}")
        if not self.wrong_pairs >= 0:
            raise UsageError(f"wrong_pairs must be at least 0, got {self.wrong_pairs}")
        names = {spec.name for spec in self.conditions}
        if self.masks is None:
            return
        if names != {"visible", "mask"} or self.wrong_pairs:
            raise UsageError(f"masks need the conditions visible and mask alone, got {sorted(names)}")
        layers.random_masks((1, *self.image_shape), 0, self.masks)  # checks the kinds

    @property
    def latent_shape(self):
        return tuple(self.generator.input["z"].shape[1:])

    @property
    def judged_shape(self):
        return tuple(self.discriminator.input["images"].shape[1:])

    def default_training(self):
        return _training_28()

    def sampling_inputs(self):
        return (*super().sampling_inputs(), *self.conditions)

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        between = [penalty.name for penalty in self.penalties if penalty.point == "between"]
        if between and self.label_distribution != "empirical":
            raise UsageError(
                f"{between[0]} compares reals and fakes in pairs, so label_distribution must be empirical, "
                f"got {self.label_distribution!r}"
            )

    # The game.

    def adversarial_step(self, batch):
        real, y = self.pairs(batch)
        count, k = ops.shape(real)[0], self.discriminator_steps
        if self.update_mode == "simultaneous":
            fake_y = self.fake_conditions(y)
            fake = self.fakes(fake_y)
            loss = functools.partial(self.discriminator_loss, real, y, fake, fake_y)
            for_d = self.gradients("discriminator", loss)
            for_g = self.gradients("generator", functools.partial(self.generator_loss, real, y))
            self.apply_gradients("discriminator", for_d)
            self.apply_gradients("generator", for_g)
        else:
            parts = [(real, y)] * k
            if self.split_batch and k > 1:
                split = {name: ops.split(value, k) for name, value in y.items()}
                parts = [
                    (part, {name: values[place] for name, values in split.items()})
                    for place, part in enumerate(ops.split(real, k))
                ]
            for part, part_y in parts:
                fake_y = self.fake_conditions(part_y)
                loss = functools.partial(self.discriminator_loss, part, part_y, self.fakes(fake_y), fake_y)
                self.update("discriminator", loss)
            self.update("generator", functools.partial(self.generator_loss, *parts[-1]))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(count)

    def pairs(self, batch):
        """Images in the range of the game and the dict of their conditions, from a batch of `fit`."""
        images, y = batch if isinstance(batch, tuple | list) else (batch, None)
        real = self.to_data_range(images)
        if self.masks is not None:
            mask = layers.random_masks(ops.shape(real), self.seed_generator, self.masks)
            return real, {"visible": mask * real, "mask": mask}
        if y is None:
            names = ", ".join(spec.name for spec in self.conditions)
            raise UsageError(f"batches must be (images, {names}), got images alone: give load_images a label")
        y = y if isinstance(y, dict) else {self.conditions[0].name: y}
        if set(y) != {spec.name for spec in self.conditions}:
            names = ", ".join(spec.name for spec in self.conditions)
            raise UsageError(f"batches must hold {names}, got {', '.join(sorted(y))}")
        for spec in self.conditions:
            check_rows(spec.name, y[spec.name], spec.shape)
        return real, {spec.name: ops.cast(y[spec.name], spec.dtype) for spec in self.conditions}

    def fake_conditions(self, y):
        """The conditions of fakes, for the conditions y of as many reals."""
        if self.label_distribution == "empirical":
            return y
        label, classes = self._label()
        weights = [1.0] * classes if self.label_distribution == "uniform" else self.label_distribution
        # The class is the number of cumulated weights below u; the last one is left out: it is 1.
        steps = np.cumsum(np.asarray(weights, "float64") / np.sum(weights))[:-1].astype("float32")
        u = keras.random.uniform((ops.shape(y[label])[0], 1), dtype="float32", seed=self.seed_generator)
        drawn = ops.sum(ops.cast(u >= ops.convert_to_tensor(steps), "int32"), axis=1)
        return {**y, label: ops.cast(drawn, "int32")}

    def wrong_conditions(self, y):
        """Conditions that do not belong to the images: another class, else the next image's condition."""
        name, classes = self._label()
        wrong = {key: ops.roll(value, 1, axis=0) for key, value in y.items()}
        if name is not None:
            u = keras.random.uniform((ops.shape(y[name])[0],), dtype="float32", seed=self.seed_generator)
            step = 1 + ops.minimum(ops.cast(u * (classes - 1), "int32"), classes - 2)
            wrong = {**y, name: (y[name] + step) % classes}
        return wrong

    def _label(self) -> tuple[str | None, int]:
        """Name of the class among the conditions and the number of classes, or `(None, 0)`."""
        found = [(spec.name, spec.num_classes) for spec in self.conditions if spec.num_classes]
        return found[0] if found else (None, 0)

    def generate_for(self, y):
        """Images of fresh noise and the conditions y, in training mode."""
        count = ops.shape(next(iter(y.values())))[0]
        return self.run_network(self.generator, {"z": self.latents(count), **y})

    def fakes(self, y):
        """Generated images without a gradient."""
        with _backend.no_grad():
            return ops.stop_gradient(self.generate_for(y))

    def discriminate(self, images, y):
        """Logits of the discriminator in training mode."""
        told = {name: y[name] for name in self.discriminator.input if name != "images"}
        return self.run_network(self.discriminator, {"images": images, **told})

    def discriminator_loss(self, real, y, fake, fake_y):
        """The discriminator's loss on matching pairs, with its penalties and the term of wrong pairs."""
        for_real, for_fake = (functools.partial(self.discriminate, y=given) for given in (y, fake_y))
        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator", for_real, real, fake, for_fake
        )
        loss = self.loss_function.discriminator(real_score, fake_score)
        if self.wrong_pairs:
            # With weight 1: real + (fake + wrong) / 2, as Reed et al. have it.
            wrong_score = self.discriminate(real, self.wrong_conditions(y))
            wrong = self.loss_function.discriminator(real_score, wrong_score)
            loss = (loss + self.wrong_pairs * wrong) / (1.0 + self.wrong_pairs)
        return loss + penalty, {"discriminator_loss": loss, **logs}

    def generator_loss(self, real, y):
        """The generator's loss on fresh fakes."""
        fake_y = self.fake_conditions(y)
        fake_score = self.discriminate(self.generate_for(fake_y), fake_y)
        real_score = None
        if self.loss_function.needs_real:
            real_score = ops.stop_gradient(self.discriminate(real, y))
        loss = self.loss_function.generator(fake_score, real_score)
        return loss, {"generator_loss": loss}

    # Pictures and examples.

    def sheet(self, n, seed=0):
        """A row for each class, with the same noise in all; or for each masked image of the bank.

        Such a row is what is seen, several completions, and the image as the bank has it; see
        `AdversarialModel.sheet`.
        """
        if self.masks is not None and self.banks():
            return self._completions(n, seed)
        name, classes = self._label()
        if len(self.conditions) != 1 or name is None or len(self.image_shape) != 3:
            return super().sheet(n, seed)
        columns = max(1, round(n / classes))
        z = np.tile(self._noise(columns, seed), (classes, *[1] * len(self.latent_shape)))
        images = self.sample(columns * classes, z=z, **{name: np.repeat(np.arange(classes), columns)})
        return images, columns

    def _completions(self, n, seed):
        bank, columns = self.banks(), max(3, round(n**0.5))
        rows = min(max(1, n // columns), len(bank["mask"]))
        visible, mask = (bank[name][:rows] for name in ("visible", "mask"))
        made = self.sample(
            rows * (columns - 2),
            seed=seed,
            visible=np.repeat(visible, columns - 2, axis=0),
            mask=np.repeat(mask, columns - 2, axis=0),
        )
        whole = to_uint8(visible, self.data_range)
        hidden = np.where(mask > 0, whole, 128).astype(np.uint8)
        made = made.reshape(rows, columns - 2, *self.image_shape)
        images = np.concatenate([hidden[:, None], made, whole[:, None]], axis=1)
        return images.reshape(-1, *self.image_shape), columns

    def _noise(self, n, seed):
        return latents.draw(GAN.sampling_inputs(self), n, seed)["z"]

    def example_data(self, n, seed=0):
        images = super().example_data(n, seed)
        if self.masks is not None:
            return images
        rng = np.random.default_rng(seed + 1)
        values = {
            spec.name: (np.arange(n) % spec.num_classes).astype("int32")
            if spec.num_classes
            else rng.standard_normal((n, *spec.shape)).astype(spec.dtype)
            for spec in self.conditions
        }
        return images, values if len(values) > 1 else next(iter(values.values()))

    def get_config(self):
        names = ("num_classes", "label_distribution", "wrong_pairs", "masks")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
        x = L.Reshape((2, 2, 3))(L.Dense(12)(z))
        start = keras.initializers.RandomNormal(stddev=0.5)
        x = layers.ConditionalBatchNormalization(num_classes=3, kernel_initializer=start)([x, label])
        x = layers.Conv2DTranspose(1, 4, strides=2, padding=1, activation="tanh")(L.ReLU()(x))
        generator = keras.Model({"z": z, "label": label}, x, name="generator")
        images, label = keras.Input((4, 4, 1), name="images"), keras.Input((), dtype="int32", name="label")
        convolution = layers.Conv2D(4, 4, strides=2, padding=1)
        x = L.LeakyReLU(0.2)(layers.SpectralNormalization(convolution, seed=1)(images))
        x = layers.Projection(num_classes=3, spectral=True, seed=2)([L.Flatten()(x), label])
        discriminator = keras.Model({"images": images, "label": label}, x, name="discriminator")
        return cls(generator, discriminator, num_classes=3, wrong_pairs=0.5, prior="uniform01", seed=4)


def _conditions(generator, discriminator, num_classes):
    """The `Input`s of the conditions that both networks take."""
    specs = []
    for name, tensor in generator.input.items():
        if name == "z":
            continue
        shape, dtype = tuple(tensor.shape[1:]), keras.backend.standardize_dtype(tensor.dtype)
        if shape == () and dtype == "int32":
            if not isinstance(num_classes, int) or num_classes < 2:
                raise UsageError(f"num_classes must be an integer of at least 2, got {num_classes}")
            specs.append(Input(name, (), "int32", "label", "class number", num_classes))
        else:
            specs.append(Input(name, shape, dtype, "given", "condition"))
    known = {spec.name: spec.shape for spec in specs}
    for name, tensor in discriminator.input.items():
        if name != "images" and known.get(name) != tuple(tensor.shape[1:]):
            raise UsageError(
                f"the discriminator's condition {name} {tuple(tensor.shape[1:])} must be one of the "
                f"generator's, which are {known}"
            )
    if not specs:
        raise UsageError("the generator must take a condition besides z, got none")
    return tuple(specs)
