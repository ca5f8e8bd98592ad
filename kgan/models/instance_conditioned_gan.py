"""IC-GAN: a GAN conditioned on the features of single images, judged against their neighbours."""

import functools
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, losses
from kgan.conditions import check_rows
from kgan.data import photos
from kgan.data.feature_store import FeatureStore, describe, short, unit_features
from kgan.data.instance_selection import select_instances
from kgan.engine.average import MovingAverage
from kgan.engine.model import AdversarialModel, Preset
from kgan.errors import UsageError
from kgan.layers.prior import sample_prior
from kgan.models.biggan_networks import biggan_discriminator, biggan_generator
from kgan.models.instance_conditioned_networks import small_discriminator, small_generator
from kgan.types import Input


def _small(image_size):
    return {
        "generator": small_generator(image_size),
        "discriminator": small_discriminator(image_size),
        "average": MovingAverage(decay=0.999, debias=True),
    }


def _published(image_size, width, attention, num_classes=None):
    latent_dim = 119 if image_size == 256 else 120  # 120 does not divide by 7 slots
    arguments = {"instance_dim": 2048, "num_classes": num_classes, "attention": attention}
    return {
        "generator": biggan_generator(image_size, latent_dim=latent_dim, width=width, **arguments),
        "discriminator": biggan_discriminator(image_size, width=width, **arguments),
        "average": MovingAverage(decay=0.9999, debias=True),
    }


def _training(discriminator_rate, generator_rate, epsilon=1e-6):
    def adam(rate):
        return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.999, epsilon=epsilon)

    return {
        "optimizer": {"generator": adam(generator_rate), "discriminator": adam(discriminator_rate)},
        "loss": losses.Hinge(),
    }


def _preset(description, build, rates, batch_size, **arguments):
    return Preset(
        description, functools.partial(build, **arguments), functools.partial(_training, *rates), batch_size
    )


_PRESETS = {
    "icgan_32": _preset(
        "32x32, convolutions, 1280 features, for small data (unpublished)",
        _small,
        (4e-4, 2e-4),
        64,
        image_size=32,
    ),
    "icgan_64": _preset(
        "64x64, convolutions, 1280 features, for small data (unpublished)",
        _small,
        (4e-4, 2e-4),
        64,
        image_size=64,
    ),
    "icgan_imagenet_64": _preset(
        "ImageNet 64x64, BigGAN of width 64, k = 50",
        _published,
        (1e-4, 1e-4),
        256,
        image_size=64,
        width=64,
        attention=32,
    ),
    "cc_icgan_imagenet_64": _preset(
        "ImageNet 64x64, class-conditional, BigGAN of width 64, k = 50",
        _published,
        (1e-4, 1e-4),
        256,
        image_size=64,
        width=64,
        attention=32,
        num_classes=1000,
    ),
    "icgan_imagenet_128": _preset(
        "ImageNet 128x128, BigGAN of width 96, k = 50",
        _published,
        (1e-4, 4e-5),
        2048,
        image_size=128,
        width=96,
        attention=64,
    ),
    "icgan_imagenet_256": _preset(
        "ImageNet 256x256, BigGAN of width 96, k = 50",
        _published,
        (1e-4, 4e-5),
        2048,
        image_size=256,
        width=96,
        attention=64,
    ),
}


