"""The rules that numbers among arguments keep; imports numpy only."""

import math
import numbers

import numpy as np

from kgan.errors import UsageError


def count(name, value, minimum=1):
    """`value` as an int; UsageError unless it is an integer of at least `minimum`."""
    if not is_integer(value) or value < minimum:
        raise UsageError(f"{name} must be an integer >= {minimum}, got {value!r}")
    return int(value)


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
        raise UsageError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def positive(name, value):
    """`value` as a float; UsageError unless it is finite and greater than 0."""
    if not is_number(value, 0) or value == 0:
        raise UsageError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)
