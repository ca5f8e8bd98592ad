"""The networks of StarGAN, and the published settings of its training."""

import keras

from kgan import checks, layers, losses
from kgan.engine.schedules import LinearTail
from kgan.errors import UsageError
from kgan.models.domain_labels import known_parts, widths

L = keras.layers


def _start():
    # Uniform within 1 / sqrt(fan in), the start of the Torch layers that the published code leaves as it is.
    return keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")


def _conv(filters, kernel, strides=1, padding=0, **kwargs):
    return layers.Conv2D(
        filters, kernel, strides, padding, use_bias=False, kernel_initializer=_start(), **kwargs
    )


def _norm():
    return layers.InstanceNormalization(1e-5, affine=True)


def generator(image_size=128, channels=3, num_classes=None, schema=None, width=64, blocks=6):
    """The residual generator, which gets the target domain as constant maps beside the image.

    Args:
        image_size: pixels, an int that is a multiple of 4, at least 8.
        channels: image channels.
        num_classes: K >= 2 where a domain is one of K; its number is then the input `domain`.
        schema: otherwise parts as in `kgan.models.domain_labels.checked_schema`; `domain` is then a vector.
        width: channels at full resolution; twice and four times as many after the halvings.
        blocks: residual blocks, >= 0.

    Raises:
        UsageError: an argument breaks its rule, or neither or both of `num_classes` and `schema` are given.

    Example:

    >>> network = generator(16, num_classes=3, width=4, blocks=1)
    >>> sorted(network.input), network.output_shape
    (['domain', 'image'], (None, 16, 16, 3))
    """
    if not checks.is_integer(image_size) or image_size % 4 or image_size < 8:
        raise UsageError(f"image_size must be a multiple of 4, at least 8, got {checks.shown(image_size)}")
    checks.count("channels", channels)
    checks.count("width", width)
    checks.count("blocks", blocks, 0)
    image = keras.Input((image_size, image_size, channels), name="image")
    schema = known_parts(num_classes, schema)
    if num_classes is None:
        domain = keras.Input((widths(schema)[1],), name="domain")
        y = domain
    else:
        domain = keras.Input((), dtype="int32", name="domain")
        y = layers.OneHot(num_classes)(domain)
    # Zero padding: with reflected borders the normalisation would remove the constant maps entirely.
    x = layers.ConcatCondition()([image, y])
    x = L.ReLU()(_norm()(_conv(width, 7, 1, 3)(x)))
    for scale in (2, 4):
        x = L.ReLU()(_norm()(_conv(scale * width, 4, 2, 1)(x)))
    for _ in range(blocks):
        y = L.ReLU()(_norm()(_conv(4 * width, 3, 1, 1)(x)))
        x = L.Add()([x, _norm()(_conv(4 * width, 3, 1, 1)(y))])
    for scale in (2, 1):
        up = layers.Conv2DTranspose(scale * width, 4, 2, 1, use_bias=False, kernel_initializer=_start())
        x = L.ReLU()(_norm()(up(x)))
    made = L.Activation("tanh", dtype="float32")(_conv(channels, 7, 1, 3)(x))
    return keras.Model({"image": image, "domain": domain}, made, name="generator")


