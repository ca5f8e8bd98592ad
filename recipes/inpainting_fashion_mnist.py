"""Inpainting of Fashion-MNIST: the hidden part of an image under any mask, in as many ways as noise asks for.

One generator with shared parameters models p(hidden | visible) for every mask: halves, boxes, pixels.
A row of a sheet is what is seen of a test image, several completions, and the image itself. `spread` in
history.csv is the standard deviation of hidden pixels over completions of one image, in grey scales.

Data: the 10,000 training images that ship with kgan. For the whole set of 60,000:
data=zalando-datasets/fashion_mnist (hub id), or data=FOLDER (a local copy of it).
Command: kgan run inpainting_fashion_mnist
Seen: 4 epochs of the whole set, jax: plausible completions that differ little, spread 0.044 grey scales.
"""

import dataclasses

import keras
import numpy as np

import kgan
from kgan.models.conditional_networks import inpainting_networks_28
from kgan.recipes import FASHION_MNIST_MINI

# For the model card, unless `data` is set.
DATA = {
    "data": "Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017), the 10,000 training images that ship with kgan",
    "licence": "MIT",
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 12
    batch_size: int = 64
    seed: int = 0
    data: str | None = None  # hub id or local folder; none: the images that ship with kgan
    split: str = "train"  # a part: train[:1000]
    examples: str = "test[:16]"  # images that sheets and exported bundles show, each under one mask
    average: float = 0.999  # decay per step of the moving average that is sampled
    width: int = 32  # channels of the stages next to the image
    rate: float = 4e-4  # Adam's learning rate for both players
    samples: int = 64  # images on a sheet


def model(cfg):
    gan = kgan.models.ConditionalGAN.from_preset(
        "inpainting_28",
        **inpainting_networks_28(width=cfg.width),
        average=kgan.engine.MovingAverage(decay=cfg.average),
        seed=cfg.seed,
    )
    shown = _images(cfg, cfg.examples, batch_size=1)
    whole = shown.uint8(np.arange(shown.num_examples)).astype("float32") / 127.5 - 1.0
    mask = keras.ops.convert_to_numpy(kgan.layers.random_masks(whole.shape, seed=cfg.seed))
    gan.set_banks({"visible": whole, "mask": mask})

    def adam():
        return keras.optimizers.Adam(cfg.rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    gan.compile(optimizer={"generator": adam(), "discriminator": adam()})
    return gan


def data(cfg):
    return _images(cfg, cfg.split, cfg.batch_size)


def _images(cfg, split, batch_size):
    return kgan.data.load_images(
        cfg.data or FASHION_MNIST_MINI,
        split,
        image_size=28,
        channels=1,
        batch_size=batch_size,
        seed=cfg.seed,
    )


def callbacks(cfg):
    return [kgan.callbacks.Spread()]


SMOKE = {"epochs": 1, "batch_size": 8, "split": "train[:16]", "examples": "test[:4]", "width": 4}
