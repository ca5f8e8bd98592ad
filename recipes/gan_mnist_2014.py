"""GAN of 2014 on MNIST: ReLU and sigmoid generator, maxout and dropout discriminator, momentum.

The paper trains on the first 50,000 training images and starts the generator's output at their mean.
Its schedules count 500 updates an epoch, as batches of 100 of these images give.

Data: data=ylecun/mnist (hub id, the default), or data=FOLDER (a local copy of it).
Command: kgan run gan_mnist_2014
Seen: Parzen log-likelihood of the 10,000 test images 224.2 +- 2.2 (seed 0) and 225.9 +- 2.2 (seed 1), JAX,
250 epochs of 25 s on one CPU core; published 225 +- 2. The moving average is not in the paper: without it
184.3 and 182.8. docs/results.md has the protocol, and how the average was chosen.
"""

import dataclasses

import numpy as np

import kgan
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 250
    batch_size: int = 100
    seed: int = 0
    data: str = "ylecun/mnist"  # hub id or local folder
    split: str = "train[:50000]"  # the part to train on; the rest was the paper's validation set
    average: float | None = (
        0.99995  # decay per step of the moving average that is sampled; none: as in the paper
    )
    sample_epochs: int = 10  # epochs between sheets of samples


def model(cfg):
    average = None if cfg.average is None else kgan.engine.MovingAverage(decay=cfg.average)
    gan = kgan.models.GAN.from_preset("gan_mnist_2014", average=average, seed=cfg.seed)
    images = data(cfg)
    gan.set_output_bias(images.uint8(np.arange(images.num_examples)).mean(axis=0) / 255.0)
    gan.compile()
    return gan


def data(cfg):
    return kgan.data.load_images(
        cfg.data, cfg.split, image_size=28, channels=1, batch_size=cfg.batch_size, seed=cfg.seed
    )


SMOKE = {"epochs": 1, "batch_size": 8, "data": str(FASHION_MNIST_MINI), "split": "train[:16]"}