def discriminator(image_size=128, channels=3, num_classes=None, schema=None, width=64, stages=6):
    """The network that judges realness in a map of scores, and the domain of the whole image.

    Args:
        image_size: pixels, an int that is a multiple of `2 ** stages`. The classifying head has its size, so
            weights of one image size do not fit another.
        channels: image channels.
        num_classes, schema: as in `generator`.
        width: channels after the first convolution; they double with each.
        stages: halvings, >= 1.

    Returns:
        Network from images to a list: scores `[batch, side, side, 1]`, logits `[batch, labels]`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> discriminator(16, num_classes=3, width=4, stages=3).output_shape
    [(None, 2, 2, 1), (None, 3)]
    """
    logits, _ = widths(known_parts(num_classes, schema))
    for name, value in (("channels", channels), ("width", width), ("stages", stages)):
        checks.count(name, value)
    if not checks.is_integer(image_size) or image_size < 2**stages or image_size % 2**stages:
        found = checks.shown(image_size)
        raise UsageError(f"image_size must be a multiple of {2**stages} for {stages} halvings, got {found}")
    images = keras.Input((image_size, image_size, channels), name="images")
    x, filters, incoming = images, width, channels
    for _ in range(stages):
        limit = (16 * incoming) ** -0.5
        convolution = layers.Conv2D(
            filters,
            4,
            2,
            1,
            kernel_initializer=_start(),
            bias_initializer=keras.initializers.RandomUniform(-limit, limit),
        )
        x = L.LeakyReLU(0.01)(convolution(x))
        filters, incoming = 2 * filters, filters
    source = _conv(1, 3, 1, 1, dtype="float32", name="source")(x)
    classes = _conv(logits, image_size >> stages, dtype="float32", name="classes")(x)
    return keras.Model(images, [source, L.Flatten(dtype="float32")(classes)], name="discriminator")


def networks(
    image_size=128,
    channels=3,
    num_classes=None,
    schema=None,
    width=64,
    blocks=6,
    stages=6,
    discriminator_width=None,
):
    """Both networks and what they are told, for the constructor of `StarGAN`.

    Args:
        image_size, channels, num_classes, schema, width, blocks: as in `generator`.
        stages: halvings in the discriminator.
        discriminator_width: channels after its first convolution, default `width`.

    Example:

    >>> sorted(networks(16, num_classes=3, width=4, blocks=1, stages=3))
    ['discriminator', 'generator', 'num_classes', 'schema']
    """
    told = {"num_classes": num_classes, "schema": schema}
    judged = {"width": width if discriminator_width is None else discriminator_width, "stages": stages}
    return {
        "generator": generator(image_size, channels, **told, width=width, blocks=blocks),
        "discriminator": discriminator(image_size, channels, **told, **judged),
        **told,
    }


def training(schedule="as_described", learning_rate=1e-4, updates=200_000, generator_every=5):
    """The published settings of `compile`: Adam for both players, and the Wasserstein loss with its penalty.

    Args:
        schedule: `"as_described"`: the rate falls to 0 in the second half of the training; `"as_released"`:
            as the authors' code has it, where the fall ends at 99.9 % of the rate; `"constant"`.
        learning_rate: that of the first update, greater than 0.
        updates: updates of the discriminator in the whole training, a multiple of 200 * `generator_every`.
        generator_every: updates of the discriminator to one of the generator.

    Raises:
        UsageError: an unknown schedule, or a number out of range.

    Example:

    >>> adam = training()["optimizer"]["generator"]
    >>> round(float(adam._learning_rate(30_000)), 7)
    5e-05
    """
    # The fall is in 100 steps; released, each is 1/1000 of what was meant.
    ends = {"as_described": 200, "as_released": 100_100, "constant": None}
    if not isinstance(schedule, str) or schedule not in ends:
        raise UsageError(f"schedule must be one of {', '.join(ends)}, got {checks.shown(schedule)}")
    checks.positive("learning_rate", learning_rate)
    round_ = 200 * checks.count("generator_every", generator_every)
    if not checks.is_integer(updates) or updates < 1 or updates % round_:
        raise UsageError(f"updates must be a multiple of {round_}, got {checks.shown(updates)}")

    def adam(own_updates):
        end = ends[schedule]
        rate = learning_rate if end is None else LinearTail(learning_rate, own_updates // 200, 100, end)
        return keras.optimizers.Adam(rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)

    return {
        "optimizer": {"generator": adam(updates // generator_every), "discriminator": adam(updates)},
        "loss": losses.Wasserstein(),
        "penalties": [losses.GradientPenalty(10.0)],
    }
