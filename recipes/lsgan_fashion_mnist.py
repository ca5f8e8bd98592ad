"""LSGAN on Fashion-MNIST: 28x28 grey pictures of garments, with least-squares losses.

Data: the 10,000 training images that ship with kgan. For the whole set of 60,000:
data=zalando-datasets/fashion_mnist (hub id), or data=FOLDER (a local copy of it).
Command: kgan run lsgan_fashion_mnist
Seen: epochs=6 took 224 s on torch, one busy CPU core; still blobs of garments,
FID[efficientnet_lite0, 64 px, 2000 samples] 2663 (real images: 159). All 30 epochs were not run.
"""

import dataclasses
from typing import Literal

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
    labels: Literal["0,1,1", "-1,1,0"] = "0,1,1"  # a, b, c: fake, real, what G wants; -1,1,0 is Pearson's
    average: float | None = 0.99  # decay per step of the moving average that is sampled; none: no average
    width: int = 64  # channels of the discriminator's first layer


def model(cfg):
    average = None if cfg.average is None else kgan.engine.MovingAverage(decay=cfg.average)
    networks = networks_28(width=cfg.width)
    gan = kgan.models.LSGAN.from_preset("lsgan_28", **networks, average=average, seed=cfg.seed)
    gan.compile(loss=kgan.losses.LeastSquares(*map(float, cfg.labels.split(","))))
    return gan


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
