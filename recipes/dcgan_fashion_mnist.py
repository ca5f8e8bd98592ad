"""DCGAN on Fashion-MNIST: 28x28 grey pictures of garments.

Data: the 10,000 training images that ship with kgan. For the whole set of 60,000:
data=zalando-datasets/fashion_mnist (hub id), or data=FOLDER (a local copy of it).
Command: kgan run dcgan_fashion_mnist
Seen: the settings of `make demo` (epochs=10 batch_size=32 width=32 generator_rate=0.001
discriminator_rate=0.0005) took 170 s on TensorFlow and 274 s on torch, on 2 busy CPU cores; plain garments,
FID[efficientnet_lite0, 64 px, 2000 samples] 581 on torch and 589 on jax (real images: 159). The published
settings, which are the defaults, need many more steps.
"""

import dataclasses

import keras

import kgan
from kgan.models.dcgan import networks_28
from kgan.recipes import FASHION_MNIST_MINI

# For the model card, unless `data` is set.
DATA = {
    "data": "Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017), the 10,000 training images that ship with kgan",
    "licence": "MIT",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 30
    batch_size: int = 64
    seed: int = 0
    data: str | None = None  # hub id or local folder; none: the images that ship with kgan
    split: str = "train"  # a part: train[:1000]
    average: float | None = 0.99  # decay per step of the moving average that is sampled; none: no average
    width: int = 64  # channels of the discriminator's first layer
    generator_rate: float = 2e-4  # Adam's learning rate, as published
    discriminator_rate: float = 2e-4


def model(cfg):
    average = None if cfg.average is None else kgan.engine.MovingAverage(decay=cfg.average)
    networks = networks_28(width=cfg.width)
    gan = kgan.models.DCGAN.from_preset("dcgan_28", **networks, average=average, seed=cfg.seed)
    rates = {"generator": cfg.generator_rate, "discriminator": cfg.discriminator_rate}
    gan.compile(optimizer={player: _adam(rate) for player, rate in rates.items()})
    return gan


def _adam(rate):
    return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)


def data(cfg):
    return kgan.data.load_images(
        cfg.data or FASHION_MNIST_MINI,
        cfg.split,
        image_size=28,
        channels=1,
        batch_size=cfg.batch_size,
        seed=cfg.seed,
    )


SMOKE = {"epochs": 1, "batch_size": 8, "split": "train[:16]", "width": 8}
