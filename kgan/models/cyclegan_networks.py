"""The networks of CycleGAN: residual and U-Net generators, discriminators of patches."""

import keras

from kgan import checks, layers
from kgan.errors import UsageError
from kgan.types import Sides

L = keras.layers


def _normal():
    return keras.initializers.RandomNormal(stddev=0.02)


def _norm(affine=False):
    return layers.InstanceNormalization(1e-5, affine)


def _conv(filters, kernel, strides=1, padding=0):
    return layers.Conv2D(filters, kernel, strides, padding, kernel_initializer=_normal())


def _up(filters, kernel, padding, output_padding=0):
    return layers.Conv2DTranspose(
        filters, kernel, 2, padding, output_padding=output_padding, kernel_initializer=_normal()
    )


def resnet_generator(
    image_size=None, channels=3, out_channels=None, width=64, blocks=9, affine=False, residual=False
):
    """The residual generator of Johnson et al. (2016): 7x7, two halvings, `blocks` residual blocks, back up.

    Args:
        image_size: pixels, an int or (height, width), multiples of 4 >= 8; None for any size at run time.
        channels: channels of the input.
        out_channels: channels of the output, default those of the input.
        width: channels at full resolution; twice and four times as many after the halvings.
        blocks: residual blocks: 6 up to 128 pixels, 9 from 256.
        affine: learned scale and shift after each normalisation, as in the Torch version.
        residual: the network learns what to add to its input, so that it need not learn to copy, and goes
            back up by nearest neighbours and 3x3 convolutions, which leave no checkerboard. Unpublished; for
            short trainings.

    Raises:
        UsageError: an argument out of range, or `residual` with other channels in the output.

    Example:

    >>> resnet_generator(32, width=4, blocks=1).output_shape
    (None, 32, 32, 3)
    """
    channels, out_channels, width = _channels(channels, out_channels, width)
    if checks.flag("residual", residual) and out_channels != channels:
        raise UsageError(f"residual generators must keep the {channels} channels, got {out_channels}")
    checks.count("blocks", blocks, 0)
    height, width_pixels = _sides(image_size)
    for side in (height, width_pixels):
        if side is not None and (side < 8 or side % 4):
            raise UsageError(f"image_size of a residual generator must be a multiple of 4 >= 8, got {side}")
    inputs = keras.Input((height, width_pixels, channels))
    x = layers.ReflectionPadding2D(3)(inputs)
    x = L.ReLU()(_norm(affine)(_conv(width, 7)(x)))
    for scale in (2, 4):
        x = L.ReLU()(_norm(affine)(_conv(scale * width, 3, 2, 1)(x)))
    for _ in range(blocks):
        y = layers.ReflectionPadding2D(1)(x)
        y = L.ReLU()(_norm(affine)(_conv(4 * width, 3)(y)))
        y = layers.ReflectionPadding2D(1)(y)
        x = L.Add()([x, _norm(affine)(_conv(4 * width, 3)(y))])
    for scale in (2, 1):
        if residual:
            x = _conv(scale * width, 3)(layers.ReflectionPadding2D(1)(L.UpSampling2D(2)(x)))
        else:
            x = _up(scale * width, 3, 1, 1)(x)
        x = L.ReLU()(_norm(affine)(x))
    x = layers.ReflectionPadding2D(3)(x)
    x = _conv(out_channels, 7)(x)
    x = L.Add()([x, inputs]) if residual else x
    outputs = L.Activation("hard_tanh" if residual else "tanh", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="generator")


def unet_generator(image_size=256, channels=3, out_channels=None, width=64):
    """The U-Net of pix2pix (Isola et al., 2017): halvings down to one pixel, and skips to the way back.

    Args:
        image_size: pixels, an int that is a power of two >= 8, 128 and 256 in the paper.
        channels: channels of the input.
        out_channels: channels of the output, default those of the input.
        width: channels after the first halving; they double up to eight times as many.

    Raises:
        UsageError: an argument out of range.

    Example:

    >>> unet_generator(16, width=4).output_shape
    (None, 16, 16, 3)
    """
    channels, out_channels, width = _channels(channels, out_channels, width)
    if not checks.is_integer(image_size) or image_size < 8 or image_size & (image_size - 1):
        found = checks.shown(image_size)
        raise UsageError(f"image_size of a U-Net must be a power of two >= 8, got {found}")
    image_size = int(image_size)
    depth = image_size.bit_length() - 1
    widths = [width * min(2**i, 8) for i in range(depth)]
    inputs = keras.Input((image_size, image_size, channels))
    x, skips = inputs, []
    for i, filters in enumerate(widths):
        x = _conv(filters, 4, 2, 1)(x if i == 0 else L.LeakyReLU(0.2)(x))
        if 0 < i < depth - 1:  # one pixel has no variance to normalise
            x = _norm()(x)
        skips.append(x)
    for i in reversed(range(1, depth)):
        x = _norm()(_up(widths[i - 1], 4, 1)(L.ReLU()(x)))
        x = L.Concatenate()([skips[i - 1], x])
    x = _up(out_channels, 4, 1)(L.ReLU()(x))
    return keras.Model(inputs, L.Activation("tanh", dtype="float32")(x), name="generator")


