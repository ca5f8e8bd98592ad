"""DCGAN: the all-convolutional GAN of Radford, Metz and Chintala (2015)."""

import functools
from typing import ClassVar

import keras

from kgan import layers, losses
from kgan.engine.average import MovingAverage
from kgan.engine.model import Preset
from kgan.errors import UsageError
from kgan.models.gan import GAN

L = keras.layers

# The last layers stay in float32 under mixed precision.
_HEAD = {"dtype": "float32"}


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _batch_norm():
    # Keras' momentum 0.99 and epsilon 1e-3 are not those of the sources.
    scale = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
    return L.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=scale)


def _up(filters, kernel_size, strides, padding, **more):
    return layers.Conv2DTranspose(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=_normal(),
        **more,
    )


def _down(filters, kernel_size, strides, padding, **more):
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=_normal(),
        **more,
    )


def generator_4x4(image_size=64, channels=3, latent_dim=100, width=64, latent_map=(1, 1)):
    """The generator with 4x4 kernels: a projection to 4x4, then one doubling per stage.

    Args:
        image_size: power of two >= 8, in pixels.
        channels: image channels.
        latent_dim: length of the noise vector.
        width: channels of the last hidden stage; doubled towards the bottom, at most 1024.
        latent_map: (rows, columns) of noise vectors; more than one makes larger images, as the network
            is convolutional throughout.

    Example:

    >>> generator_4x4(image_size=64).count_params() - 1920  # less the running statistics
    3576704
    """
    stages = _stages(image_size)
    rows, columns = latent_map
    start = keras.Input((latent_dim,) if latent_map == (1, 1) else (rows, columns, latent_dim))
    blocks = [L.Reshape((1, 1, latent_dim))] if latent_map == (1, 1) else []
    filters = [min(width * 2**stage, 1024) for stage in reversed(range(stages))]
    for stage, count in enumerate(filters):
        up = _up(count, 4, 1, 0) if stage == 0 else _up(count, 4, 2, 1)
        blocks += [up, _batch_norm(), L.ReLU()]
    return keras.Sequential(
        [start, *blocks, _up(channels, 4, 2, 1, **_HEAD), L.Activation("tanh", **_HEAD)], name="generator"
    )


def discriminator_4x4(image_size=64, channels=3, width=64):
    """The discriminator with 4x4 kernels: the generator's mirror image; gives one logit.

    Args:
        image_size: power of two >= 8, in pixels.
        channels: image channels.
        width: channels of the first stage; doubled per stage, at most 1024.

    Example:

    >>> discriminator_4x4(image_size=64).count_params() - 1792  # less the running statistics
    2765568
    """
    blocks = []
    for stage in range(_stages(image_size)):
        blocks.append(_down(min(width * 2**stage, 1024), 4, 2, 1))
        if stage > 0:
            blocks.append(_batch_norm())
        blocks.append(L.LeakyReLU(0.2))
    return keras.Sequential(
        [
            keras.Input((image_size, image_size, channels)),
            *blocks,
            _down(1, 4, 1, 0, **_HEAD),
            L.Flatten(**_HEAD),
        ],
        name="discriminator",
    )


def _stages(image_size):
    if image_size < 8 or image_size & (image_size - 1):
        raise UsageError(f"image_size must be a power of two >= 8, got {image_size}")
    return image_size.bit_length() - 3


def _published_4x4(image_size, channels=3, width=64):
    return {
        "generator": generator_4x4(image_size, channels, width=width),
        "discriminator": discriminator_4x4(image_size, channels, width=width),
    }


def _published_5x5(image_size=64, channels=3, latent_dim=100, width=128):
    # The authors' own 64x64 model: symmetric padding 2, which "same" is not for 5x5 kernels.
    decay = {"kernel_regularizer": keras.regularizers.L2(0.5e-5)}  # adds 1e-5 * w to the gradient
    dense = functools.partial(L.Dense, use_bias=False, kernel_initializer=_normal(), **decay)
    widths = [8 * width, 4 * width, 2 * width, width]
    side = image_size // 16
    blocks = [dense(side * side * widths[0]), _batch_norm(), L.ReLU(), L.Reshape((side, side, widths[0]))]
    for count in widths[1:]:
        blocks += [_up(count, 5, 2, 2, output_padding=1, **decay), _batch_norm(), L.ReLU()]
    output = [_up(channels, 5, 2, 2, output_padding=1, **decay, **_HEAD), L.Activation("tanh", **_HEAD)]
    generator = keras.Sequential([keras.Input((latent_dim,)), *blocks, *output], name="generator")
    blocks = []
    for count in reversed(widths):
        norm = [_batch_norm()] if blocks else []
        blocks += [_down(count, 5, 2, 2, **decay), *norm, L.LeakyReLU(0.2)]
    score = [L.Flatten(), dense(1, **_HEAD)]
    discriminator = keras.Sequential(
        [keras.Input((image_size, image_size, channels)), *blocks, *score], name="discriminator"
    )
    return {"generator": generator, "discriminator": discriminator, "prior": "uniform"}


