"""DCGAN on emoji or sprites: small colour pictures, with the networks of the Torch version.

Data: data=valhalla/emoji-dataset (hub id, the default, 2,749 pictures of several vendors), or data=FOLDER
(a local data set or a folder of pictures, such as emoji_google: the npm package emoji-datasource-google
as a `datasets` folder, 3,178 pictures of 64x64).
Command: kgan run dcgan_emoji data=FOLDER
Seen: at 64x64, 3 epochs of emoji_google took about 8 minutes on torch, one busy CPU core, and samples are
still a grey texture: that wants a GPU or hours. With image_size=32 width=32 epochs=72, jax, 10 minutes: heads
and blots on a dirty ground; KID of efficientnet_lite0's features 10.44.
"""

import dataclasses

import kgan
from kgan.models.dcgan import discriminator_4x4, generator_4x4
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 200
    batch_size: int = 64
    seed: int = 0
    data: str = "valhalla/emoji-dataset"  # hub id or local folder
    split: str = "train"  # a part: train[:1000]
    average: float | None = 0.999  # decay per step of the moving average that is sampled; none: no average
    sample_epochs: int = 5  # epochs between sheets of samples
    image_size: int = 64  # power of two, in pixels
    width: int = 64  # channels of the discriminator's first layer
    upscale: bool = False  # whether smaller pictures are enlarged, instead of refused


def model(cfg):
    average = None if cfg.average is None else kgan.engine.MovingAverage(decay=cfg.average)
    networks = {
        "generator": generator_4x4(cfg.image_size, 3, width=cfg.width),
        "discriminator": discriminator_4x4(cfg.image_size, 3, width=cfg.width),
    }
    gan = kgan.models.DCGAN.from_preset("dcgan_64", **networks, average=average, seed=cfg.seed)
    gan.compile()
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
    "split": "train[:8]",
    "width": 4,
    "upscale": True,
}
