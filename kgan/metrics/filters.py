"""Small filters on float images."""

import numpy as np


def along(images, weights, axis):
    """Weighted sums of neighbours along one axis, valid part only.

    Args:
        images: float array.
        weights: sequence of numbers, at most as many as the axis is long.
        axis: of `images`.

    Returns:
        Array that is `len(weights) - 1` shorter along `axis`.

    Example:
        >>> along(np.array([0.0, 1.0, 4.0]), (0.5, 0.5), 0).tolist()
        [0.5, 2.5]
    """
    images = np.moveaxis(images, axis, 0)
    length = len(images) - len(weights) + 1
    total = weights[0] * images[:length]
    for i in range(1, len(weights)):
        total += weights[i] * images[i : i + length]
    return np.moveaxis(total, 0, axis)