@keras.saving.register_keras_serializable("kgan")
class InstanceConditionedGAN(AdversarialModel):
    """A GAN whose players know the features h_i of one image and whose reals are that image's neighbours.

    The data are a mixture of small overlapping densities, one around each training image:
    `min_G max_D E_{h_i, x_j in A_i}[log D(x_j, h_i)] + E_{h_i, z}[log(1 - D(G(z, h_i), h_i))]`. With classes
    both players also get y_j, the class of the neighbour. `fit` takes `kgan.data.NeighborBatches`. In the
    discriminator's update fakes have conditions drawn independently of the reals'; the generator's update
    takes those of the reals, on fresh noise.

    Args:
        generator: functional network from a dict with `z`, `instance` and maybe `label` to images.
        discriminator: functional network from a dict with `images`, `instance` and maybe `label` to
            logits `[batch, 1]`.
        num_classes: number of classes, at least 2, where the networks take a `label`; else `None`.
        prior: law of the noise: "normal", "uniform", "uniform_sqrt3" or "sphere".
        discriminator_steps: updates of the discriminator per train step, >= 1; the batch is split among them.
        extractor: what makes the features, as `kgan.data.FeatureStore.extractor` says it; features of
            another one are then refused. `use_extractor` and `swap_instances` set it.
        **kwargs: those of `AdversarialModel`.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Casanova et al., Instance-Conditioned GAN, 2021.

    Example:

    >>> model = InstanceConditionedGAN.tiny()
    >>> model.sample(2, seed=0, instances=np.eye(6)[:2]).shape
    (2, 8, 8, 3)
    """

    presets: ClassVar[dict[str, Preset]] = _PRESETS

    def __init__(
        self,
        generator,
        discriminator,
        *,
        num_classes=None,
        prior="normal",
        discriminator_steps=1,
        extractor=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(discriminator_steps, int) or discriminator_steps < 1:
            raise UsageError(f"discriminator_steps must be an integer >= 1, got {discriminator_steps}")
        conditions = ["instance"] + ([] if num_classes is None else ["label"])
        for name, network, first in (
            ("generator", generator, "z"),
            ("discriminator", discriminator, "images"),
        ):
            taken = sorted(network.input) if isinstance(network.input, dict) else ["one tensor"]
            if taken != sorted([first, *conditions]):
                raise UsageError(f"the {name} must take {[first, *conditions]}, got {taken}")
        for made, judged in (
            (generator.output, discriminator.input["images"]),
            (generator.input["instance"], discriminator.input["instance"]),
        ):
            if made.shape != judged.shape:
                raise UsageError(
                    f"the networks must agree, got shapes {made.shape[1:]} and {judged.shape[1:]}"
                )
        if num_classes is not None and num_classes < 2:
            raise UsageError(f"num_classes must be at least 2, got {num_classes}")
        self.generator, self.discriminator = generator, discriminator
        self.num_classes, self.prior = num_classes, prior
        self.discriminator_steps = discriminator_steps
        self.extractor = extractor
        self._extract = None
        self.finish()

    @property
    def latent_shape(self):
        """Shape of one noise sample."""
        return tuple(self.generator.input["z"].shape[1:])

    @property
    def image_shape(self):
        """(height, width, channels) of an image."""
        return tuple(self.generator.output_shape[1:])

    @property
    def instance_dim(self):
        """Length of a feature vector."""
        return self.generator.input["instance"].shape[1]

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return _training(4e-4, 2e-4)

    def sampling_inputs(self):
        inputs = [
            Input("z", self.latent_shape, "float32", self.prior, "latent noise"),
            Input("instance", (self.instance_dim,), "float32", "given", "unit feature vector of an image"),
        ]
        if self.num_classes is not None:
            inputs.append(Input("label", (), "int32", "label", "class", self.num_classes))
        return tuple(inputs)

    def fit(self, x=None, *args, **kwargs):
        """Trains as `AdversarialModel.fit` does.

        Raises:
            UsageError: features of another extractor or length, or batches without what the game needs.
        """
        store = getattr(x, "store", None)
        if isinstance(store, FeatureStore):
            self._same_extractor(store.extractor)
        return super().fit(x, *args, **kwargs)

    # -- the game, section 3 of the paper

    def adversarial_step(self, batch):
        self._check_batch(batch)
        count = ops.shape(batch["images"])[0]
        parts = {name: ops.split(value, self.discriminator_steps) for name, value in batch.items()}
        for step in range(self.discriminator_steps):
            part = {name: values[step] for name, values in parts.items()}
            self.update("discriminator", functools.partial(self.discriminator_loss, part))
        self.update("generator", functools.partial(self.generator_loss, part))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(count)

    def _check_batch(self, batch):
        own = self._condition_names()
        wanted = ("images", *own, *(f"fake_{name}" for name in own))
        if not isinstance(batch, dict) or not set(wanted) <= set(batch):
            got = ", ".join(batch) if isinstance(batch, dict) else "no dict"
            raise UsageError(
                f"batches must hold {', '.join(wanted)}, got {got}: a model with classes takes "
                "NeighborBatches with labels=True"
            )
        for name in ("instance", "fake_instance"):
            check_rows(name, batch[name], (self.instance_dim,))

    def _condition_names(self):
        return ["instance"] if self.num_classes is None else ["instance", "label"]

    def conditions(self, batch, prefix=""):
        """The conditions of a batch by the names of the networks' inputs."""
        return {name: batch[f"{prefix}{name}"] for name in self._condition_names()}

    def fakes(self, conditions):
        """Generated images under the conditions, on fresh noise."""
        count = ops.shape(conditions["instance"])[0]
        z = sample_prior(self.prior, (count, *self.latent_shape), self.seed_generator)
        return self.run_network(self.generator, {"z": z, **conditions})

    def critic(self, conditions):
        """The discriminator in training mode under fixed conditions, a function of the images."""
        return lambda images: self.run_network(self.discriminator, {"images": images, **conditions})

    def discriminator_loss(self, batch):
        """The discriminator's loss on neighbours and on fakes of other instances, with its penalties."""
        own, others = self.conditions(batch), self.conditions(batch, "fake_")
        with _backend.no_grad():
            fake = ops.stop_gradient(self.fakes(others))
        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator", self.critic(own), batch["images"], fake, self.critic(others)
        )
        loss = self.loss_function.discriminator(real_score, fake_score)
        return loss + penalty, {"discriminator_loss": loss, **logs}

    def generator_loss(self, batch):
        """The generator's loss on fakes of the reals' instances."""
        own = self.conditions(batch)
        fake_score = self.critic(own)(self.fakes(own))
        real_score = None
        if self.loss_function.needs_real:
            real_score = ops.stop_gradient(self.critic(own)(batch["images"]))
        loss = self.loss_function.generator(fake_score, real_score)
        return loss, {"generator_loss": loss}

    # -- instances

    def use_extractor(self, extractor):
        """Lets `sample` take images as instances.

        Args:
            extractor: function of uint8 images to a dict with `"features"`, with `name` and `digest`.

        Raises:
            UsageError: the model was trained on features of another extractor.
        """
        self._same_extractor(describe(extractor))
        self._extract = extractor

    def _same_extractor(self, description):
        if self.extractor and description and description != self.extractor:
            raise UsageError(
                f"features must be made by the model's extractor {short(self.extractor)}, "
                f"got {short(description)}"
            )
        self.extractor = self.extractor or description or None

    def swap_instances(self, store, n=1000, labels=None, seed=0):
        """Makes `sample` draw instances of this data set, be it that of the training or another one.

        The n instances nearest to the centres of k-means are kept, fewer if there are fewer images.

        Args:
            store: `kgan.data.FeatureStore` of the same extractor.
            n: how many instances, >= 1.
            labels: with classes: int array, the class of every image of the store, which is then sampled
                with it; `None` draws classes uniformly.
            seed: int of at least 0, for k-means.

        Returns:
            int64 array, the places of the kept instances in the store.

        Raises:
            UsageError: features of another extractor, another length, or labels without classes.
        """
        if not isinstance(store, FeatureStore):
            raise UsageError(f"instances must be a FeatureStore, got {type(store).__name__}")
        self._same_extractor(store.extractor)
        classes = self.num_classes or 0
        if labels is not None and not classes:
            raise UsageError("labels must be None for a model without classes")
        if labels is not None:
            labels = np.asarray(labels)
            if labels.shape != (len(store),) or labels.min() < 0 or labels.max() >= classes:
                raise UsageError(
                    f"labels must be {len(store)} class numbers from 0 to {classes - 1}, "
                    f"got shape {list(labels.shape)} from {labels.min()} to {labels.max()}"
                )
        rows = select_instances(store, min(n, len(store)), seed=seed)
        banks = {"instance": store.features[rows]}
        if labels is not None:
            banks["label"] = labels[rows]
        self.set_banks(banks)
        return rows

    def instance_features(self, instances):
        """Unit feature vectors of instances.

        Args:
            instances: features `[m, instance_dim]` of any scale or one vector; or, after `use_extractor`,
                uint8 images `[m, height, width, channels]`, one image, or picture files.

        Raises:
            UsageError: another shape, or images without an extractor.
            DataError: features that are zero or not finite.
        """
        return photos.instance_features(instances, self.instance_dim, self.image_shape, self._extract)

    def sample(self, n, *, seed=None, instances=None, **given):
        """Draws images of given instances, or of those in the bank; else as `AdversarialModel.sample`.

        Args:
            n: number of images, >= 1.
            seed: int, or `None` for fresh noise.
            instances: features, images or picture files as `instance_features` takes them: one for all
                samples, or m of them where n is a multiple of m; each gives n / m samples, side by side.
            **given: arrays by the names of the inputs, such as `label`.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule.
            DataError: features that are zero or not finite.
        """
        if instances is not None:
            given["instance"] = photos.spread(self.instance_features(instances), n)
        return super().sample(n, seed=seed, **given)

    def example_data(self, n, seed=0):
        rng = np.random.default_rng(seed)
        data = {"images": super().example_data(n, seed)}
        for prefix in ("", "fake_"):
            data[f"{prefix}instance"] = unit_features(rng.standard_normal((n, self.instance_dim)))
            if self.num_classes is not None:
                data[f"{prefix}label"] = rng.integers(0, self.num_classes, n).astype(np.int32)
        return data

    def get_config(self):
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator")
        }
        names = ("num_classes", "prior", "discriminator_steps", "extractor")
        return {**super().get_config(), **networks, **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls, num_classes=None):
        """The smallest instance, with settings that differ from the defaults."""
        sizes = {"width": 4, "instance_dim": 6, "num_classes": num_classes, "embedding": 3}
        model = cls(
            small_generator(8, 3, 5, **sizes),
            small_discriminator(8, 3, **sizes),
            num_classes=num_classes,
            prior="uniform",
            discriminator_steps=2,
            extractor="tiny 0123",
            average=MovingAverage(decay=0.5),
            seed=4,
        )
        features = np.random.default_rng(0).standard_normal((7, 6))
        model.swap_instances(FeatureStore(features, extractor="tiny 0123"), n=5)
        return model
