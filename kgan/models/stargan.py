"""StarGAN: one generator that translates images between many domains (2018)."""

import functools
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks, layers, losses
from kgan.engine.model import AdversarialModel, Preset
from kgan.engine.schedules import LinearTail
from kgan.errors import UsageError
from kgan.losses.reconstruction import l1
from kgan.models import domain_labels
from kgan.models.domain_labels import domain_error, known_only, label_vectors, target_sets, widths
from kgan.types import Input

L = keras.layers

__all__ = ["StarGAN", "discriminator", "generator", "label_vectors", "networks", "target_sets", "training"]


def _start():
    # Uniform within 1 / sqrt(fan in), the start of the Torch layers that the published code leaves as it is.
    return keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")


def _conv(filters, kernel, strides=1, padding=0, **kwargs):
    return layers.Conv2D(
        filters, kernel, strides, padding, use_bias=False, kernel_initializer=_start(), **kwargs
    )


def _norm():
    return layers.InstanceNormalization(1e-5, affine=True)


def generator(image_size=128, channels=3, num_classes=None, schema=None, width=64, blocks=6):
    """The residual generator, which gets the target domain as constant maps beside the image.

    Args:
        image_size: pixels, an int that is a multiple of 4, at least 8.
        channels: image channels.
        num_classes: K >= 2 where a domain is one of K; its number is then the input `domain`.
        schema: otherwise parts as in `kgan.models.domain_labels.checked_schema`; `domain` is then a vector.
        width: channels at full resolution; twice and four times as many after the halvings.
        blocks: residual blocks, >= 0.

    Raises:
        UsageError: the size breaks its rule, or neither or both of `num_classes` and `schema` are given.

    Example:

    >>> network = generator(16, num_classes=3, width=4, blocks=1)
    >>> sorted(network.input), network.output_shape
    (['domain', 'image'], (None, 16, 16, 3))
    """
    if not isinstance(image_size, int) or image_size % 4 or image_size < 8:
        raise UsageError(f"image_size must be a multiple of 4, at least 8, got {image_size!r}")
    image = keras.Input((image_size, image_size, channels), name="image")
    schema = _schema(num_classes, schema)
    if num_classes is None:
        domain = keras.Input((widths(schema)[1],), name="domain")
        y = domain
    else:
        domain = keras.Input((), dtype="int32", name="domain")
        y = layers.OneHot(num_classes)(domain)
    # Zero padding: with reflected borders the normalisation would remove the constant maps entirely.
    x = layers.ConcatCondition()([image, y])
    x = L.ReLU()(_norm()(_conv(width, 7, 1, 3)(x)))
    for scale in (2, 4):
        x = L.ReLU()(_norm()(_conv(scale * width, 4, 2, 1)(x)))
    for _ in range(blocks):
        y = L.ReLU()(_norm()(_conv(4 * width, 3, 1, 1)(x)))
        x = L.Add()([x, _norm()(_conv(4 * width, 3, 1, 1)(y))])
    for scale in (2, 1):
        up = layers.Conv2DTranspose(scale * width, 4, 2, 1, use_bias=False, kernel_initializer=_start())
        x = L.ReLU()(_norm()(up(x)))
    made = L.Activation("tanh", dtype="float32")(_conv(channels, 7, 1, 3)(x))
    return keras.Model({"image": image, "domain": domain}, made, name="generator")


