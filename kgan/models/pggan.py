"""PGGAN: the progressively grown GAN of Karras, Aila, Laine and Lehtinen (2017)."""

import functools
from typing import Any, ClassVar

import keras
from keras import ops

from kgan import _backend, checks, layers, losses
from kgan.engine.average import MovingAverage
from kgan.engine.growing import GrowingModel, GrowingNetwork, check_game
from kgan.engine.growth_schedule import GrowthSchedule
from kgan.engine.model import Preset
from kgan.errors import UsageError
from kgan.layers.equalized import SQRT2
from kgan.layers.prior import sample_prior
from kgan.types import Input

L = keras.layers

# What meets images and scores stays in float32 under mixed precision.
_HEAD: dict[str, Any] = {"dtype": "float32"}


class PGGANNetwork(GrowingNetwork):
    """What all these networks have: the widths of their blocks, and layers with or without equalised rate.

    Args:
        resolution: side of the largest images, a power of two, 4 to 1024.
        channels: image channels.
        fmap_base: widths double from the largest side down, from about this number over the side.
        fmap_max: greatest width.
        equalized: equalised learning rate.

    Raises:
        UsageError: an argument breaks its rule.
    """

    def __init__(self, resolution=1024, channels=3, fmap_base=8192, fmap_max=512, equalized=True, **kwargs):
        super().__init__(resolution, **kwargs)
        self.channels = checks.count("channels", channels)
        self.fmap_base = checks.count("fmap_base", fmap_base)
        self.fmap_max = checks.count("fmap_max", fmap_max)
        self.equalized = equalized

    def width(self, side, stage=1):
        """Maps of the block of a side, 2^r: nf(r - 1), where nf(s) = min(fmap_base / 2^s, fmap_max)."""
        exponent = side.bit_length() - 1 - stage
        return max(1, min(self.fmap_base // 2**exponent, self.fmap_max))

    def conv(self, filters, kernel_size=3, gain=SQRT2, **more):
        """A convolution that keeps the size of maps."""
        return self._layer(layers.EqualizedConv2D, layers.Conv2D, gain)(
            filters, kernel_size, padding="same", **more
        )

    def dense(self, units, gain=SQRT2, **more):
        """A dense layer."""
        return self._layer(layers.EqualizedDense, L.Dense, gain)(units, **more)

    def colours(self):
        """A linear 1x1 convolution from maps to colours for each side."""
        return [self.conv(self.channels, 1, gain=1.0, name=f"to_rgb_{s}", **_HEAD) for s in self.sides]

    def _layer(self, equalized, plain, gain):
        if self.equalized:
            return functools.partial(equalized, gain=gain)
        # The same function at the start: the constant is in the weights.
        start = keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
        return functools.partial(plain, kernel_initializer=start)

    def get_config(self):
        names = ("channels", "fmap_base", "fmap_max", "equalized")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("kgan")
class PGGANGenerator(PGGANNetwork):
    """Generator from a latent vector to images of every side up to `resolution`.

    Every convolution is followed by LeakyReLU 0.2 and pixel norm; each side has a linear 1x1 convolution to
    colours. The block of side 2^r has nf(r-1) maps, nf(s) = min(fmap_base / 2^s, fmap_max).

    Args:
        resolution: side of the largest images, a power of two, 4 to 1024.
        channels: image channels.
        fmap_base: widths double from the largest side down, from about this number over the side.
        fmap_max: greatest width.
        equalized: equalised learning rate.
        latent_dim: length of the latent vector.
        pixel_norm: pixel norm after each convolution; the latent vector always has it.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> generator = PGGANGenerator(16, fmap_max=8, latent_dim=8)
    >>> [generator.at(side).output_shape[1] for side in generator.sides]
    [4, 8, 16]
    """

    def __init__(
        self,
        resolution=1024,
        channels=3,
        fmap_base=8192,
        fmap_max=512,
        equalized=True,
        *,
        latent_dim=512,
        pixel_norm=True,
        name="generator",
        **kwargs,
    ):
        super().__init__(resolution, channels, fmap_base, fmap_max, equalized, name=name, **kwargs)
        self.latent_dim, self.pixel_norm = checks.count("latent_dim", latent_dim), pixel_norm
        self.blocks = [self._first(), *(self._block(side) for side in self.sides[1:])]
        self.to_rgb, self.enlarge = self.colours(), layers.Upsample2D(2, name="enlarge", **_HEAD)
        self.finish()

    def _after(self):
        return [L.LeakyReLU(0.2), *([layers.PixelNormalization()] if self.pixel_norm else [])]

    def _first(self):
        maps = self.width(4)
        # gain sqrt(2) / 4: each of the 16 pixels of a map sees the whole vector.
        dense = self.dense(16 * maps, gain=SQRT2 / 4, use_bias=False)
        blocks = [keras.Input((self.latent_dim,)), layers.PixelNormalization(), dense]
        blocks += [L.Reshape((4, 4, maps)), layers.Bias(), *self._after(), self.conv(maps), *self._after()]
        return keras.Sequential(blocks, name="block_4")

    def _block(self, side):
        maps = self.width(side)
        start = keras.Input((side // 2, side // 2, self.width(side // 2)))
        convs = [layer for _ in range(2) for layer in (self.conv(maps), *self._after())]
        return keras.Sequential([start, layers.Upsample2D(2), *convs], name=f"block_{side}")

    def connect(self, side, fading):
        z = keras.Input((self.latent_dim,), name="z")
        last = self.sides.index(side)
        x = before = z
        for block in self.blocks[: last + 1]:
            before, x = x, block(x)
        images = self.to_rgb[last](x)
        if fading:
            images = self.fade([images, self.enlarge(self.to_rgb[last - 1](before))])
        return keras.Model(z, images, name=f"generator_{side}")

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim, "pixel_norm": self.pixel_norm}


@keras.saving.register_keras_serializable("kgan")
class PGGANDiscriminator(PGGANNetwork):
    """Discriminator of images of every side up to `resolution`: the generator's mirror image, one score.

    Args:
        resolution: side of the largest images, a power of two, 4 to 1024.
        channels: image channels.
        fmap_base: as in `PGGANGenerator`.
        fmap_max: as in `PGGANGenerator`.
        equalized: equalised learning rate.
        group_size: samples over which the minibatch standard deviation is taken, or `None` for none.
        blur: smooth maps before they shrink, and activate them after it, as StyleGAN does.
        num_classes: number of classes, at least 2: the network takes a dict of `images` and `label`, makes
            one score per class and gives that of the label; or `None`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> discriminator = PGGANDiscriminator(16, fmap_max=8)
    >>> discriminator.at(8).input_shape, discriminator.at(8).output_shape
    ((None, 8, 8, 3), (None, 1))
    """

    def __init__(
        self,
        resolution=1024,
        channels=3,
        fmap_base=8192,
        fmap_max=512,
        equalized=True,
        *,
        group_size: int | None = 4,
        blur=False,
        num_classes=None,
        name="discriminator",
        **kwargs,
    ):
        super().__init__(resolution, channels, fmap_base, fmap_max, equalized, name=name, **kwargs)
        self.group_size = None if group_size is None else checks.count("group_size", group_size)
        self.blur, self.num_classes = bool(blur), number_of_classes(num_classes)
        self.from_rgb = [self._from_rgb(side) for side in self.sides]
        self.blocks = [self._last(), *(self._block(side) for side in self.sides[1:])]
        self.reduce = layers.Downsample2D(2, name="reduce", **_HEAD)
        self.finish()

    def _from_rgb(self, side):
        start = keras.Input((side, side, self.channels))
        return keras.Sequential(
            [start, self.conv(self.width(side), 1), L.LeakyReLU(0.2)], name=f"from_rgb_{side}"
        )

    def _block(self, side):
        blocks = [keras.Input((side, side, self.width(side))), self.conv(self.width(side)), L.LeakyReLU(0.2)]
        shrink = self.conv(self.width(side, 2)), L.LeakyReLU(0.2), layers.Downsample2D(2)
        if self.blur:
            shrink = layers.Blur(), shrink[0], shrink[2], shrink[1]
        return keras.Sequential([*blocks, *shrink], name=f"block_{side}")

    def _last(self):
        statistics = [] if self.group_size is None else [layers.MinibatchStdDev(self.group_size)]
        return keras.Sequential(
            [
                keras.Input((4, 4, self.width(4))),
                *statistics,
                self.conv(self.width(4)),
                L.LeakyReLU(0.2),
                L.Flatten(),
                self.dense(self.width(4, 2)),
                L.LeakyReLU(0.2),
                self.dense(self.num_classes or 1, gain=1.0, **_HEAD),
            ],
            name="block_4",
        )

    def connect(self, side, fading):
        images = keras.Input((side, side, self.channels), name="images")
        last = self.sides.index(side)
        x = self.from_rgb[last](images)
        if last > 0:
            x = self.blocks[last](x)
        if fading:
            x = self.fade([x, self.from_rgb[last - 1](self.reduce(images))])
        for block in reversed(self.blocks[: max(last, 1)]):
            x = block(x)
        if self.num_classes is None:
            return keras.Model(images, x, name=f"discriminator_{side}")
        label = keras.Input((), dtype="int32", name="label")
        x = L.Dot(axes=1, **_HEAD)([x, layers.OneHot(self.num_classes, **_HEAD)(label)])
        return keras.Model({"images": images, "label": label}, x, name=f"discriminator_{side}")

    def get_config(self):
        names = ("group_size", "blur", "num_classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def number_of_classes(num_classes):
    """`None`, or a number of classes as an int; UsageError unless it is at least 2."""
    return None if num_classes is None else checks.count("num_classes", num_classes, 2)


def _networks(resolution=1024, channels=3, *, latent_dim=512, group_size=4, **widths):
    return {
        "generator": PGGANGenerator(resolution, channels, latent_dim=latent_dim, **widths),
        "discriminator": PGGANDiscriminator(resolution, channels, group_size=group_size, **widths),
        "average": MovingAverage(decay=0.999),
    }


def _published(batches, learning_rate, *, group_size=4, **schedule):
    """CelebA-HQ at 1024x1024, which is mirrored at random."""
    schedule = GrowthSchedule(1024, batch_size=batches, learning_rate=learning_rate, **schedule)
    return {**_networks(group_size=group_size), "schedule": schedule, "mirror": True}


def _cifar10():
    schedule = GrowthSchedule(
        32,
        stable_images=400_000,
        fade_images=400_000,
        total_images=20_000_000,
        batch_size=16,
        learning_rate=1e-3,
    )
    widths = {"fmap_base": 4096, "fmap_max": 128, "latent_dim": 128}
    return {**_networks(32, group_size=16, **widths), "schedule": schedule}


def _small(resolution=32, channels=3, fmap_max=128, phase_images=20_000, batch_size=64, **widths):
    schedule = GrowthSchedule(
        resolution,
        stable_images=phase_images,
        fade_images=phase_images,
        batch_size=batch_size,
        learning_rate=1e-3,
    )
    widths = {"fmap_base": 16 * fmap_max, "latent_dim": fmap_max, **widths}
    return {**_networks(resolution, channels, fmap_max=fmap_max, **widths), "schedule": schedule}


def _training(loss=None, penalties=None):
    def adam():
        return keras.optimizers.Adam(1e-3, beta_1=0.0, beta_2=0.99, epsilon=1e-8)

    return {
        "optimizer": {"generator": adam(), "discriminator": adam()},
        "loss": losses.Wasserstein(drift=0.001) if loss is None else loss(),
        "penalties": [losses.GradientPenalty(10.0)] if penalties is None else penalties(),
    }


def _preset(description, build, training=_training, batch_size=64, **arguments):
    """A preset; the batch size is that of the first side."""
    return Preset(description, functools.partial(build, **arguments), training, batch_size)


_V2_BATCH = {4: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}


@keras.saving.register_keras_serializable("kgan")
class PGGAN(GrowingModel):
    """A GAN that learns 4x4 images first and then doubles their side, phase by phase.

    New layers are blended in over many images while reals are blended alike; all of it within one `fit`, by
    a schedule counted in images shown. Wasserstein loss with gradient penalty and drift, or least squares.
    `sample` makes images of the present side; the last is that of the schedule. Output is linear. The paper's
    variant with classes is not made.

    Args:
        generator: a `PGGANGenerator`.
        discriminator: a `PGGANDiscriminator` of the same resolution and channels.
        schedule: a `kgan.engine.GrowthSchedule` to that resolution.
        discriminator_steps: updates of the discriminator per update of the generator, at least 1.
        gradient_pixels: where penalties take gradients. "full", as the published code does: by the pixels
            of the image enlarged to the last resolution, so that at a side s a norm of 1 is one of
            resolution / s by its own pixels; or "native": by its own pixels.
        mirror: flip reals left to right at random.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the noise of training.

    Raises:
        UsageError: an argument breaks its rule, or networks and schedule do not fit each other.

    Reference: Karras et al., Progressive Growing of GANs for Improved Quality, Stability, and Variation,
    2017.

    Example:

    >>> model = PGGAN.tiny()
    >>> model.compile()
    >>> history = model.fit(model.example_data(8), verbose=0)
    >>> model.image_shape, model.sample(2, seed=0).shape
    ((8, 8, 1), (2, 8, 8, 1))
    """

    presets: ClassVar[dict[str, Preset]] = {
        "pggan_v1_1gpu": _preset(
            "CelebA-HQ 1024x1024 as in the paper, 800 + 800 kimg, batches of 16 to 3 (Karras et al., 2017)",
            _published,
            batches={4: 16, 256: 14, 512: 6, 1024: 3},
            batch_size=16,
            learning_rate=1e-3,
            group_size=16,
            stable_images=800_000,
            fade_images=800_000,
            total_images=19_000_000,
        ),
        "pggan_v2_1gpu": _preset(
            "CelebA-HQ 1024x1024, 600 + 600 kimg, published code on one GPU",
            _published,
            batches=_V2_BATCH,
            batch_size=128,
            learning_rate={4: 1e-3, 1024: 1.5e-3},
            total_images=12_000_000,
        ),
        "pggan_v2_2gpus": _preset(
            "CelebA-HQ 1024x1024, 600 + 600 kimg, the batches of two GPUs",
            _published,
            batches={4: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
            batch_size=256,
            learning_rate={4: 1e-3, 512: 1.5e-3, 1024: 2e-3},
            total_images=12_000_000,
        ),
        "pggan_v2_4gpus": _preset(
            "CelebA-HQ 1024x1024, 600 + 600 kimg, the batches of four GPUs",
            _published,
            batches={4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16},
            batch_size=512,
            learning_rate={4: 1e-3, 256: 1.5e-3, 512: 2e-3, 1024: 3e-3},
            total_images=12_000_000,
        ),
        "pggan_v2_8gpus": _preset(
            "CelebA-HQ 1024x1024, 600 + 600 kimg, the batches of eight GPUs",
            _published,
            batches={4: 512, 8: 256, 16: 128, 32: 64, 64: 32},
            batch_size=512,
            learning_rate={4: 1e-3, 128: 1.5e-3, 256: 2e-3, 512: 3e-3},
            total_images=12_000_000,
        ),
        "pggan_cifar10": _preset(
            "CIFAR-10, widths of 128 and gradients of norm 750; the players move in turn, not at once",
            _cifar10,
            functools.partial(_training, penalties=lambda: [losses.GradientPenalty(10.0, target=750.0)]),
            batch_size=16,
        ),
        "pggan_32": _preset("32x32, widths of 128, 20 + 20 kimg, for a CPU (unpublished size)", _small),
        "pggan_64": _preset(
            "64x64, widths of 256 and fewer, 200 + 200 kimg (unpublished size)",
            _small,
            resolution=64,
            fmap_max=256,
            phase_images=200_000,
        ),
        "pggan_32_lsgan": _preset(
            "32x32 with least squares and no penalty; without the published noise inside D",
            _small,
            functools.partial(_training, losses.LeastSquares.zero_one, list),
        ),
    }

    def __init__(
        self,
        generator,
        discriminator,
        *,
        schedule,
        discriminator_steps=1,
        gradient_pixels="full",
        mirror=False,
        **kwargs,
    ):
        super().__init__(schedule=schedule, **kwargs)
        self.discriminator_steps = check_game(
            schedule, generator, discriminator, discriminator_steps, gradient_pixels
        )
        if discriminator.num_classes is not None:
            raise UsageError(f"PGGAN has no classes, got a discriminator of {discriminator.num_classes}")
        if generator.channels != discriminator.channels:
            made, judged = generator.channels, discriminator.channels
            raise UsageError(f"the generator makes {made} channels, but the discriminator takes {judged}")
        self.generator, self.discriminator = generator, discriminator
        self.gradient_pixels, self.mirror = gradient_pixels, mirror
        self.finish()

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return _training()

    def adversarial_step(self, batch):
        real = batch[0] if isinstance(batch, tuple | list) else batch
        count = ops.shape(real)[0]
        real = self.reals(self.mirrored(real) if self.mirror else real)
        for _ in range(self.discriminator_steps):
            with _backend.no_grad():
                fake = ops.stop_gradient(self.fakes(count))
            self.update("discriminator", functools.partial(self.discriminator_loss, real, fake))
        self.update("generator", functools.partial(self.generator_loss, real))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(count)

    def fakes(self, count):
        """Generated images of the present phase."""
        z = sample_prior("normal", (count, self.generator.latent_dim), self.seed_generator)
        return self.run_network(self.part(self.generator), z)

    def discriminate(self, images):
        """Scores of the discriminator in training mode."""
        return self.run_network(self.part(self.discriminator), images)

    def discriminator_loss(self, real, fake):
        """The discriminator's loss on reals and fakes, with its penalties."""
        # By the pixels of an image enlarged 1 / r times a gradient is r times that by its own: each of the
        # 1 / r^2 copies of a pixel has r^2 of it. Powers of two, so that nothing is rounded.
        ratio = self.phase.side / self.resolution if self.gradient_pixels == "full" else 1.0
        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator", lambda images: self.discriminate(images * ratio), real / ratio, fake / ratio
        )
        loss = self.loss_function.discriminator(real_score, fake_score)
        return loss + ops.cast(penalty, loss.dtype), {"discriminator_loss": loss, **logs}

    def generator_loss(self, real):
        """The generator's loss on fresh fakes."""
        fake_score = self.discriminate(self.fakes(ops.shape(real)[0]))
        real_score = ops.stop_gradient(self.discriminate(real)) if self.loss_function.needs_real else None
        loss = self.loss_function.generator(fake_score, real_score)
        return loss, {"generator_loss": loss}

    def sampling_inputs(self):
        return (Input("z", (self.generator.latent_dim,), "float32", "normal", "latent noise"),)

    def get_config(self):
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator")
        }
        names = ("discriminator_steps", "gradient_pixels", "mirror")
        return {**super().get_config(), **networks, **{name: getattr(self, name) for name in names}}

    @classmethod
    def tiny(cls):
        """The smallest instance, within its only fade, with settings other than the defaults."""
        model = cls(
            PGGANGenerator(8, 1, fmap_base=16, fmap_max=4, latent_dim=3),
            PGGANDiscriminator(8, 1, fmap_base=16, fmap_max=4, group_size=2),
            schedule=GrowthSchedule(
                8, stable_images=8, fade_images=8, batch_size=4, learning_rate={4: 1e-3, 8: 2e-3}
            ),
            gradient_pixels="native",
            mirror=True,
            average=MovingAverage(decay=0.5),
            seed=3,
        )
        model.begin(1, shown=4)
        return model
