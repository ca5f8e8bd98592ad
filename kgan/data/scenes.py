"""Two sets of drawn pictures whose true translation is known: a check that needs no data."""

import numpy as np

from kgan.errors import UsageError

_GROUND, _DISC, _SQUARE = (60, 32, 12), (230, 60, 20), (250, 190, 40)


def scene_pairs(n, image_size=16, seed=0):
    """Pictures of a red disc and a yellow square on brown, and the same ones with red and blue exchanged.

    Place and size of both shapes are random; the square lies above the disc. The colours are always the same:
    networks that normalise each image could not know them otherwise. The true translation of a picture into
    the other set exchanges its first and last channel.

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
    >>> a.shape, bool((a[..., ::-1] == b).all()), bool((a[..., 0] > a[..., 2]).all())
    ((4, 16, 16, 3), True, True)
    """
    for name, value, least in (("n", n, 1), ("image_size", image_size, 8), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"{name} must be at least {least}, got {value}")
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.12, 0.3, (2, n, 1, 1)) * image_size
    middle = rng.uniform(0.2, 0.8, (2, 2, n, 1, 1)) * image_size
    place = np.arange(image_size) + 0.5
    down, across = place[:, None] - middle[0], place[None, :] - middle[1]
    disc = np.hypot(down[0], across[0]) < radius[0]
    square = np.maximum(np.abs(down[1]), np.abs(across[1])) < radius[1]
    a = np.where(disc[..., None], np.array(_DISC), np.array(_GROUND))
    a = np.where(square[..., None], np.array(_SQUARE), a).astype(np.uint8)
    return a, np.ascontiguousarray(a[..., ::-1])
