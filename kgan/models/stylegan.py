"""StyleGAN: the style-based GAN of Karras, Laine and Aila (2018)."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks, losses
from kgan.engine.average import MovingAverage
from kgan.engine.growing import check_game
from kgan.engine.growth_schedule import GrowthSchedule
from kgan.engine.model import Preset
from kgan.errors import UsageError
from kgan.layers.prior import sample_prior
from kgan.models.pggan import PGGANDiscriminator
from kgan.models.style_edits import StyleEdits
from kgan.models.stylegan_networks import StyleGANGenerator
from kgan.types import Input

_EIGHT_GPUS = {8: 256, 16: 128, 32: 64, 64: 32}
_ONE_GPU = {8: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}
_RATES = {8: 1e-3, 128: 1.5e-3, 256: 2e-3, 512: 3e-3}
# Configurations B to E of table 1: what they lack of F, the whole.
_B = {"mapping_layers": 0, "styles": False, "constant": False, "noise": False}
_C = {"constant": False, "noise": False}


def _networks(resolution=1024, channels=3, *, group_size=4, fmap_base=8192, fmap_max=512, **generator):
    widths = {"fmap_base": fmap_base, "fmap_max": fmap_max}
    judge = {"group_size": group_size, "blur": True, "num_classes": generator.get("num_classes")}
    return {
        "generator": StyleGANGenerator(resolution, channels, **widths, **generator),
        "discriminator": PGGANDiscriminator(resolution, channels, **widths, **judge),
        "average": MovingAverage(half_life=10_000),
    }


def _published(batches=_EIGHT_GPUS, rates=_RATES, style_mixing=0.9, **networks):
    """Faces at 1024x1024, which are mirrored at random."""
    schedule = GrowthSchedule(1024, start=8, total_images=25_000_000, batch_size=batches, learning_rate=rates)
    return {**_networks(**networks), "schedule": schedule, "mirror": True, "style_mixing": style_mixing}


def _small(resolution=32, fmap_max=128, phase_images=40_000, batch_size=32, gamma_pixels="native"):
    schedule = GrowthSchedule(
        resolution,
        start=8,
        stable_images=phase_images,
        fade_images=phase_images,
        batch_size=batch_size,
        learning_rate=2e-3,
    )
    networks = _networks(resolution, fmap_base=16 * fmap_max, fmap_max=fmap_max, latent_dim=fmap_max)
    return {**networks, "schedule": schedule, "gradient_pixels": gamma_pixels}


def _training(loss: Callable = losses.NonSaturating, penalty: Callable = losses.R1, weight=10.0):
    def adam():
        return keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.99, epsilon=1e-8)

    return {
        "optimizer": {"generator": adam(), "discriminator": adam()},
        "loss": loss(),
        "penalties": [penalty(weight)],
    }


_CELEBA_HQ = functools.partial(
    _training, functools.partial(losses.Wasserstein, drift=0.001), losses.GradientPenalty
)


def _preset(description, build=_published, training=_training, batch_size=256, **arguments):
    """A preset; the batch size is that of the first side."""
    return Preset(description, functools.partial(build, **arguments), training, batch_size)


_PRESETS = {
    "stylegan_ffhq": _preset("FFHQ 1024x1024, configuration F, the batches of eight GPUs"),
    "stylegan_ffhq_1gpu": _preset(
        "FFHQ 1024x1024, configuration F, the batches of one GPU", batch_size=128, batches=_ONE_GPU
    ),
    "stylegan_celebahq": _preset(
        "CelebA-HQ 1024x1024, configuration F by WGAN-GP",
        training=_CELEBA_HQ,
        rates={side: min(rate, 2e-3) for side, rate in _RATES.items()},
    ),
    "stylegan_config_b": _preset(
        "FFHQ, B: a traditional generator with pixel norm, by blurred resampling", style_mixing=0.0, **_B
    ),
    "stylegan_config_c": _preset("FFHQ, C: B with mapping network and styles", style_mixing=0.0, **_C),
    "stylegan_config_d": _preset("FFHQ, D: C from a learnt constant", style_mixing=0.0, noise=False),
    "stylegan_config_e": _preset("FFHQ, E: D with noise, which is mixing 0 %", style_mixing=0.0),
    "stylegan_mixing_50": _preset("FFHQ, F with mixing 50 %", style_mixing=0.5),
    "stylegan_mixing_100": _preset("FFHQ, F with mixing 100 %", style_mixing=1.0),
    "stylegan_mapping_0": _preset("FFHQ, F without a mapping network", mapping_layers=0),
    "stylegan_mapping_1": _preset("FFHQ, F with a mapping network of 1 layer", mapping_layers=1),
    "stylegan_mapping_2": _preset("FFHQ, F with a mapping network of 2 layers", mapping_layers=2),
    "stylegan_traditional_mapping_8": _preset(
        "FFHQ, B with a mapping network of 8 layers", style_mixing=0.0, **{**_B, "mapping_layers": 8}
    ),
    "stylegan_32": _preset(
        "32x32, widths of 128, 40 + 40 kimg, for a CPU (unpublished size)",
        _small,
        functools.partial(_training, weight=0.5),
        batch_size=32,
    ),
    "stylegan_64": _preset(
        "64x64, widths of 256 and fewer, 400 + 400 kimg (unpublished size)",
        _small,
        functools.partial(_training, weight=1.0),
        batch_size=32,
        resolution=64,
        fmap_max=256,
        phase_images=400_000,
    ),
}


@keras.saving.register_keras_serializable("kgan")
class StyleGAN(StyleEdits):
    """A GAN whose generator takes its noise vector apart into styles, one for each layer, and grows.

    z is mapped to w; w sets scale and shift of the normalised maps of every layer, which start from a
    constant, and noise images add what is random in the details. In training some batches have the styles of
    two z, so that layers do not rely on each other's; the mean of w is tracked for truncation.
    Non-saturating loss with R1, or WGAN-GP. `sample` makes images of the present side. Output is linear.

    Args:
        generator: a `StyleGANGenerator`.
        discriminator: a `kgan.models.pggan.PGGANDiscriminator` of the same resolution, channels and classes,
            with `blur`.
        schedule: a `kgan.engine.GrowthSchedule` to that resolution; the published one starts at 8.
        style_mixing: probability that a batch is generated from two z, in [0, 1].
        discriminator_steps: updates of the discriminator per update of the generator, at least 1.
        gradient_pixels: "full" or "native", as in `kgan.models.PGGAN`: with "full", R1 at a side s is
            (s / resolution)^2 of its value by the image's own pixels.
        mirror: flip reals left to right at random.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the noise of training.
        class_names: as in `AdversarialModel`.

    Raises:
        UsageError: an argument breaks its rule, or networks and schedule do not fit each other.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture for Generative Adversarial Networks,
    2019.

    Example:

    >>> model = StyleGAN.tiny()
    >>> model.compile()
    >>> history = model.fit(model.example_data(8), verbose=0)
    >>> model.sample(2, seed=0, truncation_psi=0.7).shape
    (2, 8, 8, 1)
    """

    presets: ClassVar[dict[str, Preset]] = _PRESETS

    def __init__(
        self,
        generator,
        discriminator,
        *,
        schedule,
        style_mixing=0.9,
        discriminator_steps=1,
        gradient_pixels="full",
        mirror=False,
        **kwargs,
    ):
        super().__init__(schedule=schedule, **kwargs)
        self.discriminator_steps = check_game(
            schedule, generator, discriminator, discriminator_steps, gradient_pixels
        )
        for what in ("channels", "num_classes"):
            made, judged = getattr(generator, what), getattr(discriminator, what)
            if made != judged:
                raise UsageError(f"both networks must have the same {what}, got {made} and {judged}")
        self.generator, self.discriminator = generator, discriminator
        self.style_mixing, self.mirror = checks.share("style_mixing", style_mixing), mirror
        self.gradient_pixels = gradient_pixels
        self.finish()

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return _training()

    # -- the game

    def adversarial_step(self, batch):
        real, label = batch if isinstance(batch, tuple | list) else (batch, None)
        label = None if self.generator.num_classes is None else label
        count = ops.shape(real)[0]
        real = self.reals(self.mirrored(real) if self.mirror else real)
        for _ in range(self.discriminator_steps):
            with _backend.no_grad():
                fake = ops.stop_gradient(self.fakes(count, label))
            self.update("discriminator", functools.partial(self.discriminator_loss, real, fake, label))
        self.update("generator", functools.partial(self.generator_loss, real, label))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(count)

    def training_styles(self, count, label=None):
        """Styles of a batch of the present phase, `[count, layers, d]`, of one z or mixed of two.

        The mean of w moves by the first z. One cutoff for the batch, uniform in 1 to layers - 1: from it on
        the styles are those of the second z.
        """
        mixing, seed = self.style_mixing > 0.0, self.seed_generator
        copies = 2 if mixing else 1
        z = sample_prior("normal", (copies * count, self.generator.latent_dim), seed)
        if label is not None:
            z = {"z": z, "label": ops.tile(label, copies)}
        w = self.run_network(self.generator.mapping, z)[:, None]
        self.generator.truncation.track(w[:count, 0])
        rows = self.generator.num_layers(self.phase.side)
        if not mixing:
            return ops.repeat(w, rows, axis=1)
        cutoff = keras.random.randint((1, 1, 1), 1, rows, dtype="int32", seed=seed)
        mixed = keras.random.uniform((1, 1, 1), seed=seed) < self.style_mixing
        place = ops.reshape(ops.arange(rows, dtype="int32"), (1, rows, 1))
        return ops.where(ops.logical_and(mixed, place >= cutoff), w[count:], w[:count])

    def training_noise(self, count):
        """Fresh noise images of the present phase by name."""
        shapes = self.generator.noise_shapes(self.phase.side)
        pixels = [math.prod(shape) for shape in shapes.values()]
        if not pixels:
            return {}
        # One draw, which costs less than one for each layer.
        drawn = sample_prior("normal", (count, sum(pixels)), self.seed_generator)
        parts = ops.split(drawn, list(itertools.accumulate(pixels))[:-1], axis=1)
        return {name: ops.reshape(part, (-1, *shape)) for (name, shape), part in zip(shapes.items(), parts)}

    def fakes(self, count, label=None):
        """Generated images of the present phase, on fresh z and noise."""
        styles = self.training_styles(count, label)
        synthesis = self.generator.synthesis_at(self.phase.side, self.phase.fading)
        return self.run_network(synthesis, {"w": styles, **self.training_noise(count)})

    def discriminate(self, images, label=None):
        """Scores of the discriminator in training mode."""
        x = images if label is None else {"images": images, "label": label}
        return self.run_network(self.part(self.discriminator), x)

    def discriminator_loss(self, real, fake, label=None):
        """The discriminator's loss on reals and fakes, with its penalties."""
        # As in PGGAN: gradients by the pixels of an image enlarged to the last resolution, exactly.
        ratio = self.phase.side / self.resolution if self.gradient_pixels == "full" else 1.0
        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator",
            lambda images: self.discriminate(images * ratio, label),
            real / ratio,
            fake / ratio,
        )
        loss = self.loss_function.discriminator(real_score, fake_score)
        return loss + ops.cast(penalty, loss.dtype), {"discriminator_loss": loss, **logs}

    def generator_loss(self, real, label=None):
        """The generator's loss on fresh fakes, of the reals' classes."""
        fake_score = self.discriminate(self.fakes(ops.shape(real)[0], label), label)
        real_score = None
        if self.loss_function.needs_real:
            real_score = ops.stop_gradient(self.discriminate(real, label))
        loss = self.loss_function.generator(fake_score, real_score)
        return loss, {"generator_loss": loss}

    # -- sampling

    def sampling_inputs(self):
        generator = self.generator
        inputs = [Input("z", (generator.latent_dim,), "float32", "normal", "latent noise")]
        if generator.num_classes is not None:
            inputs.append(Input("label", (), "int32", "label", "class", generator.num_classes))
        inputs.append(Input("truncation_psi", (), "float32", "ones", "1: none, 0: the mean image"))
        for name, shape in generator.noise_shapes(self.phase.side).items():
            inputs.append(Input(name, shape, "float32", "normal", "noise image of a layer; 0 for none"))
        return tuple(inputs)

    def example_data(self, n, seed=0):
        images = super().example_data(n, seed)
        if self.generator.num_classes is None:
            return images
        return images, np.random.default_rng(seed).integers(0, self.generator.num_classes, n).astype("int32")

    def get_config(self):
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator")
        }
        names = ("style_mixing", "discriminator_steps", "gradient_pixels", "mirror")
        return {**super().get_config(), **networks, **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls, num_classes=None):
        """The smallest instance, within its only fade, with settings other than the defaults."""
        widths = {"fmap_base": 16, "fmap_max": 4, "num_classes": num_classes}
        generator = StyleGANGenerator(
            8, 1, **widths, latent_dim=3, mapping_layers=1, mapping_rate=0.5, truncation_cutoff=3
        )
        rng = np.random.default_rng(5)
        for weight in generator.weights:  # so that noise and truncation have an effect
            if weight.name in ("strength", "mean"):
                weight.assign(rng.normal(0.0, 0.3, weight.shape))
        model = cls(
            generator,
            PGGANDiscriminator(8, 1, **widths, group_size=2, blur=True),
            schedule=GrowthSchedule(
                8, stable_images=8, fade_images=8, batch_size=4, learning_rate={4: 1e-3, 8: 2e-3}
            ),
            style_mixing=0.5,
            gradient_pixels="native",
            mirror=True,
            average=MovingAverage(decay=0.5),
            seed=3,
        )
        model.begin(1, shown=4)
        return model