def discriminator(image_size=128, channels=3, num_classes=None, schema=None, width=64, stages=6):
    """The network that judges realness in a map of scores, and the domain of the whole image.

    Args:
        image_size: pixels, an int that is a multiple of `2 ** stages`. The classifying head has its size, so
            weights of one image size do not fit another.
        channels: image channels.
        num_classes, schema: as in `generator`.
        width: channels after the first convolution; they double with each.
        stages: halvings, >= 1.

    Returns:
        Network from images to a list: scores `[batch, side, side, 1]`, logits `[batch, labels]`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> discriminator(16, num_classes=3, width=4, stages=3).output_shape
    [(None, 2, 2, 1), (None, 3)]
    """
    logits, _ = widths(_schema(num_classes, schema))
    if stages < 1:
        raise UsageError(f"stages must be at least 1, got {stages}")
    if not isinstance(image_size, int) or image_size < 2**stages or image_size % 2**stages:
        raise UsageError(
            f"image_size must be a multiple of {2**stages} for {stages} halvings, got {image_size!r}"
        )
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters, incoming = images, width, channels
    for _ in range(stages):
        limit = (16 * incoming) ** -0.5
        convolution = layers.Conv2D(
            filters,
            4,
            2,
            1,
            kernel_initializer=_start(),
            bias_initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        x = L.LeakyReLU(0.01)(convolution(x))
        filters, incoming = 2 * filters, filters
    source = _conv(1, 3, 1, 1, dtype="float32", name="source")(x)
    classes = _conv(logits, image_size >> stages, dtype="float32", name="classes")(x)
    return keras.Model(images, [source, L.Flatten(dtype="float32")(classes)], name="discriminator")


def _schema(num_classes, schema):
    if (num_classes is None) == (schema is None):
        raise UsageError(f"either num_classes or schema must be given, got {num_classes} and {schema}")
    if schema is not None:
        return domain_labels.checked_schema(schema)
    if not isinstance(num_classes, int) or num_classes < 2:
        raise UsageError(f"num_classes must be an integer of at least 2, got {num_classes}")
    return [[domain_labels.CLASSES, num_classes]]


def networks(
    image_size=128,
    channels=3,
    num_classes=None,
    schema=None,
    width=64,
    blocks=6,
    stages=6,
    discriminator_width=None,
):
    """Both networks and what they are told, for the constructor of `StarGAN`.

    Args:
        image_size, channels, num_classes, schema, width, blocks: as in `generator`.
        stages: halvings in the discriminator.
        discriminator_width: channels after its first convolution, default `width`.

    Example:

    >>> sorted(networks(16, num_classes=3, width=4, blocks=1, stages=3))
    ['discriminator', 'generator', 'num_classes', 'schema']
    """
    told = {"num_classes": num_classes, "schema": schema}
    judged = {"width": discriminator_width or width, "stages": stages}
    return {
        "generator": generator(image_size, channels, **told, width=width, blocks=blocks),
        "discriminator": discriminator(image_size, channels, **told, **judged),
        **told,
    }


def training(schedule="as_described", learning_rate=1e-4, updates=200_000, generator_every=5):
    """The published settings of `compile`: Adam for both players, and the Wasserstein loss with its penalty.

    Args:
        schedule: `"as_described"`: the rate falls to 0 in the second half of the training; `"as_released"`:
            as the authors' code has it, where the fall ends at 99.9 % of the rate; `"constant"`.
        learning_rate: that of the first update, greater than 0.
        updates: updates of the discriminator in the whole training, a multiple of 200 * `generator_every`.
        generator_every: updates of the discriminator to one of the generator.

    Raises:
        UsageError: an unknown schedule, or `updates` out of range.

    Example:

    >>> adam = training()["optimizer"]["generator"]
    >>> round(float(adam._learning_rate(30_000)), 7)
    5e-05
    """
    # The fall is in 100 steps; released, each is 1/1000 of what was meant.
    ends = {"as_described": 200, "as_released": 100_100, "constant": None}
    if schedule not in ends:
        raise UsageError(f"schedule must be one of {', '.join(ends)}, got {schedule!r}")
    if updates < 1 or updates % (200 * generator_every):
        raise UsageError(f"updates must be a multiple of {200 * generator_every}, got {updates}")

    def adam(own_updates):
        end = ends[schedule]
        rate = learning_rate if end is None else LinearTail(learning_rate, own_updates // 200, 100, end)
        return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    return {
        "optimizer": {"generator": adam(updates // generator_every), "discriminator": adam(updates)},
        "loss": losses.Wasserstein(),
        "penalties": [losses.GradientPenalty(10.0)],
    }


_CELEBA = [["attributes", 5]]
_JOINT = [["attributes", 5], ["classes", 8]]
_HAIR = [[0, 1, 2]]
_PRESETS = {
    "stargan_celeba_128": Preset(
        "CelebA 128x128: black, blond, brown hair, male, young (Choi et al., 2018)",
        lambda: {**networks(schema=_CELEBA), "exclusive": _HAIR},
        training,
        80,
    ),
    "stargan_rafd_128": Preset(
        "RaFD 128x128, one of 8 expressions (Choi et al., 2018)",
        functools.partial(networks, num_classes=8),
        training,
        80,
    ),
    "stargan_joint_256": Preset(
        "CelebA and RaFD together, 256x256, 5 attributes or one of 8 expressions (Choi et al., 2018)",
        lambda: {**networks(256, schema=_JOINT), "exclusive": _HAIR},
        training,
        80,
    ),
    "stargan_32": Preset(
        "32x32, one of 6 domains, a quarter of the width, 3 residual blocks: for a CPU (unpublished)",
        functools.partial(networks, 32, num_classes=6, width=16, blocks=3, stages=4, discriminator_width=32),
        functools.partial(training, "constant", 2e-4),
        80,
    ),
}


def _numbers(domain):
    try:
        return np.atleast_2d(np.asarray(domain, "float32"))
    except (ValueError, TypeError) as error:
        raise UsageError(f"domain must be one vector of numbers, or one an image, got {domain!r}") from error


@keras.saving.register_keras_serializable("kgan")
class StarGAN(AdversarialModel):
    """One generator that turns an image of any domain into one of any other.

    The generator gets an image and the domain to be; the discriminator judges realness and tells the domain.
    A batch is `(images, labels)`. Its labels in random order are the targets, so they are as frequent. Each
    train step moves the discriminator `discriminator_steps` times, each time on its own part of the batch,
    and then the generator once, on the last part: the published batch is 5 parts of 16 images.

    Args:
        generator: functional network from a dict of `image` and `domain` to images in [-1, 1] of the same
            size. An int32 `domain` of shape `()` is a class number, otherwise it is a vector.
        discriminator: network from images to a list of scores of any shape and logits `[batch, labels]`.
        num_classes: K, at least 2, where the domain is one of K.
        schema: otherwise a list of `["attributes", n]` and `["classes", K]`. Labels are then float vectors;
            with several parts they end in a mask that is 1 for the part that is known, others do not count
            (`label_vectors` makes such).
        exclusive: groups of attributes of which one is true, for the targets of the sheet.
        class_weight: lambda_cls, weight of the domain's cross entropy, >= 0.
        reconstruction_weight: lambda_rec, weight of the way there and back, >= 0.
        discriminator_steps: updates of the discriminator per train step, >= 1.
        split_batch: give each of these its own part of the batch, instead of the whole batch each time.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the targets and the points of the penalty.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Choi et al., StarGAN: Unified Generative Adversarial Networks for Multi-Domain Image-to-Image
    Translation, 2018.

    Example:

    >>> model = StarGAN.tiny()
    >>> model.compile()
    >>> images, labels = model.example_data(8)
    >>> history = model.fit(images, labels, batch_size=4, verbose=0)
    >>> model.translate(np.zeros((2, 8, 8, 1), "uint8"), domain=1).shape
    (2, 8, 8, 1)
    """

    presets: ClassVar[dict[str, Preset]] = _PRESETS
    extra_logs: ClassVar[tuple[str, ...]] = ("real_class_loss", "fake_class_loss", "reconstruction_loss")

    def __init__(
        self,
        generator,
        discriminator,
        *,
        num_classes=None,
        schema=None,
        exclusive=(),
        class_weight=1.0,
        reconstruction_weight=10.0,
        discriminator_steps=5,
        split_batch=True,
        average=None,
        preset=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(average=average, preset=preset, seed=seed, **kwargs)
        parts = _schema(num_classes, schema)
        for name, weight in (
            ("class_weight", class_weight),
            ("reconstruction_weight", reconstruction_weight),
        ):
            if not weight >= 0:
                raise UsageError(f"{name} must be >= 0, got {weight}")
        if not isinstance(discriminator_steps, int) or discriminator_steps < 1:
            raise UsageError(f"discriminator_steps must be an integer >= 1, got {discriminator_steps}")
        self.generator, self.discriminator = generator, discriminator
        self.num_classes, self.parts = num_classes, parts
        self.schema = None if schema is None else parts
        self.exclusive = [[int(place) for place in group] for group in exclusive]
        self.class_weight, self.reconstruction_weight = float(class_weight), float(reconstruction_weight)
        self.discriminator_steps, self.split_batch = discriminator_steps, bool(split_batch)
        self._check_networks()
        self.finish()

    def _check_networks(self):
        inputs = getattr(self.generator, "input", None)
        if not isinstance(inputs, dict) or set(inputs) != {"image", "domain"}:
            raise UsageError("the generator must take a dict with image and domain")
        logits, told = widths(self.parts)
        wanted = () if self.num_classes else (told,)
        rules = {
            "the generator makes": (self.generator.output_shape[1:], inputs["image"].shape[1:]),
            "the generator's domain is": (inputs["domain"].shape[1:], wanted),
            "the discriminator takes": (self.discriminator.input_shape[1:], inputs["image"].shape[1:]),
            "the discriminator's logits are": (self.discriminator.output_shape[-1][1:], (logits,)),
        }
        for what, (found, right) in rules.items():
            if tuple(found) != tuple(right):
                raise UsageError(f"networks must fit: {what} {tuple(found)}, it must be {tuple(right)}")

    @property
    def image_shape(self):
        """(height, width, channels) of an image."""
        return tuple(self.generator.output_shape[1:])

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return training()

    # -- training

    def fit(self, x=None, y=None, batch_size=None, *args, **kwargs):
        """Trains as `keras.Model.fit` does, on `(images, labels)`.

        Raises:
            UsageError: images, labels or batches do not fit the model.
        """
        images, labels = x if isinstance(x, tuple) and len(x) == 2 else (x, y)
        if isinstance(labels, np.ndarray):
            self._check_labels(labels)
        if self.split_batch:
            self._check_batches(images, batch_size)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def _check_batches(self, data, batch_size):
        """The batch is split between the discriminator's updates; a compiled step may not know its size."""
        steps = self.discriminator_steps
        count = len(data) if isinstance(data, np.ndarray) else 0
        size = min(batch_size or 32, count) if count else getattr(data, "batch_size", None)
        if size is None or not checks.is_integer(size):  # data that do not say
            return
        if size % steps:
            raise UsageError(f"batch_size must be a multiple of discriminator_steps {steps}, got {size}")
        if count % size % steps:
            raise UsageError(
                f"images must leave a last batch that is a multiple of discriminator_steps {steps}, "
                f"got {count} in batches of {size}"
            )

    def _check_labels(self, labels):
        wanted = self.sampling_inputs()[1].shape
        if labels.shape[1:] != wanted:
            shape = ", ".join(map(str, ("n", *wanted)))
            raise UsageError(f"labels must be [{shape}], got {list(labels.shape)}")
        if self.num_classes and labels.size and not 0 <= labels.min() <= labels.max() < self.num_classes:
            found = f"{labels.min()} to {labels.max()}"
            raise UsageError(f"labels must be from 0 to {self.num_classes - 1}, got {found}")

    def adversarial_step(self, batch):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise UsageError("a batch must be (images, labels): load the images with label=COLUMN")
        images, y = batch[0], self._labels(batch[1])
        steps = self.discriminator_steps
        count = images.shape[0]
        if not self.split_batch:
            parts = [(images, y)] * steps
        elif count is not None and count % steps:
            raise UsageError(f"batch_size must be a multiple of discriminator_steps {steps}, got {count}")
        else:
            parts = list(zip(ops.split(images, steps), ops.split(y, steps)))
        for real, own in parts:
            target = self.targets(own)
            with _backend.no_grad():
                fake = ops.stop_gradient(self.turn(real, target))
            self.update("discriminator", functools.partial(self.discriminator_loss, real, own, fake))
        # The last part and its targets, as in the published loop.
        self.update("generator", functools.partial(self.generator_loss, real, own, target))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(ops.shape(images)[0])

    def _labels(self, y):
        """Labels of a batch, as class numbers `[n]` or as vectors in which unknown parts are 0."""
        if self.num_classes:
            return ops.cast(ops.reshape(y, (-1,)), "int32")
        if tuple(y.shape[1:]) != (widths(self.parts)[1],):
            raise UsageError(f"labels must be [batch, {widths(self.parts)[1]}], got {list(y.shape)}")
        return known_only(self.parts, ops.cast(y, "float32"))

    def targets(self, y):
        """The labels of a batch in random order, so that targets are as frequent as labels."""
        draws = keras.random.uniform((ops.shape(y)[0],), seed=self.seed_generator)
        return ops.take(y, ops.argsort(draws), axis=0)

    def turn(self, images, domain):
        """The images translated to the domains, in training mode."""
        return self.run_network(self.generator, {"image": images, "domain": domain})

    def class_error(self, logits, y):
        """Cross entropy between the classifier's logits and labels, a scalar."""
        vectors = ops.one_hot(y, self.num_classes, dtype="float32") if self.num_classes else y
        return domain_error(self.parts, logits, vectors)

    def discriminator_loss(self, real, y, fake):
        """Realness of both, the domain of the reals alone, and the penalty, on realness alone."""
        judged, logits = self.run_network(self.discriminator, real)

        def critic(images):
            return self.run_network(self.discriminator, images)[0]

        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator", critic, real, fake, real_scores=judged
        )
        error = self.class_error(logits, y)
        loss = self.loss_function.discriminator(real_score, fake_score) + self.class_weight * error
        return loss + penalty, {"discriminator_loss": loss, "real_class_loss": error, **logs}

    def generator_loss(self, real, y, target):
        """Realness, the target domain, and the way back to the image."""
        fake = self.turn(real, target)
        score, logits = self.run_network(self.discriminator, fake)
        real_score = None
        if self.loss_function.needs_real:
            real_score = ops.stop_gradient(self.run_network(self.discriminator, real)[0])
        error, gap = self.class_error(logits, target), l1(self.turn(fake, y), real)
        loss = self.loss_function.generator(score, real_score) + self.class_weight * error
        loss = loss + self.reconstruction_weight * gap
        return loss, {"generator_loss": loss, "fake_class_loss": error, "reconstruction_loss": gap}

    # -- translation

    def sampling_inputs(self):
        image = Input("image", self.image_shape, "float32", "given", "image in [-1, 1]")
        if self.num_classes:
            domain = Input("domain", (), "int32", "label", "domain to be", num_classes=self.num_classes)
        else:
            about = "domain to be; where there are several parts, a mask of the known one ends it"
            domain = Input("domain", (widths(self.parts)[1],), "float32", "given", about)
        return image, domain

    def translate(self, images, domain):
        """Turns images into images of a domain.

        Args:
            images: uint8 `[n, height, width, channels]`, of the networks' size.
            domain: number or name of a class, or a label vector; one for all or one for each image.

        Returns:
            uint8 array of the same shape.

        Raises:
            UsageError: images of another shape or type, or no such domain.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            wanted = "x".join(map(str, ("n", *self.image_shape)))
            raise UsageError(f"images must be uint8 {wanted}, got {images.dtype} {images.shape}")
        if not len(images):
            return images
        if not self.num_classes:
            vectors, size = _numbers(domain), widths(self.parts)[1]
            if vectors.shape not in ((1, size), (len(images), size)):
                raise UsageError(
                    f"domain must be [{size}] or [{len(images)}, {size}], got {list(np.shape(domain))}"
                )
            made = known_only(self.parts, ops.convert_to_tensor(vectors))
            domain = np.broadcast_to(ops.convert_to_numpy(made), (len(images), vectors.shape[-1]))
        return self.sample(len(images), image=images.astype("float32") / 127.5 - 1.0, domain=domain)

    def sheet(self, n, seed=0):
        """A row for each image of the bank: the image, and what it becomes in every domain.

        Vectors need the images' own labels in the bank, as `domain`; see `target_sets`.
        """
        bank = self.banks()
        if "image" not in bank or not (self.num_classes or "domain" in bank):
            return super().sheet(n, seed)
        rows = len(bank["image"])
        if self.num_classes:
            targets = np.tile(np.arange(self.num_classes), (rows, 1))
        else:
            targets = target_sets(self.parts, bank["domain"], self.exclusive)
        columns = targets.shape[1] + 1
        rows = min(rows, max(1, n // columns))
        images = np.floor((bank["image"][:rows] + 1.0) * 127.5 + 0.5).clip(0, 255).astype(np.uint8)
        made = [self.translate(images, targets[:rows, i]) for i in range(columns - 1)]
        return np.stack([images, *made], axis=1).reshape(-1, *self.image_shape), columns

    # -- construction

    def example_data(self, n, seed=0):
        images, rng = super().example_data(n, seed), np.random.default_rng(seed + 1)
        if self.num_classes:
            return images, (np.arange(n) % self.num_classes).astype("int32")
        part = int(rng.integers(len(self.parts)))
        kind, count = self.parts[part]
        values = (
            rng.integers(count, size=n) if kind == domain_labels.CLASSES else rng.integers(2, size=(n, count))
        )
        return images, label_vectors(self.parts, part, values)

    def get_config(self):
        own = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator")
        }
        names = ("num_classes", "schema", "exclusive", "class_weight", "reconstruction_weight")
        names += ("discriminator_steps", "split_batch")
        return {**super().get_config(), **own, **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        made = networks(8, 1, num_classes=3, width=2, blocks=1, stages=2)
        weights = {"class_weight": 0.5, "reconstruction_weight": 3.0}
        return cls(**made, **weights, discriminator_steps=2, split_batch=False, seed=4)
