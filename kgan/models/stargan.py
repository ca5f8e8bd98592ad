"""StarGAN: one generator that translates images between many domains (2018)."""

import functools
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks
from kgan.data.first_batch import first_batch
from kgan.engine.model import AdversarialModel, Preset
from kgan.errors import UsageError
from kgan.losses.reconstruction import l1
from kgan.models import domain_labels
from kgan.models.domain_labels import (
    checked_vectors,
    domain_error,
    known_only,
    known_parts,
    label_vectors,
    target_sets,
    widths,
)
from kgan.models.stargan_networks import discriminator, generator, networks, training
from kgan.types import Input

__all__ = ["StarGAN", "discriminator", "generator", "label_vectors", "networks", "target_sets", "training"]


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


def _array(name, values):
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise UsageError(f"{name} must be arrays of one shape, got {checks.shown(values)}") from error


@keras.saving.register_keras_serializable("kgan")
class StarGAN(AdversarialModel):
    """One generator that turns an image of any domain into one of any other.

    The generator gets an image and the domain to be; the discriminator judges realness and tells the domain.
    A batch is `(images, labels)`. Its labels in random order are the targets, so they are as frequent. Each
    train step moves the discriminator `discriminator_steps` times, each time on its own part of the batch,
    and then the generator once, on the last part: the published batch is 5 parts of 16 images.

    Several data sets are served mixed in every batch, as joined arrays of images and of `label_vectors`, or,
    as published, in turns, by a `keras.utils.PyDataset` whose batches alternate between them. Targets are in
    random order within each data set: no image gets one that belongs to another.

    Args:
        generator: functional network from a dict of `image` and `domain` to images in [-1, 1] of the same
            size. An int32 `domain` of shape `()` is a class number, otherwise it is a vector.
        discriminator: network from images to a list of scores of any shape and logits `[batch, labels]`.
        num_classes: K, at least 2, where the domain is one of K.
        schema: otherwise a list of `["attributes", n]` and `["classes", K]`. Labels are then float vectors;
            with several parts they end in a mask that is 1 for the part that is known, others do not count
            (`label_vectors` makes such).
        exclusive: groups of attributes of which one is true, for the targets of the sheet.
        combined: groups of attributes that the sheet also changes together; both are as in `target_sets`.
        class_weight: lambda_cls, weight of the domain's cross entropy, finite and >= 0.
        reconstruction_weight: lambda_rec, weight of the way there and back, finite and >= 0.
        discriminator_steps: updates of the discriminator per train step, >= 1.
        split_batch: give each of these its own part of the batch, instead of the whole batch each time.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the targets and the points of the penalty.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    StarGAN v2 (Choi et al., 2020), which translates with style codes, is another model and not part of kgan.

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
        combined=(),
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
        parts = known_parts(num_classes, schema)
        for name, weight in (
            ("class_weight", class_weight),
            ("reconstruction_weight", reconstruction_weight),
        ):
            if not checks.is_number(weight, 0):
                raise UsageError(f"{name} must be a finite number >= 0, got {checks.shown(weight)}")
        self.generator, self.discriminator = generator, discriminator
        self.num_classes, self.parts = num_classes, parts
        self.schema = None if schema is None else parts
        self.exclusive = domain_labels.checked_groups("exclusive", parts, exclusive)
        self.combined = domain_labels.checked_groups("combined", parts, combined, 2)
        self.class_weight, self.reconstruction_weight = float(class_weight), float(reconstruction_weight)
        self.discriminator_steps = checks.count("discriminator_steps", discriminator_steps)
        self.split_batch = checks.flag("split_batch", split_batch)
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
        if labels is None and not hasattr(images, "labels"):
            labels = self._first_labels(images)
        if labels is not None:
            self._check_labels(labels)
            if isinstance(images, np.ndarray) and len(images) != len(labels):
                raise UsageError(f"labels must be {len(images)}, one an image, got {len(labels)}")
        if self.split_batch:
            self._check_batches(images, batch_size)
        return super().fit(x, y, batch_size, *args, **kwargs)

    def _first_labels(self, data):
        """The labels of the first batch, as an array, where it can be had; its images are checked."""
        batch = first_batch(data)
        if not isinstance(batch, tuple | list) or len(batch) < 2:
            return None  # which the step refuses
        images, labels = (np.asarray(ops.convert_to_numpy(part)) for part in batch[:2])
        self._check_images(images)
        return labels

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
        labels = ops.convert_to_numpy(labels) if ops.is_tensor(labels) else labels
        if not isinstance(labels, np.ndarray):
            raise UsageError(f"labels must be an array, got {checks.shown(labels)}")
        if self.num_classes:
            domain_labels.check_classes(self.num_classes, labels)
        else:
            checked_vectors("labels", self.parts, labels)

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
        """The labels of a batch in random order, so that targets are as frequent as labels.

        Where labels have a mask, the order is random within the images of each data set.
        """
        if self.num_classes:
            draws = keras.random.uniform((ops.shape(y)[0],), seed=self.seed_generator)
            return ops.take(y, ops.argsort(draws), axis=0)
        return domain_labels.shuffled(self.parts, y, self.seed_generator)

    def turn(self, images, domain):
        """The images translated to the domains, in training mode."""
        return self.run_network(self.generator, {"image": images, "domain": domain})

    def class_error(self, logits, y):
        """Cross entropy between the classifier's logits and labels, a scalar."""
        if not self.num_classes:
            return domain_error(self.parts, logits, y)
        vectors = ops.one_hot(y, self.num_classes, dtype="float32")
        # A compiled step cannot refuse a class that does not exist: 0 / 0 makes the loss NaN at least.
        return domain_error(self.parts, logits, vectors / ops.sum(vectors, axis=1, keepdims=True))

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
        images, wanted = _array("images", images), "x".join(map(str, ("n", *self.image_shape)))
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise UsageError(f"images must be uint8 {wanted}, got {images.dtype} {images.shape}")
        if not len(images):
            return images
        if not self.num_classes:
            vectors, size = _array("domain", domain), widths(self.parts)[1]
            if vectors.dtype.kind not in "biuf":
                found = checks.shown(domain)
                raise UsageError(f"domain must be one vector of numbers, or one an image, got {found}")
            if vectors.shape not in ((size,), (1, size), (len(images), size)):
                raise UsageError(
                    f"domain must be [{size}] or [{len(images)}, {size}], got {list(vectors.shape)}"
                )
            vectors = checked_vectors("domain", self.parts, np.atleast_2d(vectors))
            made = known_only(self.parts, ops.convert_to_tensor(vectors))
            domain = np.broadcast_to(ops.convert_to_numpy(made), (len(images), size))
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
            targets = target_sets(self.parts, bank["domain"], self.exclusive, self.combined)
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
        names = ("num_classes", "schema", "exclusive", "combined", "class_weight", "reconstruction_weight")
        names += ("discriminator_steps", "split_batch")
        return {**super().get_config(), **own, **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        made = networks(8, 1, num_classes=3, width=2, blocks=1, stages=2)
        weights = {"class_weight": 0.5, "reconstruction_weight": 3.0}
        return cls(**made, **weights, discriminator_steps=2, split_batch=False, seed=4)
