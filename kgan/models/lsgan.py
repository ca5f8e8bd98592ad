"""LSGAN: the game with squared errors of Mao et al. (2016)."""

import functools
from typing import ClassVar

import keras

from kgan import losses
from kgan.engine.model import Preset
from kgan.models.dcgan import networks_28
from kgan.models.gan import GAN

L = keras.layers


def _normal(truncated=False):
    kind = keras.initializers.TruncatedNormal if truncated else keras.initializers.RandomNormal
    return kind(stddev=0.02)


def _batch_norm():
    return L.BatchNormalization(momentum=0.9, epsilon=1e-5)


def _scenes_112(latent_dim=1024):
    # 112 -> 56 -> 28 -> 14 -> 7; "same" padding is the source's own.
    blocks = [L.Dense(7 * 7 * 256, kernel_initializer=_normal()), _batch_norm(), L.ReLU()]
    blocks.append(L.Reshape((7, 7, 256)))
    for filters, strides in ((256, 2), (256, 1), (256, 2), (256, 1), (128, 2), (64, 2)):
        up = L.Conv2DTranspose(filters, 3, strides, "same", kernel_initializer=_normal())
        blocks += [up, _batch_norm(), L.ReLU()]
    output = L.Conv2DTranspose(3, 3, 1, "same", kernel_initializer=_normal())
    tanh = L.Activation("tanh", dtype="float32")
    generator = keras.Sequential([keras.Input((latent_dim,)), *blocks, output, tanh], name="generator")
    return {
        "generator": generator,
        "discriminator": _discriminator_5x5((112, 112, 3)),
        "prior": "uniform",
    }


def _discriminator_5x5(image_shape, batch_norm=True):
    blocks = []
    for filters in (64, 128, 256, 512):
        norm = [_batch_norm()] if batch_norm and blocks else []
        down = L.Conv2D(filters, 5, 2, "same", kernel_initializer=_normal(truncated=True))
        blocks += [down, *norm, L.LeakyReLU(0.2)]
    # Linear: scores outside [0, 1] must be possible.
    score = [L.Flatten(), L.Dense(1, kernel_initializer=_normal(), dtype="float32")]
    return keras.Sequential([keras.Input(image_shape), *blocks, *score], name="discriminator")


def _stability_64(latent_dim=1024, norm_in_discriminator=True):
    blocks = [L.Dense(4 * 4 * 512, kernel_initializer=_normal()), L.ReLU(), L.Reshape((4, 4, 512))]
    for filters in (256, 128, 64):
        up = L.Conv2DTranspose(filters, 5, 2, "same", kernel_initializer=_normal())
        blocks += [up, L.ReLU()]
    output = L.Conv2DTranspose(3, 5, 2, "same", kernel_initializer=_normal())
    tanh = L.Activation("tanh", dtype="float32")
    generator = keras.Sequential([keras.Input((latent_dim,)), *blocks, output, tanh], name="generator")
    return {
        "generator": generator,
        "discriminator": _discriminator_5x5((64, 64, 3), norm_in_discriminator),
        "prior": "uniform",
    }


def _ring():
    # The 2-D mixture of Gaussians; a point is an image of 1x1 with two channels.
    def dense(units, activation=None):
        return L.Dense(units, activation, kernel_initializer=keras.initializers.Orthogonal(1.4))

    generator = keras.Sequential(
        [keras.Input((256,)), dense(128, "tanh"), dense(128, "tanh"), dense(2), L.Reshape((1, 1, 2))],
        name="generator",
    )
    discriminator = keras.Sequential(
        [keras.Input((1, 1, 2)), L.Flatten(), dense(128, "tanh"), dense(128, "tanh"), dense(1)],
        name="discriminator",
    )
    return {"generator": generator, "discriminator": discriminator}


def _training(learning_rate=2e-4, discriminator_rate=None, optimizer=None):
    def adam(rate):
        return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    build = optimizer or adam
    players = {"generator": learning_rate, "discriminator": discriminator_rate or learning_rate}
    return {
        "optimizer": {player: build(rate) for player, rate in players.items()},
        "loss": losses.LeastSquares(),
    }


def _rms_prop(rate):
    return keras.optimizers.RMSprop(rate, rho=0.9, epsilon=1e-10)


@keras.saving.register_keras_serializable("kgan")
class LSGAN(GAN):
    """A GAN that minimises squared errors to the labels a (fake), b (real) and c (what G wants).

    With b - c = 1 and b - a = 2 the game minimises a Pearson chi-square divergence; published image
    experiments use 0, 1, 1. The discriminator's output is linear. Losses are means over the batch; the
    released code sums over the batch, so its printed losses are larger by the batch size.

    Args:
        generator: built network from noise to images.
        discriminator: built network from images to unbounded scores.
        **kwargs: those of `GAN`.

    Reference: Mao et al., Least Squares Generative Adversarial Networks, 2016.

    Example:

    >>> model = LSGAN.from_preset("lsgan_28")
    >>> model.compile(loss=losses.LeastSquares.pearson())
    >>> model.sample(2, seed=0).shape
    (2, 28, 28, 1)
    """

    presets: ClassVar[dict[str, Preset]] = {
        "lsgan_112": Preset(
            "112x112 scenes (LSUN), 5x5 discriminator, Adam 1e-3",
            _scenes_112,
            functools.partial(_training, 1e-3),
        ),
        "lsgan_64_no_norm_g": Preset(
            "64x64 stability model: no batch norm in G, Adam", _stability_64, _training
        ),
        "lsgan_64_no_norm": Preset(
            "64x64 stability model: no batch norm at all, RMSProp",
            functools.partial(_stability_64, norm_in_discriminator=False),
            functools.partial(_training, optimizer=_rms_prop),
        ),
        "lsgan_28": Preset("28x28, the networks of dcgan_28 (unpublished size)", networks_28, _training),
        "lsgan_ring": Preset(
            "2-D ring of Gaussians, tanh MLPs, Adam 1e-3 and 1e-4",
            _ring,
            functools.partial(_training, 1e-3, 1e-4),
            512,
        ),
    }

    def default_training(self):
        return _training()

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        generator = keras.Sequential(
            [keras.Input((4,)), L.Dense(48, "tanh"), L.Reshape((4, 4, 3))], name="generator"
        )
        discriminator = keras.Sequential(
            [keras.Input((4, 4, 3)), L.Conv2D(3, 3, 2, "same"), L.LeakyReLU(0.2), L.Flatten(), L.Dense(1)],
            name="discriminator",
        )
        return cls(generator, discriminator, prior="uniform", update_mode="simultaneous", seed=3)
