"""GAN of the tutorials on MNIST: an MLP with LeakyReLU, batch norm and Adam.

Data: data=ylecun/mnist (hub id, the default), or data=FOLDER (a local copy of it).
Command: kgan run gan_mnist_tutorial
Seen: epochs=4 took 315 s on torch, one busy CPU core; speckled digits, most of them readable,
FID[efficientnet_lite0, 64 px, 2000 samples] 1199 (real images: 25). All 100 epochs were not run.
"""

import dataclasses

import kgan
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 100
    batch_size: int = 32
    seed: int = 0
    data: str = "ylecun/mnist"  # hub id or local folder
    split: str = "train"  # a part: train[:1000]
    sample_epochs: int = 5  # epochs between sheets of samples


def model(cfg):
    gan = kgan.models.GAN.from_preset("gan_mnist_tutorial", seed=cfg.seed)
    gan.compile()
    return gan


def data(cfg):
    return kgan.data.load_images(
        cfg.data, cfg.split, image_size=28, channels=1, batch_size=cfg.batch_size, seed=cfg.seed
    )


SMOKE = {"epochs": 1, "batch_size": 8, "data": str(FASHION_MNIST_MINI), "split": "train[:16]"}
