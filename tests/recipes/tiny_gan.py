"""A GAN of a few weights on noise, for tests of `kgan run`.

It has everything that a resumed run must restore: dropout, batch statistics, a moving average, two kinds
of optimizer, and data whose order depends on the epoch. KGAN_TEST_STOP=kill:7 ends it before step 7.
"""

import dataclasses
import os
import signal

import keras
import numpy as np

from kgan.engine import MovingAverage
from kgan.models import GAN

L = keras.layers


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 2
    seed: int = 0
    batches: int = 6  # in an epoch
    units: int = 3  # of the hidden layers
    checkpoint_steps: int | None = 2  # between checkpoints within an epoch
    samples: int = 4  # on a sheet
    break_at: int = -1  # the batch of the first epoch that holds a NaN
    pair: tuple[int, ...] = (1, 2)  # to see a tuple pass through config.json

    def __post_init__(self):
        if self.batches < 1:
            raise ValueError(f"batches must be at least 1, got {self.batches}")


class Noise(keras.utils.PyDataset):
    """Images of noise, in another order each epoch."""

    fingerprint = "noise"

    def __init__(self, cfg):
        super().__init__()
        self.images = np.random.default_rng(5).uniform(-1, 1, (4 * cfg.batches, 4, 4, 1)).astype("float32")
        self.epoch, self.break_at = 0, cfg.break_at

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.images) // 4

    def __getitem__(self, index):
        order = np.random.default_rng(self.epoch).permutation(len(self.images))
        batch = self.images[order[4 * index :][:4]]
        if self.epoch == 0 and index == self.break_at:
            batch[0] = np.nan
        return batch


class StopAt(keras.callbacks.Callback):
    """Sends this process a signal before some step."""

    def on_train_begin(self, logs=None):
        self.step = int(self.model.optimizer.iterations)
        how, _, step = os.environ.get("KGAN_TEST_STOP", "").partition(":")
        self.at = int(step or -1)
        self.signal = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT}.get(how)

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == self.at:
            os.kill(os.getpid(), self.signal)
        self.step += 1


def model(cfg):
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            L.Dense(cfg.units),
            L.BatchNormalization(),
            L.Dense(16, "tanh"),
            L.Reshape((4, 4, 1)),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [keras.Input((4, 4, 1)), L.Flatten(), L.Dense(cfg.units), L.Dropout(0.5), L.Dense(1)],
        name="discriminator",
    )
    gan = GAN(generator, discriminator, average=MovingAverage(decay=0.5), seed=cfg.seed)
    gan.compile({"generator": keras.optimizers.Adam(0.01), "discriminator": keras.optimizers.RMSprop(0.01)})
    return gan


def data(cfg):
    return Noise(cfg)


def callbacks(cfg):
    return [StopAt()]


SMOKE = {"epochs": 1}