def networks_28(channels=1, latent_dim=100, width=64, discriminator_norm=True):
    """Both networks for 28x28 images: a projection to 7x7 and two doublings, and their mirror image.

    Args:
        channels: image channels.
        latent_dim: length of the noise vector.
        width: channels of the stage next to the image; the other has twice as many.
        discriminator_norm: batch norm in the discriminator, which gradient penalties exclude.

    Returns:
        Dict with `generator` and `discriminator`, for the constructor of `DCGAN`.

    Example:

    >>> networks_28(width=8)["discriminator"].output_shape
    (None, 1)
    """
    generator = keras.Sequential(
        [
            keras.Input((latent_dim,)),
            L.Dense(7 * 7 * 2 * width, use_bias=False, kernel_initializer=_normal()),
            _batch_norm(),
            L.ReLU(),
            L.Reshape((7, 7, 2 * width)),
            _up(width, 4, 2, 1),
            _batch_norm(),
            L.ReLU(),
            _up(channels, 4, 2, 1, **_HEAD),
            L.Activation("tanh", **_HEAD),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, channels)),
            _down(width, 4, 2, 1),
            L.LeakyReLU(0.2),
            _down(2 * width, 4, 2, 1),
            *([_batch_norm()] if discriminator_norm else []),
            L.LeakyReLU(0.2),
            L.Flatten(),
            L.Dense(1, use_bias=False, kernel_initializer=_normal(), **_HEAD),
        ],
        name="discriminator",
    )
    return {"generator": generator, "discriminator": discriminator}


def _features_32(latent_dim=256, width=128):
    # 3x3 kernels with padding 1; the model whose features were used for CIFAR-10.
    blocks = [
        L.Dense(4 * 4 * 4 * width, use_bias=False, kernel_initializer=_normal()),
        _batch_norm(),
        L.ReLU(),
        L.Reshape((4, 4, 4 * width)),
    ]
    for count, strides in ((4, 2), (4, 1), (2, 2), (2, 1), (1, 2)):
        up = _up(count * width, 3, strides, 1, **({"output_padding": 1} if strides == 2 else {}))
        blocks += [up, _batch_norm(), L.ReLU()]
    generator = keras.Sequential(
        [keras.Input((latent_dim,)), *blocks, _up(3, 3, 1, 1, **_HEAD), L.Activation("tanh", **_HEAD)],
        name="generator",
    )
    blocks = []
    for count, strides in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2), (4, 1)):
        norm = [_batch_norm()] if blocks else []
        blocks += [_down(count * width, 3, strides, 1), *norm, L.LeakyReLU(0.2)]
    score = [L.Flatten(), L.Dense(1, use_bias=False, kernel_initializer=_normal(), **_HEAD)]
    discriminator = keras.Sequential([keras.Input((32, 32, 3)), *blocks, *score], name="discriminator")
    return {"generator": generator, "discriminator": discriminator}


def _training():
    def adam():
        return keras.optimizers.Adam(2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    # Summed, not halved.
    return {"optimizer": {"generator": adam(), "discriminator": adam()}, "loss": losses.NonSaturating()}


def _preset(description, build, batch_size=64, **arguments):
    return Preset(description, functools.partial(build, **arguments), _training, batch_size)


@keras.saving.register_keras_serializable("kgan")
class DCGAN(GAN):
    """A GAN whose networks have strided convolutions, batch norm, ReLU in G and LeakyReLU 0.2 in D.

    The game is that of `GAN`: k discriminator steps, then one generator step on fresh noise. (One public
    version instead reuses the discriminator's forward pass for the generator's gradient, taken before
    the discriminator moves; that shortcut is not copied.)

    Args:
        generator: built network from noise to images in [-1, 1].
        discriminator: built network from images to logits.
        **kwargs: those of `GAN`.

    Reference: Radford, Metz, Chintala, Unsupervised Representation Learning with Deep Convolutional
    Generative Adversarial Networks, 2015.

    Example:

    >>> model = DCGAN.from_preset("dcgan_28")
    >>> model.compile()
    >>> model.sample(2, seed=0).shape
    (2, 28, 28, 1)
    """

    presets: ClassVar[dict[str, Preset]] = {
        "dcgan_64": _preset("64x64, 4x4 kernels, as in the Torch version", _published_4x4, image_size=64),
        "dcgan_64_5x5": _preset("64x64, 5x5 kernels, the authors' own", _published_5x5, 128),
        "dcgan_32": _preset("32x32, dcgan_64 less one stage", _published_4x4, image_size=32),
        "dcgan_128": _preset(
            "128x128, dcgan_64 plus one stage (common practice, unpublished)", _published_4x4, image_size=128
        ),
        "dcgan_28": _preset("28x28, 1 channel, two stages (Fashion-MNIST, MNIST)", networks_28),
        "dcgan_32_features": _preset("32x32, 3x3 kernels, used for CIFAR-10 features", _features_32, 128),
    }

    def default_training(self):
        return _training()

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        return cls(
            generator_4x4(16, 1, latent_dim=5, width=2),
            discriminator_4x4(16, 1, width=2),
            prior="uniform",
            average=MovingAverage(half_life=100.0, ramp=0.5),
            seed=9,
        )
