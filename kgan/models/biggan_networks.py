"""The residual networks of BigGAN, conditioned by class, by instance features, or by both."""

import itertools

import keras
from keras import ops

from kgan import layers
from kgan.errors import UsageError

L = keras.layers

# (in, out) of each block in units of the width; a discriminator begins with the image.
_GENERATOR = {
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
}
_DISCRIMINATOR = {
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
}


class _Spectral:
    """Makes spectral-normalised layers, each with power iterations that start elsewhere.

    Args:
        initializer: Keras initializer of all kernels.
    """

    def __init__(self, initializer):
        self.initializer = initializer
        self.seeds = itertools.count(1)

    def kernel(self):
        return keras.initializers.get(self.initializer)

    def wrap(self, layer):
        return layers.SpectralNormalization(layer, epsilon=1e-6, seed=next(self.seeds), name=layer.name)

    def dense(self, units, name, use_bias=True):
        return self.wrap(L.Dense(units, use_bias=use_bias, kernel_initializer=self.kernel(), name=name))

    def conv(self, filters, size, name):
        return self.wrap(L.Conv2D(filters, size, padding="same", kernel_initializer=self.kernel(), name=name))

    def norm(self, name):
        return layers.ConditionalBatchNormalization(
            kernel_initializer=self.kernel(), spectral=True, seed=10 * next(self.seeds), name=name
        )

    def attention(self):
        return layers.SelfAttention2D(self.kernel(), seed=10 * next(self.seeds), name="attention")


def _check(image_size, known, latent_dim, slots):
    if image_size not in known:
        raise UsageError(f"image_size must be one of {sorted(known)}, got {image_size}")
    if latent_dim % slots:
        raise UsageError(
            f"latent_dim must be a multiple of {slots}, the slots of size {image_size}, got {latent_dim}"
        )


def biggan_generator(
    image_size=64,
    channels=3,
    latent_dim=120,
    width=64,
    *,
    instance_dim=None,
    num_classes=None,
    attention=32,
    initializer="orthogonal",
):
    """BigGAN's generator: hierarchical noise, conditional batch norm in residual blocks, self-attention.

    Args:
        image_size: 64, 128 or 256 pixels.
        channels: image channels.
        latent_dim: length of z, which is cut into one chunk for the first layer and one for each block; a
            multiple of their number.
        width: channels of the unit, "ch" of the paper.
        instance_dim: length of the instance features, or `None` for none; they enter by 512 numbers.
        num_classes: number of classes, or `None` for none; they enter by a shared embedding of 128 numbers.
        attention: side in pixels of the maps with self-attention.
        initializer: Keras initializer of all kernels.

    Returns:
        A network from a dict with `z` and maybe `instance` and `label` to images in [-1, 1].

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, 2018;
    Casanova et al., Instance-Conditioned GAN, 2021.
    """
    slots = len(_GENERATOR.get(image_size, ()))
    _check(image_size, _GENERATOR, latent_dim, max(slots, 1))
    spectral = _Spectral(initializer)
    inputs = {"z": keras.Input((latent_dim,), name="z")}
    condition = []
    if num_classes is not None:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        # The one map of the generator that is not normalised.
        shared = L.Dense(128, use_bias=False, kernel_initializer=spectral.kernel(), name="classes")
        condition.append(shared(layers.OneHot(num_classes)(inputs["label"])))
    if instance_dim is not None:
        inputs["instance"] = keras.Input((instance_dim,), name="instance")
        condition.append(spectral.dense(512, "instances")(inputs["instance"]))
    first, *chunks = ops.split(inputs["z"], slots, axis=1)
    widths = [width * n for n in _GENERATOR[image_size]]
    x = L.Reshape((4, 4, widths[0]))(spectral.dense(16 * widths[0], "project")(first))
    for stage, (filters, chunk) in enumerate(zip(widths[1:], chunks)):
        joined = L.Concatenate()([*condition, chunk]) if condition else chunk
        x = _up_block(spectral, x, joined, filters, f"block{stage}")
        if x.shape[1] == attention:
            x = spectral.attention()(x)
    x = L.ReLU()(L.BatchNormalization(momentum=0.9, epsilon=1e-5, name="norm")(x))
    x = L.Activation("tanh", dtype="float32")(spectral.conv(channels, 3, "image")(x))
    return keras.Model(inputs, x, name="generator")


