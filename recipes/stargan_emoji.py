"""StarGAN on emoji: one generator that gives every hand and person each of six skin tones.

Data: data=FOLDER, the Google emoji of the npm package emoji-datasource-google as a `datasets` folder with
the columns id and base (Noto, Apache-2.0), or a hub id. Of each emoji with skin tones the six versions take
part, 1,608 images; the training sees them one by one, never as pairs. Other labelled images: label=COLUMN,
whose classes are the domains.
`domains.json` has, on the test split: how often a classifier, trained on real images alone, finds the domain
that was asked for, its accuracy on real images, the L1 distance to the true version of that skin tone, and
that of a translation back to the image.
Command: kgan run stargan_emoji data=FOLDER --backend jax --out RUN
Seen: jax, one busy CPU core, 26 CPU minutes: the domain that was asked for is found in 86.4 % of the
translations and 84.8 % of real images; L1 to the true versions 0.088, of other emoji 0.186, untouched 0.064.
"""

import dataclasses
import functools

import keras
import numpy as np

import kgan
from kgan.data.sources import open_source
from kgan.errors import UsageError
from kgan.models.stargan import networks, training
from kgan.recipes import FASHION_MNIST_MINI

L = keras.layers

TONES = ("yellow", "light", "medium-light", "medium", "medium-dark", "dark")
MODIFIERS = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 120
    batch_size: int = 48  # images of a train step, a multiple of discriminator_steps
    seed: int = 0
    data: str = "emoji_google"  # local folder or hub id
    split: str = "train"
    test_split: str = "test"
    label: str | None = None  # column of the domains; none: skin tones, told by the column id
    image_size: int = 32
    channels: int = 3
    width: int = 16  # channels of the generator at full resolution
    blocks: int = 3  # residual blocks
    discriminator_width: int = 32
    discriminator_steps: int = 3  # its updates to one of the generator, each on a part of the batch
    reconstruction_weight: float = 10.0
    rate: float = 2e-4  # Adam's learning rate for both players
    average: float | None = 0.995  # decay per step of the moving average that translates; none: no average
    classifier_epochs: int = 20  # of the classifier of real images
    samples: int = 84  # images on a sheet: rows of an image and what it becomes in each domain
    sample_epochs: int = 10


def _skin_tones(source, split):
    """Places of the emoji that have all six versions, `[emoji, 6]`."""
    columns = open_source(source, split).rows
    missing = {"id", "base"} - set(columns.features)
    if missing:
        raise UsageError(
            f"{source} has no column {', '.join(sorted(missing))}: name one of domains by label="
        )
    versions: dict = {}
    for place, row in enumerate(columns.select_columns(["id", "base"])):
        tones = {MODIFIERS.index(code) + 1 for code in row["id"].upper().split("-") if code in MODIFIERS}
        if len(tones) < 2:  # couples may have two tones
            versions.setdefault(row["base"], {})[min(tones, default=0)] = place
    full = [found for found in versions.values() if len(found) == len(TONES)]
    if not full:
        raise UsageError(f"{source} ({split}) has no emoji in all {len(TONES)} skin tones")
    return np.array([[found[tone] for tone in range(len(TONES))] for found in full])


@functools.lru_cache(2)
def _part(cfg, split, batch_size):
    """The images of a split by domain, and the places of their true counterparts, or None."""
    places = _skin_tones(cfg.data, split) if cfg.label is None else None  # before an image is decoded
    images = kgan.data.load_images(
        cfg.data,
        split,
        image_size=cfg.image_size,
        channels=cfg.channels,
        label=cfg.label,
        batch_size=batch_size if places is None else 1,
        seed=cfg.seed,
        upscale=True,
    )
    if places is None:
        return images, None
    labels = np.tile(np.arange(len(TONES)), len(places))
    found = kgan.data.subset(images, places.ravel(), labels, TONES, batch_size=batch_size, seed=cfg.seed)
    own = np.arange(len(labels)).reshape(places.shape)
    return found, np.repeat(own, len(TONES), axis=0)


def model(cfg):
    test, _ = _part(cfg, cfg.test_split, 1)
    made = networks(
        cfg.image_size,
        cfg.channels,
        len(test.class_names or ()),
        width=cfg.width,
        blocks=cfg.blocks,
        stages=max(1, cfg.image_size.bit_length() - 2),
        discriminator_width=cfg.discriminator_width,
    )
    average = None if cfg.average is None else kgan.engine.MovingAverage(decay=cfg.average)
    gan = kgan.models.StarGAN(
        **made,
        reconstruction_weight=cfg.reconstruction_weight,
        discriminator_steps=cfg.discriminator_steps,
        average=average,
        seed=cfg.seed,
    )
    shown = np.random.default_rng(cfg.seed).permutation(test.num_examples)[:16]
    gan.set_banks({"image": test.uint8(shown) / 127.5 - 1.0})
    gan.compile(**training("constant", cfg.rate))
    return gan


def data(cfg):
    return _part(cfg, cfg.split, cfg.batch_size)[0]


def classifier(cfg):
    """A small classifier of the domains, trained on the real training images; uint8 images to logits."""
    images = data(cfg)
    pixels = images.uint8(np.arange(images.num_examples)) / np.float32(127.5) - np.float32(1.0)
    layers = [keras.Input(images.image_shape)]
    for number, width in enumerate((16, 32, 64)):
        start = keras.initializers.HeNormal(seed=number)
        layers += [
            L.Conv2D(width, 3, 2, padding="same", use_bias=False, kernel_initializer=start),
            L.BatchNormalization(momentum=0.9),
            L.ReLU(),
        ]
    head = L.Dense(len(images.class_names or ()), kernel_initializer=keras.initializers.GlorotUniform(seed=9))
    network = keras.Sequential([*layers, L.GlobalAveragePooling2D(), head])
    network.compile(keras.optimizers.Adam(2e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(pixels, images.labels, batch_size=64, epochs=cfg.classifier_epochs, verbose=0)
    return lambda shown: network.predict(shown / np.float32(127.5) - np.float32(1.0), 256, verbose=0)


def callbacks(cfg):
    test, counterparts = _part(cfg, cfg.test_split, 1)
    return [kgan.callbacks.DomainScores(test, functools.partial(classifier, cfg), counterparts)]


SMOKE = {
    "epochs": 1,
    "batch_size": 8,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:16]",
    "test_split": "test[:8]",
    "label": "label",
    "image_size": 16,
    "channels": 1,
    "width": 2,
    "blocks": 1,
    "discriminator_width": 2,
    "discriminator_steps": 2,
    "classifier_epochs": 1,
}
