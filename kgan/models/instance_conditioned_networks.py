"""Small networks of the instance-conditioned GAN, for pictures of 8 pixels and up."""

import keras
from keras import ops

from kgan import layers
from kgan.errors import UsageError

L = keras.layers


def _sides(image_size):
    if image_size < 8 or image_size & (image_size - 1):
        raise UsageError(f"image_size must be a power of two >= 8, got {image_size}")
    return image_size.bit_length() - 3  # doublings from 4 pixels


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _embedded(inputs, instance_dim, num_classes, width):
    """The embedded conditions of a network, and their named inputs into `inputs`."""
    parts = []
    if instance_dim is not None:
        inputs["instance"] = keras.Input((instance_dim,), name="instance")
        # Features after a ReLU share most of their direction: what differs is brought to variance 1.
        norm = L.BatchNormalization(momentum=0.9, center=False, scale=False, name="standardize")
        parts.append(L.Dense(width, name="instances")(norm(inputs["instance"])))
    if num_classes is not None:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        dense = L.Dense(width, use_bias=False, name="classes")
        parts.append(dense(layers.OneHot(num_classes)(inputs["label"])))
    return parts


def small_generator(
    image_size=32, channels=3, latent_dim=64, width=32, *, instance_dim=1280, num_classes=None, embedding=128
):
    """A generator of transposed convolutions whose batch norms are driven by noise and conditions.

    Args:
        image_size: power of two >= 8, in pixels.
        channels: image channels.
        latent_dim: length of the noise vector.
        width: channels of the last hidden stage, doubled towards the bottom.
        instance_dim: length of the instance features, or `None` for none.
        num_classes: number of classes, or `None` for none.
        embedding: length that each condition is embedded in.

    Returns:
        A network from a dict with `z` and maybe `instance` and `label` to images in [-1, 1]; from `z` alone
        without conditions, for a baseline of the same layers.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> small_generator(width=4, instance_dim=8).output_shape
    (None, 32, 32, 3)
    """
    stages = _sides(image_size)
    inputs = {"z": keras.Input((latent_dim,), name="z")}
    parts = [inputs["z"], *_embedded(inputs, instance_dim, num_classes, embedding)]
    condition = L.Concatenate()(parts) if len(parts) > 1 else inputs["z"]
    filters = [width * 2**stage for stage in reversed(range(stages))]
    x = L.Dense(16 * 2 * filters[0], kernel_initializer=_normal(), name="project")(condition)
    x = L.Reshape((4, 4, 2 * filters[0]))(x)
    for stage, count in enumerate([*filters, channels]):
        norm = layers.ConditionalBatchNormalization(kernel_initializer=_normal(), name=f"norm{stage}")
        x = L.ReLU()(norm([x, condition]))
        if stage < stages:
            up = {"padding": 1, "kernel_initializer": _normal(), "name": f"up{stage}"}
            x = layers.Conv2DTranspose(count, 4, strides=2, **up)(x)
    x = L.Conv2D(channels, 3, padding="same", kernel_initializer=_normal(), name="image")(x)
    x = L.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs if len(inputs) > 1 else inputs["z"], x, name="generator")


def small_discriminator(
    image_size=32, channels=3, width=32, *, instance_dim=1280, num_classes=None, embedding=128
):
    """A discriminator of spectral-normalised convolutions that ends in a projection of the conditions.

    Args:
        image_size: power of two >= 8, in pixels.
        channels: image channels.
        width: channels of the first stage, doubled at each of the next.
        instance_dim: length of the instance features, or `None` for none.
        num_classes: number of classes, or `None` for none.
        embedding: length that each condition is embedded in.

    Returns:
        A network from a dict with `images` and maybe `instance` and `label` to scores `[batch, 1]`; from
        the images alone without conditions.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> small_discriminator(width=4, instance_dim=8).output_shape
    (None, 1)
    """
    inputs = {"images": keras.Input((image_size, image_size, channels), name="images")}
    parts = _embedded(inputs, instance_dim, num_classes, embedding)
    x = inputs["images"]
    for stage in range(_sides(image_size)):
        conv = layers.Conv2D(width * 2**stage, 4, strides=2, padding=1, name=f"down{stage}")
        x = L.LeakyReLU(0.2)(layers.SpectralNormalization(conv, seed=stage, name=conv.name)(x))
    last = layers.Conv2D(2 * x.shape[-1], 3, padding=1, name="last")
    p = L.LeakyReLU(0.2)(layers.SpectralNormalization(last, seed=100, name="last")(x))
    p = ops.sum(p, axis=(1, 2))

    def normalised(units, seed, name):
        return layers.SpectralNormalization(L.Dense(units, name=name), seed=seed, name=name)

    score = normalised(1, 101, "score")(p)
    if parts:
        joined = parts[0] if len(parts) == 1 else L.Concatenate()(parts)
        score = L.Add()([score, L.Dot(axes=1)([normalised(p.shape[-1], 102, "projection")(joined), p])])
    score = L.Activation("linear", dtype="float32")(score)
    return keras.Model(inputs if len(inputs) > 1 else inputs["images"], score, name="discriminator")
