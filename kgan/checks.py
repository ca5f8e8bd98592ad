"""The rules that numbers among arguments keep; imports numpy only."""

import math
import numbers

import numpy as np

from kgan.errors import UsageError


def count(name, value, minimum=1):
    """`value` as an int; UsageError unless it is an integer of at least `minimum`."""
    if not is_integer(value) or value < minimum:
        raise UsageError(f"{name} must be an integer >= {minimum}, got {shown(value)}")
    return int(value)


def flag(name, value):
    """`value` as a bool; UsageError unless it is one."""
    if not isinstance(value, bool | np.bool_):
        raise UsageError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def shown(value):
    """A value in one short line for a message; of an array its shape."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {list(value.shape)}"
    return " ".join(repr(value).split())[:60]


def is_integer(value):
    """Whether a value is an integer, of Python or NumPy, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def is_number(value, low=-math.inf, high=math.inf):
    """Whether a value is a finite number in [low, high], and no bool."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    return real and math.isfinite(value) and low <= float(value) <= high


def share(name, value):
    """`value` as a float; UsageError unless it is a number in [0, 1]."""
    if not is_number(value, 0, 1):
        raise UsageError(f"{name} must lie in [0, 1], got {shown(value)}")
    return float(value)


def positive(name, value):
    """`value` as a float; UsageError unless it is finite and greater than 0."""
    if not is_number(value, 0) or value == 0:
        raise UsageError(f"{name} must be a finite number > 0, got {shown(value)}")
    return float(value)


def pixels(name, images, low=-1.0, high=1.0):
    """Raises unless the first images of an array are floats in [low, high].

    Args:
        name: what they are, for the message.
        images: array `[n >= 1, ...]`, of which a few million numbers are looked at.
        low, high: the range; infinite where any finite number will do.

    Raises:
        UsageError: no images, whole numbers, or values out of range.

    Example:

    >>> pixels("images", np.zeros((2, 4, 4, 1)))
    """
    rule = f"{name} must be floats"
    if math.isfinite(low):
        rule += f" in [{low:g}, {high:g}]"
    if images.dtype.kind in "biuOSUM":
        hint = ": divide by 127.5 and subtract 1" if images.dtype == np.uint8 else ""
        raise UsageError(f"{rule}, got {images.dtype}{hint}")
    if not images.size:
        raise UsageError(f"{name} must hold at least one, got shape {list(images.shape)}")
    if not math.isfinite(low):
        return
    seen = images[: max(1, 2**22 // math.prod(images.shape[1:]))]
    least, most = seen.min(), seen.max()
    # Noise, and what bicubic resizing adds to the range, are no mistakes; NaN fails both comparisons.
    slack = 0.25 * (high - low)
    if not (least >= low - slack and most <= high + slack):
        raise UsageError(f"{rule}, got some from {least:g} to {most:g}")
