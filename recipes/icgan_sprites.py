"""IC-GAN on game sprites: images like a given one, without labels; with its baselines of the same layers.

Data: data=FOLDER, the `sprites` of the Debian package crossfire-client-images as a `datasets` folder (4,515
pictures of 32x32, GPL), or a hub id; extractor=FILE.onnx, such as efficientnet_lite0.onnx (Apache-2.0), whose
output `features` describes a picture.
Command: kgan run icgan_sprites data=FOLDER extractor=FILE.onnx --backend jax --out RUN, then
kgan sample RUN --instance photo.png
Seen: jax, one busy CPU core, 12 CPU minutes a game, KID[efficientnet_lite0] of 4,515 samples against the
training images: instance 1.75, class instance 1.79, unconditional 2.64, clusters 2.66.
"""

import dataclasses
import functools
from typing import Literal

import numpy as np

import kgan
from kgan.data.instance_selection import cluster
from kgan.metrics import open_network
from kgan.metrics.features import NETWORKS
from kgan.models.instance_conditioned_networks import small_discriminator, small_generator
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 40
    batch_size: int = 64
    seed: int = 0
    data: str = "sprites"  # local folder of the data set
    split: str = "train"
    label: str = "label"  # column of the classes
    extractor: str = "efficientnet_lite0.onnx"  # file, or a network that ships with kgan
    extractor_size: int | None = 64  # side of the extractor's images; none: that of its file
    game: Literal["instance", "class instance", "clusters", "unconditional"] = "instance"
    neighbors: int = 20  # images that count as like an instance
    instances: int = 500  # instances that samples are drawn for
    clusters: int = 100  # classes of the baseline with k-means labels
    image_size: int = 32
    channels: int = 3
    width: int = 24  # channels of the outer stage
    average: float = 0.998  # decay per step of the moving average that is sampled
    sample_epochs: int = 10


@functools.lru_cache(1)
def _images(cfg):
    return kgan.data.load_images(
        cfg.data,
        cfg.split,
        image_size=cfg.image_size,
        channels=cfg.channels,
        label=cfg.label,
        batch_size=cfg.batch_size,
        seed=cfg.seed,
        upscale=True,
    )


@functools.lru_cache(1)
def _extractor(cfg):
    return open_network(cfg.extractor, cfg.extractor_size)


@functools.lru_cache(1)
def _store(cfg):
    return kgan.data.FeatureStore.build(_images(cfg), _extractor(cfg))


def _classes(cfg):
    """How many classes the networks know: of the data, of k-means, or None."""
    return {"class instance": len(_images(cfg).class_names or ()), "clusters": cfg.clusters}.get(cfg.game)


def model(cfg):
    conditions = {
        "instance_dim": _store(cfg).features.shape[1] if "instance" in cfg.game else None,
        "num_classes": _classes(cfg),
    }
    networks = [
        small_generator(cfg.image_size, cfg.channels, width=cfg.width, **conditions),
        small_discriminator(cfg.image_size, cfg.channels, width=cfg.width, **conditions),
    ]
    more = {"average": kgan.engine.MovingAverage(decay=cfg.average, debias=True), "seed": cfg.seed}
    if cfg.game == "unconditional":
        gan = kgan.models.DCGAN(*networks, **more)
    elif cfg.game == "clusters":
        gan = kgan.models.ConditionalGAN(*networks, num_classes=cfg.clusters, **more)
    else:
        gan = kgan.models.InstanceConditionedGAN(*networks, num_classes=_classes(cfg), **more)
        labels = _images(cfg).labels if cfg.game == "class instance" else None
        gan.swap_instances(_store(cfg), cfg.instances, labels=labels)
    gan.compile(**kgan.models.InstanceConditionedGAN.presets["icgan_32"].training())
    return gan


def data(cfg):
    found = _images(cfg)
    if cfg.game == "clusters":
        found.labels = cluster(_store(cfg).features, cfg.clusters)[1].astype(np.int32)
        found.class_names = None
        return found
    if cfg.game == "unconditional":
        return found
    with_labels = cfg.game == "class instance"
    return kgan.data.NeighborBatches(found, _store(cfg), cfg.neighbors, labels=with_labels, seed=cfg.seed)


def callbacks(cfg):
    if "instance" not in cfg.game:
        return []
    file = cfg.extractor if cfg.extractor.endswith(".onnx") else NETWORKS / f"{cfg.extractor}.onnx"
    return [kgan.callbacks.KeepFeatures(_store(cfg), file)]


SMOKE = {
    "epochs": 1,
    "batch_size": 4,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:8]",
    "extractor": "fashion_mnist",
    "extractor_size": None,
    "neighbors": 3,
    "instances": 4,
    "image_size": 16,
    "channels": 1,
    "width": 2,
}
