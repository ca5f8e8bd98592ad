"""StyleGAN on emoji: colour pictures that grow from 4x4 to 32x32, with styles, noise and truncation.

Data: data=valhalla/emoji-dataset (hub id, the default, 2,749 pictures of several vendors), or data=FOLDER
(a local data set or a folder of pictures, such as emoji_google: the npm package emoji-datasource-google
as a `datasets` folder, 3,178 pictures of 64x64, Apache-2.0). They are mirrored at random.
Command: kgan run stylegan_emoji data=FOLDER --backend jax
Seen: emoji_google, jax, one core, 27 CPU minutes: heads and shapes of emoji, no details; KID of
efficientnet_lite0's features 3.93, dcgan_emoji at 32x32 after as many images 10.44.
Widths are reduced for a CPU: 64 maps up to 8x8, 32 at 16x16 and 16 at 32x32, where the published networks
have 512. On a GPU, to 64x64: image_size=64 fmap_max=256 fmap_base=8192 batch_size=32 stable_images=200000
fade_images=200000 last_images=600000 images_per_epoch=50000.
"""

import dataclasses

import keras

import kgan
from kgan import losses
from kgan.engine import GrowthSchedule, MovingAverage
from kgan.models.pggan import PGGANDiscriminator
from kgan.models.stylegan_networks import StyleGANGenerator
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int | None = None  # none: those of the schedule; more go on at the last side
    batch_size: int = 16
    seed: int = 0
    data: str = "valhalla/emoji-dataset"  # hub id or local folder
    split: str = "train"  # a part: train[:1000]
    image_size: int = 32  # side of the last images, a power of two
    upscale: bool = False  # whether smaller pictures are enlarged, instead of refused
    start: int = 4  # side of the first images
    stable_images: int = 20_000  # images shown at each side once it is complete
    fade_images: int = 20_000  # images during which a side is blended in; 0: it jumps
    last_images: int = 110_000  # images shown at the last side once it is complete
    images_per_epoch: int = 10_000
    fmap_max: int = 64  # greatest width, and length of z and w
    fmap_base: int = 256  # over the side: about half the width at large sides
    mapping_layers: int = 4
    style_mixing: float = 0.9  # probability that a batch has the styles of two z
    r1: float = 1.0  # weight of the gradient penalty at the last side
    learning_rate: float = 2e-3
    half_life: float = 5000.0  # of the moving average that is sampled, in images
    mirror: bool = True


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
    generator = StyleGANGenerator(
        cfg.image_size, 3, **widths, latent_dim=cfg.fmap_max, mapping_layers=cfg.mapping_layers
    )
    gan = kgan.models.StyleGAN(
        generator,
        PGGANDiscriminator(cfg.image_size, 3, **widths, blur=True),
        schedule=schedule(cfg),
        style_mixing=cfg.style_mixing,
        mirror=cfg.mirror,
        average=MovingAverage(half_life=cfg.half_life),
        seed=cfg.seed,
    )
    gan.compile(
        optimizer=keras.optimizers.Adam(cfg.learning_rate, beta_1=0.0, beta_2=0.99, epsilon=1e-8),
        penalties=[losses.R1(cfg.r1)],
    )
    return gan


def data(cfg):
    return kgan.data.load_images(
        cfg.data,
        cfg.split,
        image_size=cfg.image_size,
        channels=3,
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        upscale=cfg.upscale,
    )


SMOKE = {
    "epochs": 1,
    "batch_size": 4,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:16]",
    "image_size": 8,
    "upscale": True,
    "start": 4,
    "stable_images": 8,
    "fade_images": 8,
    "last_images": 8,
    "images_per_epoch": 8,
    "fmap_max": 4,
    "fmap_base": 16,
    "mapping_layers": 1,
}
