"""Networks for `SemiSupervisedGAN`: the published MLPs of MNIST and convolutions of CIFAR-10 and SVHN."""

import math

import keras

from kgan import layers

L = keras.layers


def _plus_batch_norm(activation):
    return [L.BatchNormalization(momentum=0.9, epsilon=1e-5, scale=False), L.Activation(activation)]


def mlp_generator(num_classes=None, image_shape=(28, 28, 1), latent_dim=100):
    """The MNIST generator: two softplus layers with batch norm, sigmoid pixels (Salimans et al. 2016).

    Args:
        num_classes: classes that the generator is asked for, one-hot beside the noise; `None` for none.
        image_shape: (height, width, channels).
        latent_dim: length of the noise.

    Example:

    >>> mlp_generator().output_shape
    (None, 28, 28, 1)
    """
    z = keras.Input((latent_dim,), name="z")
    inputs = hidden = z
    if num_classes is not None:
        label = keras.Input((), dtype="int32", name="label")
        inputs = {"z": z, "label": label}
        hidden = L.Concatenate()([hidden, layers.OneHot(num_classes)(label)])
    blocks = [L.Dense(500, use_bias=False), *_plus_batch_norm("softplus")]
    blocks += [L.Dense(500, use_bias=False), *_plus_batch_norm("softplus")]
    pixels = math.prod(image_shape)
    blocks += [layers.WeightNormDense(pixels, "sigmoid", train_scale=True), L.Reshape(image_shape)]
    for block in blocks:
        hidden = block(hidden)
    return keras.Model(inputs, hidden, name="generator")


def mlp_classifier(num_classes=10, image_shape=(28, 28, 1)):
    """The permutation-invariant MNIST classifier: Gaussian noise before each of six weight-normalised layers.

    Args:
        num_classes: K, or K + 1 for the explicit form.
        image_shape: (height, width, channels).

    Example:

    >>> mlp_classifier().output_shape
    (None, 10)
    """
    blocks = []
    for number, (units, stddev) in enumerate(zip((1000, 500, 250, 250, 250), (0.3, 0.5, 0.5, 0.5, 0.5))):
        name = "features" if number == 4 else f"dense_{number}"
        blocks.append(layers.GaussianNoise(stddev, seed=number))
        blocks.append(layers.WeightNormDense(units, "relu", name=name))
    blocks += [layers.GaussianNoise(0.5, seed=5), layers.WeightNormDense(num_classes, train_scale=True)]
    return keras.Sequential([keras.Input(image_shape), L.Flatten(), *blocks], name="discriminator")


def conv_generator(latent_dim=100):
    """The 32x32 generator of CIFAR-10 and SVHN (Salimans et al. 2016).

    Args:
        latent_dim: length of the noise.

    Example:

    >>> conv_generator().output_shape
    (None, 32, 32, 3)
    """
    start = {"use_bias": False, "kernel_initializer": keras.initializers.RandomNormal(stddev=0.05)}
    blocks = [L.Dense(4 * 4 * 512, **start), *_plus_batch_norm("relu")]
    blocks.append(L.Reshape((4, 4, 512)))
    for filters in (256, 128):
        up = layers.Conv2DTranspose(filters, 5, strides=2, padding="same", **start)
        blocks += [up, *_plus_batch_norm("relu")]
    last = {"strides": 2, "padding": "same", "activation": "tanh", "train_scale": True, "init_std": 0.1}
    blocks.append(layers.WeightNormConv2DTranspose(3, 5, **last))
    return keras.Sequential([keras.Input((latent_dim,)), *blocks], name="generator")


def conv_classifier(narrow=96, wide=192, num_classes=10):
    """The 32x32 classifier: nine weight-normalised convolutions and dropout (Salimans et al. 2016).

    Args:
        narrow, wide: channels of the first three and of the other convolutions: 96 and 192 on CIFAR-10, 64
            and 128 on SVHN.
        num_classes: K, or K + 1 for the explicit form.

    Example:

    >>> conv_classifier().output_shape
    (None, 10)
    """

    def conv(filters, kernel_size=3, strides=1, padding=1):
        layer = layers.WeightNormConv2D(filters, kernel_size, strides=strides, padding=padding)
        return [layer, L.LeakyReLU(0.2)]

    blocks = [layers.Dropout(0.2, seed=0), *conv(narrow), *conv(narrow), *conv(narrow, strides=2)]
    blocks += [layers.Dropout(0.5, seed=1), *conv(wide), *conv(wide), *conv(wide, strides=2)]
    blocks += [
        layers.Dropout(0.5, seed=2),
        *conv(wide, padding=0),
        *conv(wide, 1, 1, 0),
        *conv(wide, 1, 1, 0),
    ]
    blocks += [
        L.GlobalAveragePooling2D(name="features"),
        layers.WeightNormDense(num_classes, train_scale=True),
    ]
    return keras.Sequential([keras.Input((32, 32, 3)), *blocks], name="discriminator")
