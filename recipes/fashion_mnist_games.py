"""Five games on Fashion-MNIST with the same data, images shown and extractor: the table of docs/results.md.

`game` is one of gan, dcgan, lsgan, wgan_gp, relativistic. All but gan, which plays with the dense networks of
the tutorials, have the networks of dcgan_28; those with a gradient penalty have no batch norm in the
discriminator. An image counts as shown each time the discriminator gets it as a real one: wgan_gp's five
updates per generator update take five fresh batches.

Data: data=zalando-datasets/fashion_mnist (hub id, the default), or data=FOLDER (a local copy of it).
Command: kgan run fashion_mnist_games game=dcgan
Seen, FID[fashion_mnist] of 10,000 samples against the test images, seed 0, JAX: gan 73.7, dcgan 42.8, lsgan
48.1, wgan_gp 135.1 (a fifth of the generator's updates), relativistic 52.7; training images 0.37.
"""

import dataclasses

import keras

import kgan
from kgan import losses
from kgan.errors import UsageError
from kgan.models.dcgan import networks_28
from kgan.recipes import FASHION_MNIST_MINI


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    game: str = "dcgan"  # gan, dcgan, lsgan, wgan_gp or relativistic
    epochs: int = 10
    batch_size: int = 64  # images of one discriminator update
    seed: int = 0
    data: str = "zalando-datasets/fashion_mnist"  # hub id or local folder
    split: str = "train"
    width: int = 32  # channels of the convolutional discriminator's first layer
    half_life: float = 5000.0  # of the generator's moving average, in images shown


CRITIC_STEPS = {"wgan_gp": 5}


def model(cfg):
    if cfg.game not in GAMES:
        raise UsageError(f"game must be one of {', '.join(GAMES)}, got {cfg.game!r}")
    average = kgan.engine.MovingAverage(half_life=cfg.half_life)
    return GAMES[cfg.game](cfg.width, {"average": average, "seed": cfg.seed})


def _adam(rate=2e-4, beta_1=0.5, beta_2=0.999):
    return {
        player: keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2, epsilon=1e-8)
        for player in ("generator", "discriminator")
    }


def _gan(width, common):
    game = kgan.models.GAN.from_preset("gan_mnist_tutorial", **common)
    game.compile()
    return game


def _dcgan(width, common):
    game = kgan.models.DCGAN(**networks_28(width=width), **common)
    game.compile()
    return game


def _lsgan(width, common):
    game = kgan.models.LSGAN(**networks_28(width=width), **common)
    game.compile(optimizer=_adam())
    return game


def _wgan_gp(width, common):
    # Gulrajani et al., 2017: five critic updates, Adam 1e-4 with betas 0.5 and 0.9 on MNIST.
    networks = networks_28(width=width, discriminator_norm=False)
    steps = CRITIC_STEPS["wgan_gp"]
    game = kgan.models.DCGAN(**networks, discriminator_steps=steps, split_batch=True, **common)
    game.compile(_adam(1e-4, 0.5, 0.9), losses.Wasserstein(), [losses.GradientPenalty(10.0)])
    return game


def _relativistic(width, common):
    # Huang et al., 2024: relativistic pairing with R1 and R2 in every step, no momentum.
    game = kgan.models.DCGAN(**networks_28(width=width, discriminator_norm=False), **common)
    game.compile(_adam(2e-4, 0.0, 0.99), losses.RelativisticPairing(), [losses.R1(1.0), losses.R2(1.0)])
    return game


GAMES = {"gan": _gan, "dcgan": _dcgan, "lsgan": _lsgan, "wgan_gp": _wgan_gp, "relativistic": _relativistic}


def data(cfg):
    batch_size = cfg.batch_size * CRITIC_STEPS.get(cfg.game, 1)
    return kgan.data.load_images(
        cfg.data, cfg.split, image_size=28, channels=1, batch_size=batch_size, seed=cfg.seed
    )


SMOKE = {
    "epochs": 1,
    "batch_size": 4,
    "data": str(FASHION_MNIST_MINI),
    "split": "train[:40]",
    "width": 8,
    "game": "wgan_gp",
}
