"""Stacked MNIST: three random digits as red, green and blue, 1,000 classes; how many does a game cover?

The networks of dcgan_28 with three channels and no batch norm in the discriminator. wgan_gp and relativistic
have the optimizers that were published with them (Gulrajani et al., 2017; Huang et al., 2024), the others
Adam 2e-4 with betas of 0.5 and 0.999. After the last epoch the classes of 25,600 samples are counted, channel
by channel by the MNIST classifier that ships with kgan.

Data: data=ylecun/mnist (hub id, the default), or data=FOLDER (a local copy of it).
Command: kgan run stacked_mnist game=relativistic
Seen, seed 0, JAX: wgan_gp 996 classes, KL 0.410 nats; relativistic 989 classes, KL 0.540 nats.
"""

import dataclasses
from typing import Literal

import keras

import kgan
from kgan import losses
from kgan.models.dcgan import networks_28
from kgan.recipes import FASHION_MNIST_MINI

CRITIC_STEPS = {"wgan_gp": 5}
# Learning rate and betas of Adam.
ADAM = {"wgan_gp": (1e-4, 0.5, 0.9), "relativistic": (2e-4, 0.0, 0.99)}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 10
    steps: int = 500  # generator updates in an epoch
    batch_size: int = 64  # images of one discriminator update
    seed: int = 0
    data: str = "ylecun/mnist"  # hub id or local folder
    split: str = "train"
    game: Literal["non_saturating", "lsgan", "wgan_gp", "relativistic"] = "relativistic"
    width: int = 32  # channels of the discriminator's first layer
    half_life: float = 5000.0  # of the generator's moving average, in images shown
    scored: int = 25_600  # samples whose classes are counted after the last epoch


def model(cfg):
    critic_steps = CRITIC_STEPS.get(cfg.game, 1)
    game = kgan.models.DCGAN(
        **networks_28(channels=3, width=cfg.width, discriminator_norm=False),
        average=kgan.engine.MovingAverage(half_life=cfg.half_life),
        discriminator_steps=critic_steps,
        split_batch=critic_steps > 1,
        seed=cfg.seed,
    )
    rate, beta_1, beta_2 = ADAM.get(cfg.game, (2e-4, 0.5, 0.999))
    adam = {
        player: keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
        for player in ("generator", "discriminator")
    }
    game.compile(adam, *_game(cfg.game))
    return game


def _game(name):
    """The loss, and the penalties."""
    return {
        "non_saturating": (losses.NonSaturating(), []),
        "lsgan": (losses.LeastSquares.zero_one(), []),
        "wgan_gp": (losses.Wasserstein(), [losses.GradientPenalty(10.0)]),
        "relativistic": (losses.RelativisticPairing(), [losses.R1(1.0), losses.R2(1.0)]),
    }[name]


def data(cfg):
    digits = kgan.data.load_images(cfg.data, cfg.split, image_size=28, channels=1, batch_size=1)
    batch_size = cfg.batch_size * CRITIC_STEPS.get(cfg.game, 1)
    return kgan.data.StackedDigits(
        digits, num_examples=batch_size * cfg.steps, batch_size=batch_size, seed=cfg.seed
    )


def callbacks(cfg):
    return [kgan.callbacks.ClassCoverage(cfg.scored)]


SMOKE = {
    "epochs": 1,
    "steps": 2,
    "batch_size": 4,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:40]",
    "width": 8,
    "game": "wgan_gp",
    "scored": 8,
}
