"""Gradient penalties: terms added to one player's loss, with its gradient by the images or the latents."""

import math

import keras
from keras import ops

from kgan import checks
from kgan._backend import input_gradient
from kgan.errors import UsageError
from kgan.layers.safe_norm import safe_norm


class Penalty:
    """Base of the penalties on a gradient.

    A penalty says where the gradient is taken (`at`) and what it costs (`from_gradient`), so that a train
    step can reuse a score that it has computed already. Called, it does both from scratch.

    With `interval` n the engine adds it on every n-th step of its player, times n (lazy regularisation,
    Karras et al. 2020); the value returned here is never multiplied by n.

    Args:
        weight: multiplies the penalty, at least 0.
        interval: add it every `interval` steps of its player, at least 1.

    Raises:
        UsageError: a weight that is negative or not finite, or an interval below 1.
    """

    name = "penalty"  # its key in the logs
    player = "discriminator"
    point: str | None = None  # "real", "fake", "between", or None when the point is no image

    def __init__(self, weight, interval=1):
        if not (math.isfinite(weight) and weight >= 0):
            raise UsageError(f"weight must be at least 0, got {weight}")
        self.weight = float(weight)
        self.interval = checks.count("interval", interval)

    def __call__(self, critic, real, fake, seed=None):
        """The penalty, a scalar; `critic` maps images `[B, ...]` to scores."""
        _, gradient = input_gradient(critic, self.at(real, fake, seed))
        return self.from_gradient(gradient)

    def at(self, real, fake, seed=None):
        """The images at which the gradient is taken, cut off from the network that made them."""
        if self.point not in ("real", "fake"):
            raise NotImplementedError(f"{type(self).__name__} must define at")
        return ops.stop_gradient(ops.convert_to_tensor(real if self.point == "real" else fake))

    def from_gradient(self, gradient):
        """The penalty, a scalar, from the gradient `[B, ...]` of the summed scores by the images."""
        raise NotImplementedError(f"{type(self).__name__} must define from_gradient")

    def build(self, model):
        """Add the penalty's state, if it has any, to the weights of `model`."""

    def check(self, network):
        """Raise UsageError when `network` must not be penalised this way."""

    def get_config(self):
        return {"weight": self.weight, "interval": self.interval}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


@keras.saving.register_keras_serializable("kgan")
class R1(Penalty):
    """`weight/2 * E ||grad_x D(x)||^2` on reals, the squares summed over pixels (Mescheder et al. 2018).

    Args:
        weight: gamma; a start for images of a given side is `0.0002 * side**2 / batch` (Karras et al. 2020).
        interval: add it every `interval` discriminator steps.

    Example:
        >>> critic = lambda x: ops.sum(x * 2.0, axis=(1, 2, 3))
        >>> images = ops.zeros((4, 2, 2, 1))
        >>> float(R1(weight=1.0)(critic, images, images))
        8.0
    """

    name = "r1"
    point = "real"

    def __init__(self, weight=10.0, interval=1):
        super().__init__(weight, interval)

    def from_gradient(self, gradient):
        return 0.5 * self.weight * ops.mean(ops.sum(ops.square(_rows(gradient)), axis=1))


@keras.saving.register_keras_serializable("kgan")
class R2(R1):
    """`weight/2 * E ||grad_x D(x)||^2` on fakes, which are constants here (Mescheder et al. 2018).

    Args:
        weight: gamma.
        interval: add it every `interval` discriminator steps.

    Example:
        >>> critic = lambda x: ops.sum(x * 2.0, axis=(1, 2, 3))
        >>> images = ops.zeros((4, 2, 2, 1))
        >>> float(R2(weight=1.0)(critic, images, images))
        8.0
    """

    name = "r2"
    point = "fake"


