"""Latent draws and latent arithmetic in numpy, the same for every backend and for exported bundles."""

import math

import numpy as np

from kgan import checks
from kgan.errors import UsageError


def draw(inputs, n, seed=None, banks=None, values=None):
    """Draw `n` samples of every input of a sampling network.

    One generator serves the inputs in their order, so a seed means the same noise on every backend and in
    an exported bundle. Noise does not depend on which inputs the caller gives.

    Args:
        inputs: sequence of `kgan.types.Input`.
        n: how many samples, at least 0.
        seed: int >= 0, or None for fresh entropy.
        banks: dict of the name of a `"given"` or `"label"` input -> its examples `[m, *shape]`, all with the
            same m >= 1. Sample i takes one row, the same of every bank.
        values: dict of name -> array `[n, *shape]` for inputs that shall not be drawn.

    Returns:
        dict of name -> array `[n, *shape]` of the input's dtype.

    Raises:
        UsageError: a negative `n` or `seed`, a `"given"` input without value and bank, banks of different
            lengths.

    Example:
        >>> from kgan.types import Input
        >>> z = draw([Input("z", (100,), distribution="sphere")], 2, seed=0)["z"]
        >>> z.shape, str(z.dtype), np.linalg.norm(z, axis=1).round(5).tolist()
        ((2, 100), 'float32', [1.0, 1.0])
    """
    if n < 0:
        raise UsageError(f"n must be at least 0, got {n}")
    if seed is not None:
        checks.count("seed", seed, 0)
    rng = np.random.default_rng(seed)
    drawn = {
        item.name: _LAWS[item.distribution](rng, (n, *item.shape), item)
        for item in inputs
        if item.distribution != "given" and item.name not in (banks or {})
    }
    drawn.update(values or {})
    # Last, so that the noise of a seed is the same with and without banks.
    drawn.update(_rows([item for item in inputs if item.name not in drawn], n, rng, banks or {}))
    return {item.name: np.asarray(drawn[item.name]).astype(item.dtype) for item in inputs}


def _rows(missing, n, rng, banks):
    """For each missing input the rows of its bank, the same for all."""
    for item in missing:
        if item.name not in banks:
            raise UsageError(f"{item.name} must be given: there is no bank of examples to draw it from")
    sizes = {name: len(bank) for name, bank in banks.items()}
    if not missing:
        return {}
    if min(sizes.values()) < 1 or len(set(sizes.values())) > 1:
        raise UsageError(f"banks must have the same number of rows, at least 1, got {sizes}")
    rows = rng.integers(0, next(iter(sizes.values())), n)
    return {item.name: np.asarray(banks[item.name])[rows] for item in missing}


def lerp(a, b, t):
    """Straight line from `a` to `b`; exact at both ends.

    Args:
        a, b: arrays `[..., d]`.
        t: position, 0 at `a` and 1 at `b`: a scalar, or one number per vector `[...]`.

    Returns:
        Array `[..., d]` of the dtype of `a` and `b`.

    Example:
        >>> lerp(np.array([0.0, 2.0]), np.array([4.0, 2.0]), 0.25).tolist()
        [1.0, 2.0]
    """
    a, b, t, dtype = _operands(a, b, t)
    return ((1.0 - t) * a + t * b).astype(dtype)


