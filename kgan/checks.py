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


def share(name, value):
    """`value` as a float; UsageError unless it is a number in [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0.0 <= float(value) <= 1.0:
        raise UsageError(f"{name} must lie in [0, 1], got {value!r}")
    return float(value)


def positive(name, value):
    """`value` as a float; UsageError unless it is finite and greater than 0."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0.0 < float(value) < math.inf:
        raise UsageError(f"{name} must be a finite number > 0, got {value!r}")
    return float(value)
