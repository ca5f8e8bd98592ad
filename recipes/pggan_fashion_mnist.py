"""PGGAN on Fashion-MNIST: grey pictures of garments that grow from 4x4 to 32x32.

Data: the 10,000 training images that ship with kgan, enlarged from 28 to 32 pixels. For the whole set of
60,000: data=zalando-datasets/fashion_mnist (hub id), or data=FOLDER (a local copy of it).
Command: kgan run pggan_fashion_mnist data=FOLDER
Seen: so, on the whole set, one core, 37 CPU minutes: garments; FID[fashion_mnist] 46.7 on TensorFlow, 52.0 on
PyTorch, that of dcgan_fashion_mnist after as many images 92.0.
Widths are reduced for a CPU: 64 maps up to 16x16 and 32 at 32x32, where the published networks have 512.
"""

import dataclasses

import keras

import kgan
from kgan.engine import GrowthSchedule, MovingAverage
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator
from kgan.recipes import FASHION_MNIST_MINI

# For the model card, unless `data` is set.
DATA = {
    "data": "Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017), the 10,000 training images that ship with kgan",
    "licence": "MIT",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int | None = None  # none: those of the schedule; more go on at the last side
    batch_size: int = 32
    seed: int = 0
    data: str | None = None  # hub id or local folder; none: the images that ship with kgan
    split: str = "train"  # a part: train[:1000]
    image_size: int = 32  # side of the last images, a power of two
    upscale: bool = False  # whether smaller pictures are enlarged beyond 32 pixels, instead of refused
    stable_images: int = 20_000  # images shown at each side once it is complete
    fade_images: int = 20_000  # images during which a side is blended in; 0: it jumps
    last_images: int = 50_000  # images shown at the last side once it is complete
    images_per_epoch: int = 10_000
    fmap_max: int = 64  # greatest width
    fmap_base: int = 512  # over the side: about the width at large sides
    learning_rate: float = 1e-3
    average: float | None = 0.99  # decay per step of the moving average that is sampled; none: no average
    start: int = 4  # side of the first images; image_size: training without growth


def schedule(cfg):
    """The growth schedule of the settings."""
    return GrowthSchedule(
        cfg.image_size,
        start=cfg.start,
        stable_images=cfg.stable_images,
        fade_images=cfg.fade_images,
        last_images=cfg.last_images,
        batch_size=cfg.batch_size,
        images_per_epoch=cfg.images_per_epoch,
    )


def model(cfg):
    widths = {"fmap_base": cfg.fmap_base, "fmap_max": cfg.fmap_max}
    gan = kgan.models.PGGAN(
        PGGANGenerator(cfg.image_size, 1, **widths, latent_dim=cfg.fmap_max),
        PGGANDiscriminator(cfg.image_size, 1, **widths),
        schedule=schedule(cfg),
        average=None if cfg.average is None else MovingAverage(decay=cfg.average),
        seed=cfg.seed,
    )
    gan.compile(optimizer=keras.optimizers.Adam(cfg.learning_rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8))
    return gan


def data(cfg):
    return kgan.data.load_images(
        cfg.data or FASHION_MNIST_MINI,
        cfg.split,
        image_size=cfg.image_size,
        channels=1,
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        upscale=cfg.upscale or cfg.image_size <= 32,
    )


def callbacks(cfg):
    return [kgan.callbacks.KeepGrowth(seed=cfg.seed)]


SMOKE = {
    "epochs": None,
    "batch_size": 4,
    "split": "train[:16]",
    "image_size": 8,
    "stable_images": 8,
    "fade_images": 8,
    "last_images": 8,
    "images_per_epoch": 8,
    "fmap_max": 4,
    "fmap_base": 16,
}
