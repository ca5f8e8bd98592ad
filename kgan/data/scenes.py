"""Two sets of drawn pictures whose true translation is known: a check that needs no data."""

import numpy as np

from kgan.errors import UsageError


def scene_pairs(n, image_size=16, seed=0):
    """Pictures of one warm shape on a dark ground, and the same ones with red and blue exchanged.

    The shape is a square or a disc of random place, size and colour between red and yellow; the ground is a
    dark brown. The true translation of a picture into the other set exchanges its first and last channel.

    Args:
        n: number of pairs, >= 1.
        image_size: side in pixels, >= 8.
        seed: int >= 0.

    Returns:
        `(a, b)`: uint8 arrays `[n, image_size, image_size, 3]`; row i of both is a true pair.

    Raises:
        UsageError: an argument out of range.

    Example:

    >>> a, b = scene_pairs(4)
    >>> a.shape, bool((a[..., ::-1] == b).all()), bool((a[..., 0] >= a[..., 2]).all())
    ((4, 16, 16, 3), True, True)
    """
    for name, value, least in (("n", n, 1), ("image_size", image_size, 8), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"{name} must be at least {least}, got {value}")
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.15, 0.3, (n, 1, 1)) * image_size
    middle = rng.uniform(0.3, 0.7, (2, n, 1, 1)) * image_size
    place = np.arange(image_size) + 0.5
    down, across = place[:, None] - middle[0], place[None, :] - middle[1]
    square = np.maximum(np.abs(down), np.abs(across)) < radius
    disc = np.hypot(down, across) < radius
    inside = np.where(rng.random((n, 1, 1)) < 0.5, square, disc)[..., None]
    red, green = rng.uniform(180, 255, (n, 1, 1)), rng.uniform(0, 160, (n, 1, 1))
    shape = np.stack([red, green, np.zeros_like(red)], axis=-1)
    level = rng.uniform(20, 60, (n, 1, 1))
    ground = np.stack([1.5 * level, 0.8 * level, 0.3 * level], axis=-1)
    a = np.where(inside, shape, ground).astype(np.uint8)
    return a, np.ascontiguousarray(a[..., ::-1])
