"""Convolutional networks for `ConditionalGAN`: 28x28 images by class, and the hidden part of an image."""

import keras

from kgan import layers
from kgan.errors import UsageError

L = keras.layers

GENERATOR_FORMS = ("conditional_norm", "input_concat", "layer_concat")
DISCRIMINATOR_FORMS = ("projection", "input_concat", "layer_concat")


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _down(x, filters, seed):
    convolution = layers.Conv2D(filters, 4, strides=2, padding=1, kernel_initializer=_normal())
    return L.LeakyReLU(0.2)(layers.SpectralNormalization(convolution, seed=seed)(x))


def _up(filters, **more):
    return layers.Conv2DTranspose(filters, 4, strides=2, padding=1, kernel_initializer=_normal(), **more)


def generator_28(
    num_classes=10, channels=1, latent_dim=100, width=64, form="conditional_norm", norm_stddev=0.02
):
    """A class-conditional generator of 28x28 images with one form of conditioning.

    Args:
        num_classes: number of classes.
        channels: image channels.
        latent_dim: length of the noise vector.
        width: channels of the stage next to the image; the other has twice as many.
        form: `"conditional_norm"`: gain and shift of each batch norm depend on the class;
            `"input_concat"`: the one-hot class beside the noise; `"layer_concat"`: beside the input of every
            layer, as maps where that is an image.
        norm_stddev: standard deviation of the classes' initial gains and shifts.

    Raises:
        UsageError: an unknown form.

    Example:

    >>> generator_28(width=4, form="input_concat").output_shape
    (None, 28, 28, 1)
    """
    _check_form("form", form, GENERATOR_FORMS)
    z, label = keras.Input((latent_dim,), name="z"), keras.Input((), dtype="int32", name="label")
    y = layers.OneHot(num_classes)(label)

    def beside(x):
        return layers.ConcatCondition()([x, y]) if form == "layer_concat" else x

    def norm(x):
        if form == "conditional_norm":
            start = keras.initializers.RandomNormal(stddev=norm_stddev)
            return L.ReLU()(layers.ConditionalBatchNormalization(kernel_initializer=start)([x, y]))
        return L.ReLU()(L.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))

    x = z if form == "conditional_norm" else layers.ConcatCondition()([z, y])
    x = norm(L.Dense(7 * 7 * 2 * width, use_bias=False, kernel_initializer=_normal())(x))
    x = norm(_up(width, use_bias=False)(beside(L.Reshape((7, 7, 2 * width))(x))))
    images = L.Activation("tanh", dtype="float32")(_up(channels, dtype="float32")(beside(x)))
    return keras.Model({"z": z, "label": label}, images, name="generator")


def discriminator_28(num_classes=10, channels=1, width=64, form="projection"):
    """A class-conditional, spectrally normalised discriminator with one form of conditioning.

    Args:
        num_classes: number of classes.
        channels: image channels.
        width: channels of the first stage; the second has twice as many.
        form: `"projection"`: an inner product of the class with the last features; `"input_concat"`: the
            one-hot class as maps beside the image; `"layer_concat"`: beside the input of every layer.

    Raises:
        UsageError: an unknown form.

    Example:

    >>> discriminator_28(width=4, form="layer_concat").output_shape
    (None, 1)
    """
    _check_form("form", form, DISCRIMINATOR_FORMS)
    images, label = (
        keras.Input((28, 28, channels), name="images"),
        keras.Input((), dtype="int32", name="label"),
    )
    y = layers.OneHot(num_classes)(label)

    def beside(x):
        return layers.ConcatCondition()([x, y]) if form == "layer_concat" else x

    x = images if form == "projection" else layers.ConcatCondition()([images, y])
    x = _down(x, width, seed=1)
    x = L.Flatten()(_down(beside(x), 2 * width, seed=2))
    if form == "projection":
        score = layers.Projection(spectral=True, seed=3, dtype="float32")([x, y])
    else:
        score = layers.SpectralNormalization(L.Dense(1, dtype="float32"), seed=3)(beside(x))
    return keras.Model({"images": images, "label": label}, score, name="discriminator")


def networks_28(
    num_classes=10,
    channels=1,
    latent_dim=100,
    width=64,
    generator_form="conditional_norm",
    discriminator_form="projection",
):
    """Both class-conditional networks for 28x28 images; see `generator_28` and `discriminator_28`.

    Returns:
        Dict with `generator`, `discriminator` and `num_classes`, for the constructor of `ConditionalGAN`.

    Example:

    >>> networks_28(num_classes=3, width=4)["num_classes"]
    3
    """
    return {
        "generator": generator_28(num_classes, channels, latent_dim, width, generator_form),
        "discriminator": discriminator_28(num_classes, channels, width, discriminator_form),
        "num_classes": num_classes,
    }


def _check_form(name, form, known):
    if form not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, got {form!r}")


def inpainting_networks_28(channels=1, latent_dim=64, width=32):
    """Both networks that complete 28x28 images under a mask; inputs `visible` and `mask`.

    The generator sees `m * x` and m, and returns `m * x + (1 - m) * G(m * x, m, z)`; hidden pixels of
    `visible` do not matter. The discriminator sees the completed image and the mask.

    Args:
        channels: image channels.
        latent_dim: length of the noise vector.
        width: channels of the stage next to the image; the other has twice as many.

    Returns:
        Dict with `generator`, `discriminator` and `masks`, for the constructor of `ConditionalGAN`.

    Example:

    >>> sorted(inpainting_networks_28(width=4)["generator"].input)
    ['mask', 'visible', 'z']
    """
    z = keras.Input((latent_dim,), name="z")
    visible, mask = keras.Input((28, 28, channels), name="visible"), keras.Input((28, 28, 1), name="mask")
    seen = L.Multiply()([visible, mask])
    outer = _encode(layers.ConcatCondition()([seen, mask]), width)
    inner = _encode(outer, 2 * width)
    noise = L.Reshape((7, 7, width))(L.Dense(49 * width, "relu", kernel_initializer=_normal())(z))
    x = layers.Conv2D(2 * width, 3, padding=1, kernel_initializer=_normal())(L.Concatenate()([inner, noise]))
    x = L.ReLU()(L.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))
    x = L.ReLU()(L.BatchNormalization(momentum=0.9, epsilon=1e-5)(_up(width, use_bias=False)(x)))
    made = L.Activation("tanh", dtype="float32")(_up(channels, dtype="float32")(L.Concatenate()([x, outer])))
    completed = layers.Complete(dtype="float32")([made, visible, mask])
    generator = keras.Model({"z": z, "visible": visible, "mask": mask}, completed, name="generator")

    images, mask = keras.Input((28, 28, channels), name="images"), keras.Input((28, 28, 1), name="mask")
    x = _down(layers.ConcatCondition()([images, mask]), width, seed=1)
    x = L.Flatten()(_down(x, 2 * width, seed=2))
    score = layers.SpectralNormalization(L.Dense(1, dtype="float32"), seed=3)(x)
    discriminator = keras.Model({"images": images, "mask": mask}, score, name="discriminator")
    masks = list(layers.MASK_KINDS)
    return {"generator": generator, "discriminator": discriminator, "masks": masks}


def _encode(x, filters):
    x = layers.Conv2D(filters, 4, strides=2, padding=1, kernel_initializer=_normal())(x)
    return L.LeakyReLU(0.2)(x)
