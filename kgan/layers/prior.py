"""Latent priors drawn inside a train step."""

import math

import keras
from keras import ops

from kgan.errors import UsageError

_BOUNDS = {
    "uniform": (-1.0, 1.0),
    "uniform01": (0.0, 1.0),
    "uniform_sqrt3": (-math.sqrt(3.0), math.sqrt(3.0)),
}


def sample_prior(distribution, shape, seed, num_classes=None):
    """Draw latents with the running backend; the laws are those of `kgan.types.Input`.

    Args:
        distribution: `"normal"`, `"uniform"` U(-1, 1), `"uniform01"` U(0, 1), `"uniform_sqrt3"`
            U(-sqrt 3, sqrt 3), `"sphere"` N(0, I) scaled to unit length per sample, `"zeros"`,
            `"ones"`, or `"label"`.
        shape: shape with the batch axis.
        seed: `keras.random.SeedGenerator`, or an int to draw the same values at each call.
        num_classes: number of classes of a `"label"`.

    Returns:
        float32 tensor of that shape, int32 for labels.

    Raises:
        UsageError: an unknown distribution, or a label without `num_classes`.

    Example:
        >>> z = sample_prior("sphere", (4, 100), seed=0)
        >>> [round(float(n), 5) for n in ops.sum(z * z, axis=1)]
        [1.0, 1.0, 1.0, 1.0]
    """
    if distribution == "normal":
        return keras.random.normal(shape, dtype="float32", seed=seed)
    if distribution in _BOUNDS:
        return keras.random.uniform(shape, *_BOUNDS[distribution], dtype="float32", seed=seed)
    if distribution == "sphere":
        noise = keras.random.normal(shape, dtype="float32", seed=seed)
        axes = tuple(range(1, len(shape)))
        return noise * ops.rsqrt(ops.sum(ops.square(noise), axis=axes, keepdims=True))
    if distribution == "zeros":
        return ops.zeros(shape, dtype="float32")
    if distribution == "ones":
        return ops.ones(shape, dtype="float32")
    if distribution == "label":
        if num_classes is None:
            raise UsageError("distribution label needs num_classes, got None")
        return keras.random.randint(shape, 0, num_classes, dtype="int32", seed=seed)
    raise UsageError(
        "distribution must be one of normal, uniform, uniform01, uniform_sqrt3, sphere, zeros, ones, label, "
        f"got {distribution!r}"
    )