def slerp(a, b, t):
    """Great circle from the direction of `a` to that of `b`, while the length goes linearly from |a| to |b|.

    For unit vectors this is the interpolation of perceptual path length in Z. Where no great circle is
    defined (parallel or opposite vectors, or a zero vector) it is the straight line.

    Args:
        a, b: arrays `[..., d]`.
        t: position, 0 at `a` and 1 at `b`: a scalar, or one number per vector `[...]`.

    Returns:
        Array `[..., d]` of the dtype of `a` and `b`.

    Example:
        >>> slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.25).round(7).tolist()
        [0.9238795, 0.3826834]
    """
    a, b, t, dtype = _operands(a, b, t)
    length_a, length_b = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    zero = (length_a == 0.0) | (length_b == 0.0)
    unit_a, unit_b = (v / np.where(zero, 1.0, length) for v, length in ((a, length_a), (b, length_b)))
    cosine = np.sum(unit_a * unit_b, axis=-1, keepdims=True)
    across = unit_b - cosine * unit_a
    sine = np.linalg.norm(across, axis=-1, keepdims=True)
    straight = zero | (sine < 1e-9)
    angle = t * np.arctan2(sine, cosine)  # acos loses half the digits near 0
    turned = unit_a * np.cos(angle) + across / np.where(straight, 1.0, sine) * np.sin(angle)
    curved = turned * ((1.0 - t) * length_a + t * length_b)
    return np.where(straight, (1.0 - t) * a + t * b, curved).astype(dtype)


def path(a, b, steps, kind="lerp"):
    """Evenly spaced latents from `a` to `b`, both ends included and exact.

    Args:
        a, b: arrays `[..., d]`.
        steps: how many, at least 2.
        kind: `"lerp"` or `"slerp"`.

    Returns:
        Array `[steps, ..., d]`.

    Raises:
        UsageError: fewer than 2 steps, or an unknown kind.

    Example:
        >>> path(np.zeros(2), np.ones(2), 3).tolist()
        [[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]
    """
    kinds = {"lerp": lerp, "slerp": slerp}
    steps = checks.count("steps", steps, 2)
    if kind not in kinds:
        raise UsageError(f"kind must be lerp or slerp, got {kind!r}")
    between = [kinds[kind](a, b, t) for t in np.linspace(0.0, 1.0, steps)[1:-1]]
    dtype = np.result_type(np.asarray(a).dtype, np.asarray(b).dtype, np.float32)
    return np.stack([np.asarray(a, dtype), *between, np.asarray(b, dtype)])


def truncate(w, mean, psi):
    """Pull latents toward their mean: `mean + psi * (w - mean)` (StyleGAN, Karras et al. 2019).

    Args:
        w: array `[..., d]`.
        mean: array `[d]`, or any shape that broadcasts to `w`.
        psi: 1 changes nothing, 0 gives the mean, negative values the opposite; a scalar, or one number per
            vector `[...]`.

    Returns:
        Array of the shape of `w`.

    Example:
        >>> truncate(np.array([3.0, 1.0]), np.array([1.0, 1.0]), 0.5).tolist()
        [2.0, 1.0]
    """
    return lerp(np.broadcast_to(mean, np.shape(w)), w, psi)


def _operands(a, b, t):
    """`a`, `b`, `t` in float64, `t` with an axis for the vector, and the dtype to return."""
    a, b = np.asarray(a), np.asarray(b)
    dtype = np.result_type(a.dtype, b.dtype, np.float32)
    return a.astype(np.float64), b.astype(np.float64), np.asarray(t, np.float64)[..., None], dtype


def _normal(rng, shape, item):
    return rng.standard_normal(shape)


def _uniform(rng, shape, item):
    return rng.uniform(-1.0, 1.0, shape)


def _uniform01(rng, shape, item):
    return rng.uniform(0.0, 1.0, shape)


def _uniform_sqrt3(rng, shape, item):
    return rng.uniform(-math.sqrt(3.0), math.sqrt(3.0), shape)


def _sphere(rng, shape, item):
    noise = rng.standard_normal(shape)
    return noise / np.sqrt(np.sum(np.square(noise), axis=tuple(range(1, len(shape))), keepdims=True))


def _zeros(rng, shape, item):
    return np.zeros(shape)


def _ones(rng, shape, item):
    return np.ones(shape)


def _label(rng, shape, item):
    return rng.integers(0, item.num_classes, shape)


_LAWS = {
    "normal": _normal,
    "uniform": _uniform,
    "uniform01": _uniform01,
    "uniform_sqrt3": _uniform_sqrt3,
    "sphere": _sphere,
    "zeros": _zeros,
    "ones": _ones,
    "label": _label,
}
