"""CycleGAN between any two sets of pictures, 256x256, in the published setting of 2017; for a GPU.

Data: data=FOLDER data_b=FOLDER, two folders of pictures such as trainA and trainB of horse2zebra, or hub ids.
The last pictures of each are kept out of the training and shown on sheets: input, output, what comes back.
Command: kgan run cyclegan_folders data=FOLDER data_b=FOLDER --out RUN, then
kgan export RUN -o BUNDLE --direction ba and kgan translate BUNDLE FOLDER FOLDER
Seen: only small settings, on a CPU; a training at 256x256 was not run here.
"""

import dataclasses
import functools
from typing import Literal

import numpy as np

import kgan
from kgan import checks
from kgan.engine.schedules import LinearDecay
from kgan.models.cyclegan import optimizers
from kgan.models.cyclegan_networks import networks, resnet_generator, unet_generator
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 200
    batch_size: int = 1
    seed: int = 0
    data: str = "trainA"  # hub id or local folder of A
    data_b: str = "trainB"  # of B
    split: str = "train"
    shown: int = 5  # pictures of each set for the sheets
    image_size: int = 256
    load_size: int = 286  # pictures are shrunk or enlarged to this and cut at random to image_size
    channels: int = 3
    generator: Literal["resnet", "unet"] = "resnet"
    blocks: int = 9  # residual blocks; 6 for 128x128
    width: int = 64
    stages: int = 3  # halvings of the discriminators: patches of 70 pixels
    cycle_weight: float | tuple[float, float] = 10.0  # or that of A and that of B, such as 10,0
    identity_weight: float = 0.5  # 0: no identity terms
    pool_size: int = 50
    learning_rate: float = 2e-4
    constant_epochs: int = 100  # the rate falls in a line over the others
    sample_epochs: int = 5

    def __post_init__(self):
        checks.count("shown", self.shown, 0)
        checks.count("image_size", self.image_size)
        checks.count("load_size", self.load_size, self.image_size)
        checks.count("constant_epochs", self.constant_epochs, 0)


@functools.lru_cache(2)
def _count(source, split):
    from kgan.data.sources import open_source

    return len(open_source(source, split).rows)


def _trained_on(cfg, source):
    """The rows of a set but for those that are shown, at most half of them."""
    count = _count(source, cfg.split)
    return np.arange(count - min(cfg.shown, count // 2))


@functools.lru_cache(2)
def data(cfg):
    return kgan.data.load_unpaired(
        cfg.data,
        cfg.data_b,
        cfg.split,
        rows_a=_trained_on(cfg, cfg.data),
        rows_b=_trained_on(cfg, cfg.data_b),
        image_size=cfg.load_size,
        crop=cfg.image_size,
        channels=cfg.channels,
        batch_size=cfg.batch_size,
        mirror=True,
        upscale=True,
        seed=cfg.seed,
    )


def _shown(cfg):
    """The middle of as many kept out pictures of A as of B, in [-1, 1]; of the last where none are."""
    trained = [len(_trained_on(cfg, source)) for source in (cfg.data, cfg.data_b)]
    firsts = [min(first, images.num_examples - 1) for images, first in zip(data(cfg).images, trained)]
    number = min(images.num_examples - first for images, first in zip(data(cfg).images, firsts))
    margin = (cfg.load_size - cfg.image_size) // 2
    middle = slice(margin, margin + cfg.image_size)
    found = []
    for images, first in zip(data(cfg).images, firsts):
        pixels = images.uint8(np.arange(first, first + number))[:, middle, middle]
        found.append(pixels.astype("float32") / 127.5 - 1.0)
    return found


def model(cfg):
    residual = cfg.generator == "resnet"
    made = networks(
        resnet_generator if residual else unet_generator,
        cfg.image_size,
        cfg.channels,
        width=cfg.width,
        stages=cfg.stages,
        **({"blocks": cfg.blocks} if residual else {}),
    )
    gan = kgan.models.CycleGAN(
        **made,
        cycle_weight=cfg.cycle_weight,
        identity_weight=cfg.identity_weight,
        pool_size=cfg.pool_size,
        seed=cfg.seed,
    )
    gan.set_banks(dict(zip(("image", "image_b"), _shown(cfg))))
    decay = max(1, cfg.epochs - cfg.constant_epochs)
    steps = data(cfg).num_batches
    rate = LinearDecay(cfg.learning_rate, cfg.constant_epochs, decay, steps)
    gan.compile(optimizer=optimizers(rate))
    return gan


SMOKE = {
    "epochs": 1,
    "batch_size": 2,
    "data": str(FASHION_MNIST_MINI),
    "data_b": str(FASHION_MNIST_MINI),
    "split": "train[:8]",
    "image_size": 16,
    "load_size": 20,
    "channels": 1,
    "blocks": 1,
    "width": 2,
    "stages": 1,
}
