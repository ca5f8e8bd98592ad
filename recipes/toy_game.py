"""The game on a line: two small networks and a law of two bumps, played until D is 1/2 everywhere.

Each round is three updates of D with R1 of weight 0.03 and one of G, by Adam with betas of 0 and 0.99; the
learning rates, 2e-2 and 5e-3, fall in steps to a twentieth. After each epoch the history says what theory
asks about: the mean of D on reals and on fakes (1/2 at the end), JSD of p_data and p_g (0) and V (-log 4,
which is -1.386). The density of G(z) is computed, not estimated from samples.

Data: drawn.
Command: kgan run toy_game, for the picture of four moments: kgan figure toy_game
Seen: on jax, seeds 0, 1, 2: mean D on reals 0.500, 0.500, 0.501, on fakes 0.497, 0.499, 0.501, JSD 0.014,
0.003, 0.003, V -1.382, -1.385, -1.387.
"""

import dataclasses

import keras
import numpy as np

import kgan
from kgan import losses
from kgan.figures.toy_game import draw_numbers, measure_game, toy_networks

# All numbers lie within; a sample of 8 bits covers this range.
LIMIT = 3.0
CRITIC_STEPS = 3
# Shares of the learning rates, of equal length: at a constant rate p_g circles around p_data.
COOLING = (1.0, 1.0, 0.5, 0.2, 0.05)


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 10
    steps: int = 80  # rounds in an epoch
    batch_size: int = 512
    seed: int = 0
    width: int = 32  # units of each of the two hidden layers of G and of D
    generator_rate: float = 5e-3
    discriminator_rate: float = 2e-2
    samples: int = 4000  # numbers of a histogram


def model(cfg):
    generator, discriminator = toy_networks(cfg.width, cfg.seed)
    game = kgan.models.GAN(
        generator,
        discriminator,
        data_range=(-LIMIT, LIMIT),
        discriminator_steps=CRITIC_STEPS,
        seed=cfg.seed,
    )
    rounds = cfg.epochs * cfg.steps
    adam = {
        "generator": _adam(cfg.generator_rate, rounds),
        "discriminator": _adam(cfg.discriminator_rate, CRITIC_STEPS * rounds),
    }
    game.compile(adam, losses.NonSaturating(), [losses.R1(0.03)])
    return game


def _adam(rate, updates):
    ends = [max(1, updates * part // len(COOLING)) for part in range(1, len(COOLING))]
    rates = [rate * share for share in COOLING]
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)
    return keras.optimizers.Adam(schedule, beta_1=0.0, beta_2=0.99)


class Numbers(keras.utils.PyDataset):
    """Batches of numbers of p_data, drawn anew in each epoch."""

    image_shape = (1, 1, 1)

    def __init__(self, cfg):
        super().__init__()
        self.cfg, self.epoch = cfg, 0
        self.fingerprint = f"two bumps, {cfg.steps} x {cfg.batch_size}, seed {cfg.seed}"

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return self.cfg.steps

    def __getitem__(self, index):
        rng = np.random.default_rng([self.cfg.seed, self.epoch, index])
        return draw_numbers(self.cfg.batch_size, rng) / np.float32(LIMIT)


class Referee(keras.callbacks.Callback):
    """Adds to the logs where the game stands."""

    def on_epoch_end(self, epoch, logs=None):
        now = measure_game(self.model)
        (logs if logs is not None else {}).update(
            mean_d_on_reals=now.mean_on_real, mean_d_on_fakes=now.mean_on_fake, jsd=now.jsd, value=now.value
        )


def data(cfg):
    return Numbers(cfg)


def callbacks(cfg):
    return [Referee()]


SMOKE = {"epochs": 1, "steps": 2, "batch_size": 8, "width": 4, "samples": 9}