def _up_block(spectral, x, condition, filters, name):
    h = L.ReLU()(spectral.norm(f"{name}_norm1")([x, condition]))
    h = spectral.conv(filters, 3, f"{name}_conv1")(L.UpSampling2D(2)(h))
    h = L.ReLU()(spectral.norm(f"{name}_norm2")([h, condition]))
    h = spectral.conv(filters, 3, f"{name}_conv2")(h)
    return L.Add()([h, spectral.conv(filters, 1, f"{name}_shortcut")(L.UpSampling2D(2)(x))])


def biggan_discriminator(
    image_size=64,
    channels=3,
    width=64,
    *,
    instance_dim=None,
    num_classes=None,
    attention=32,
    initializer="orthogonal",
):
    """BigGAN's discriminator: residual blocks, self-attention, and the projection of the condition.

    The score is `linear(p) + <c, p>` with the features p summed over space and c the embedded condition: of
    the class, of the instance, or half of each.

    Args:
        image_size: 64, 128 or 256 pixels.
        channels: image channels.
        width: channels of the unit, "ch" of the paper.
        instance_dim: length of the instance features, or `None` for none.
        num_classes: number of classes, or `None` for none.
        attention: side in pixels of the maps with self-attention.
        initializer: Keras initializer of all kernels.

    Returns:
        A network from a dict with `images` and maybe `instance` and `label` to scores `[batch, 1]`.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: as `biggan_generator`.
    """
    _check(image_size, _DISCRIMINATOR, 1, 1)
    spectral = _Spectral(initializer)
    inputs = {"images": keras.Input((image_size, image_size, channels), name="images")}
    x, widths = inputs["images"], [width * n for n in _DISCRIMINATOR[image_size]]
    for stage, filters in enumerate(widths):
        x = _down_block(spectral, x, filters, f"block{stage}", first=stage == 0, down=stage < len(widths) - 1)
        if x.shape[1] == attention:
            x = spectral.attention()(x)
    p = ops.sum(L.ReLU()(x), axis=(1, 2))
    parts, total = [], (instance_dim is not None) + (num_classes is not None)
    if num_classes is not None:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        embedded = spectral.dense(widths[-1] // total, "classes", use_bias=False)
        parts.append(embedded(layers.OneHot(num_classes)(inputs["label"])))
    if instance_dim is not None:
        inputs["instance"] = keras.Input((instance_dim,), name="instance")
        parts.append(spectral.dense(widths[-1] // total, "instances")(inputs["instance"]))
    score = spectral.dense(1, "score")(p)
    if parts:
        joined = parts[0] if len(parts) == 1 else L.Concatenate()(parts)
        score = L.Add()([score, L.Dot(axes=1)([joined, p])])
    return keras.Model(inputs, L.Activation("linear", dtype="float32")(score), name="discriminator")


def _down_block(spectral, x, filters, name, *, first, down):
    h = x if first else L.ReLU()(x)
    h = spectral.conv(filters, 3, f"{name}_conv1")(h)
    h = spectral.conv(filters, 3, f"{name}_conv2")(L.ReLU()(h))
    h = L.AveragePooling2D(2)(h) if down else h
    shortcut = x
    if first:
        shortcut = spectral.conv(filters, 1, f"{name}_shortcut")(L.AveragePooling2D(2)(x))
    elif down or x.shape[-1] != filters:
        shortcut = spectral.conv(filters, 1, f"{name}_shortcut")(x)
        shortcut = L.AveragePooling2D(2)(shortcut) if down else shortcut
    return L.Add()([h, shortcut])