@keras.saving.register_keras_serializable("kgan")
class GradientPenalty(Penalty):
    """`weight * E (||grad_x D(x)|| / target - 1)^2` between reals and fakes: WGAN-GP.

    Each point lies uniformly on the segment from a real to the fake of the same batch index. Gulrajani et
    al. 2017; a target other than 1 as in Karras et al. 2018.

    Args:
        weight: lambda.
        target: the norm that the gradient should have, greater than 0.
        interval: add it every `interval` discriminator steps.

    Raises:
        UsageError: a target that is not greater than 0.

    Example:
        >>> critic = lambda x: ops.sum(x * 2.0, axis=(1, 2, 3))
        >>> images = ops.zeros((4, 2, 2, 1))
        >>> float(GradientPenalty()(critic, images, images, seed=0))
        90.0
    """

    name = "gradient_penalty"
    point = "between"

    def __init__(self, weight=10.0, target=1.0, interval=1):
        super().__init__(weight, interval)
        if not (math.isfinite(target) and target > 0):
            raise UsageError(f"target must be greater than 0, got {target}")
        self.target = float(target)

    def at(self, real, fake, seed=None):
        if seed is None:
            raise UsageError("gradient_penalty draws its points and needs a seed, got None")
        real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
        shape = (ops.shape(real)[0],) + (1,) * (len(real.shape) - 1)
        u = ops.cast(keras.random.uniform(shape, seed=seed), real.dtype)
        return ops.stop_gradient(real + u * (ops.cast(fake, real.dtype) - real))

    def from_gradient(self, gradient):
        norm = safe_norm(_rows(gradient), axis=1)
        return self.weight * ops.mean(ops.square(norm / self.target - 1.0))

    def check(self, network):
        for variable in network.non_trainable_variables:
            # Batch statistics make a score depend on the other samples: no gradient per sample is left.
            if variable.name in ("moving_mean", "moving_variance"):
                raise UsageError(
                    "gradient_penalty needs a discriminator without batch normalisation, "
                    f"got the layer of {variable.path}"
                )

    def get_config(self):
        return {"weight": self.weight, "target": self.target, "interval": self.interval}


@keras.saving.register_keras_serializable("kgan")
class PathLength(Penalty):
    """`weight * E (|J^T y| - a)^2`: a step in w should change the image by a fixed length.

    `y` is a random image of variance 1/(H*W), and `a` the moving average of the lengths, kept as a weight
    of the model; it is moved first and then held constant. Karras et al. 2020 (StyleGAN2).

    Args:
        weight: multiplies the squared deviation.
        decay: share of the batch's mean length that enters the average at each use, in (0, 1].
        interval: add it every `interval` generator steps.

    Raises:
        UsageError: `decay` outside (0, 1]; use before `build(model)`.

    Example:
        >>> penalty = PathLength(decay=0.5)
        >>> penalty.build(keras.Model())
        >>> float(penalty.from_gradient(ops.ones((8, 4))))  # lengths 2, their average so far 1
        2.0
    """

    name = "path_length"
    player = "generator"

    def __init__(self, weight=2.0, decay=0.01, interval=4):
        super().__init__(weight, interval)
        if not 0.0 < decay <= 1.0:
            raise UsageError(f"decay must lie in (0, 1], got {decay}")
        self.decay = float(decay)
        self.average = None

    def build(self, model):
        if self.average is None:
            self.average = model.add_weight(
                shape=(),
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
                name="path_length_average",
            )

    def __call__(self, synthesis, w, fake=None, seed=None):
        """The penalty, a scalar; `synthesis` maps latents `w` `[B, D]` or `[B, layers, D]` to images.

        On torch, `w` that depends on the mapping network stays attached, so that it learns too.
        """
        if seed is None:
            raise UsageError("path_length draws random images and needs a seed, got None")

        def projected(w):
            images = synthesis(w)
            pixels = math.prod(images.shape[1:-1])
            y = keras.random.normal(ops.shape(images), seed=seed) / math.sqrt(pixels)
            return ops.sum(images * ops.cast(y, images.dtype), axis=tuple(range(1, len(images.shape))))

        _, gradient = input_gradient(projected, ops.convert_to_tensor(w))
        return self.from_gradient(gradient)

    def from_gradient(self, gradient):
        """The penalty from the gradient `[B, D]` or `[B, layers, D]` by the latents; moves the average."""
        if self.average is None:
            raise UsageError("path_length keeps an average: call build(model) before using it")
        lengths = safe_norm(gradient, axis=-1)
        if len(lengths.shape) > 1:
            lengths = ops.sqrt(ops.mean(ops.square(lengths), axis=1))
        mean = ops.stop_gradient(ops.mean(lengths))
        average = self.average + self.decay * (mean - self.average)
        self.average.assign(average)
        return self.weight * ops.mean(ops.square(lengths - average))

    def get_config(self):
        return {"weight": self.weight, "decay": self.decay, "interval": self.interval}


def _rows(gradient):
    """A gradient as `[B, values per sample]` in float32 at least: squares of half precision overflow."""
    gradient = ops.cast(gradient, keras.backend.result_type(gradient.dtype, "float32"))
    return ops.reshape(gradient, (ops.shape(gradient)[0], -1))
