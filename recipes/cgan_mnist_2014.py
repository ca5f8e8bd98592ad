"""ConditionalGAN of 2014 on MNIST: one-hot class, noise in the unit cube, maxout discriminator, momentum.

The paper trains on the first 50,000 training images until the Parzen score of a validation set is best. Its
schedules count 500 updates an epoch, as batches of 100 of these images give.

Data: data=ylecun/mnist (hub id, the default), or data=FOLDER (a local copy of it).
Command: kgan run cgan_mnist_2014, then kgan sample RUN --label 0-9
Seen: jax, 41 epochs, 15 CPU minutes: the classifier (99.35 % on real digits) finds the class of every sample
from epoch 18 on, but the noise hardly matters: each class is one image.
"""

import dataclasses

import kgan
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 100
    batch_size: int = 100
    seed: int = 0
    data: str = "ylecun/mnist"  # hub id or local folder
    split: str = "train[:50000]"  # the part to train on; the rest was the paper's validation set
    classifier: str = "mnist"  # judges the classes: mnist, fashion_mnist, or an ONNX file
    per_class: int = 100  # samples of each class that it judges after an epoch
    samples: int = 100  # images on a sheet: a row for each class, a column for each noise
    sample_epochs: int = 5  # epochs between sheets of samples


def model(cfg):
    return kgan.models.ConditionalGAN.from_preset("cgan_mnist", seed=cfg.seed)


def data(cfg):
    return kgan.data.load_images(
        cfg.data,
        cfg.split,
        image_size=28,
        channels=1,
        label="label",
        batch_size=cfg.batch_size,
        seed=cfg.seed,
    )


def callbacks(cfg):
    return [kgan.callbacks.ClassConsistency(cfg.classifier, cfg.per_class)]


SMOKE = {
    "epochs": 1,
    "batch_size": 8,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:16]",
    "per_class": 2,
    "samples": 20,
}