def patch_discriminator(image_size=256, channels=3, width=64, stages=3, affine=False):
    """The PatchGAN: a map of scores, each of a patch of the image.

    Args:
        image_size: pixels, an int or (height, width); None for any size.
        channels: image channels.
        width: channels after the first convolution; they double up to eight times as many.
        stages: halvings n, >= 0; the patch has 16, 34, 70, 142 pixels a side for 1, 2, 3, 4.
        affine: learned scale and shift after each normalisation.

    Raises:
        UsageError: an argument out of range, or the image is smaller than the patch.

    Example:

    >>> patch_discriminator(256).output_shape
    (None, 30, 30, 1)
    """
    channels, _, width = _channels(channels, None, width)
    stages = checks.count("stages", stages, 0)
    sides = _sides(image_size)
    for side in sides:
        if side is not None and side < receptive_field(stages):
            raise UsageError(
                f"image_size must be at least {receptive_field(stages)}, the side of a patch with {stages} "
                f"halvings, got {side}: use fewer halvings"
            )
    kernel, pad = (4, 1) if stages else (1, 0)
    blocks = [_conv(width, kernel, 2 if stages else 1, pad), L.LeakyReLU(0.2)]
    for stage in range(1, stages + 1):
        filters = width * min(2**stage, 8)
        strides = 2 if stage < stages else 1
        blocks += [_conv(filters, kernel, strides, pad), _norm(affine), L.LeakyReLU(0.2)]
    if not stages:
        blocks += [_conv(2 * width, 1), _norm(affine), L.LeakyReLU(0.2)]
    score = layers.Conv2D(1, kernel, 1, pad, kernel_initializer=_normal(), dtype="float32")
    return keras.Sequential([keras.Input((*sides, channels)), *blocks, score], name="discriminator")


def receptive_field(stages):
    """Side in pixels of the patch that one score of `patch_discriminator` sees.

    Args:
        stages: halvings, >= 0.

    Example:

    >>> [receptive_field(n) for n in range(7)]
    [1, 16, 34, 70, 142, 286, 574]
    """
    field = 1
    for strides in [1, 1] + [2] * stages if stages else []:
        field = (field - 1) * strides + 4
    return field


def _channels(channels, out_channels, width):
    """Channels of images that go in and come out, and the width of a network, each at least 1."""
    channels = checks.count("channels", channels)
    out_channels = channels if out_channels is None else checks.count("out_channels", out_channels)
    return channels, out_channels, checks.count("width", width)


def _sides(image_size):
    sides = tuple(image_size) if isinstance(image_size, tuple | list) else (image_size, image_size)
    if len(sides) != 2:
        raise UsageError(f"image_size must be one side or (height, width), got {image_size}")
    return tuple(None if side is None else checks.count("image_size", side) for side in sides)


def networks(
    generator=resnet_generator,
    image_size=256,
    channels=3,
    width=64,
    stages=3,
    discriminator_width=None,
    **kwargs,
):
    """Two generators and two discriminators, for the constructor of `CycleGAN`.

    Args:
        generator: `resnet_generator` or `unet_generator`.
        image_size: pixels, an int or (height, width).
        channels: image channels of both sets.
        width: channels at the networks' outer stages.
        stages: halvings in the discriminators.
        discriminator_width: channels at their outer stage, default `width`.
        **kwargs: more arguments of the generator.

    Raises:
        UsageError: an argument out of range.

    Example:

    >>> sorted(networks(image_size=40, width=4, stages=2, blocks=1))
    ['discriminator_a', 'discriminator_b', 'generator_ab', 'generator_ba']
    """
    made = {}
    checks.count("width", width)
    if discriminator_width is None:
        discriminator_width = width
    checks.count("discriminator_width", discriminator_width)
    for name in ("generator_ab", "generator_ba"):
        made[name] = generator(image_size, channels, width=width, **kwargs)
    for name in ("discriminator_a", "discriminator_b"):
        made[name] = patch_discriminator(image_size, channels, discriminator_width, stages)
    for name, network in made.items():
        network.name = name
    return made


def sides_of(network):
    """The image sides that a network of free sizes keeps.

    Args:
        network: built functional network from images to images.

    Returns:
        `kgan.types.Sides`, or `None` where no multiple of its halvings comes out.

    Example:

    >>> sides_of(resnet_generator(width=2, blocks=1)).multiple
    4
    """
    multiple, channels = 1, network.input_shape[-1]
    for layer in network._flatten_layers():
        if hasattr(layer, "strides") and not isinstance(layer, L.Conv2DTranspose):
            multiple *= max(layer.strides)  # convolutions and poolings
    for least in range(multiple, 5 * multiple, multiple):
        try:
            made = network.compute_output_spec(keras.KerasTensor((1, least, least, channels)))
        except (ValueError, UsageError):
            continue
        if made.shape[1:3] == (least, least):
            return Sides(multiple, least)
    return None
