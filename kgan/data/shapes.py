"""Drawn bars whose colour, size and rotation are attributes: a check of edits that needs no data."""

import numpy as np

from kgan import checks
from kgan.errors import UsageError

ATTRIBUTES = ("blue", "large", "upright")
_GROUND, _YELLOW, _BLUE = (40, 40, 40), (250, 190, 40), (60, 110, 250)


def drawn_shapes(n, image_size=16, seed=0, attributes=None):
    """Pictures of one bar on grey, yellow or blue, small or large, lying or upright.

    Where a bar lies is random, and depends on the seed alone: the same seed with other attributes draws the
    true edits of the same pictures.

    Args:
        n: number of pictures, >= 1.
        image_size: side in pixels, >= 8.
        seed: int >= 0.
        attributes: `[n, 3]`, 1 where the bar is blue, large, upright, else 0; `None` draws them evenly.

    Returns:
        `(images, attributes)`: uint8 `[n, image_size, image_size, 3]` and int32 `[n, 3]`, the labels of the
        schema `[["attributes", 3]]`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> images, attributes = drawn_shapes(4)
    >>> edited, _ = drawn_shapes(4, attributes=1 - attributes)
    >>> images.shape, attributes.shape, bool((images != edited).any())
    ((4, 16, 16, 3), (4, 3), True)
    """
    for name, value, least in (("n", n, 1), ("image_size", image_size, 8), ("seed", seed, 0)):
        checks.count(name, value, least)
    rng = np.random.default_rng(seed)
    middle = rng.uniform(0.3, 0.7, (2, n, 1, 1)) * image_size
    drawn = rng.integers(2, size=(n, 3))
    attributes = drawn if attributes is None else np.asarray(attributes)
    if attributes.shape != (n, 3) or not np.isin(attributes, (0, 1)).all():
        raise UsageError(f"attributes must be [{n}, 3] of 0 or 1, got {checks.shown(attributes)}")
    blue, large, upright = (attributes == 1).T[..., None, None]
    size = np.where(large, 0.3, 0.18) * image_size
    place = np.arange(image_size) + 0.5
    down, across = np.abs(place[:, None] - middle[0]), np.abs(place[None, :] - middle[1])
    along, beside = np.where(upright, down, across), np.where(upright, across, down)
    bar = (along < size) & (beside < 0.4 * size)
    colour = np.where(blue[..., None], _BLUE, _YELLOW)
    images = np.where(bar[..., None], colour, _GROUND).astype(np.uint8)
    return images, attributes.astype(np.int32)
