"""The rules that arrays and settings of a score keep, and arrays that grow batch by batch."""

import numpy as np

from kgan.checks import count as count
from kgan.checks import flag as flag
from kgan.checks import is_number as is_number
from kgan.checks import positive as positive
from kgan.checks import shown as shown
from kgan.errors import DataError, UsageError


def matrix(name, array, columns=None):
    """`array` as a finite numeric array `[n, d]`; DataError otherwise.

    Args:
        name: what it is, for the message.
        array: what to check.
        columns: the d that it must have, or None.
    """
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{name} must be numbers of shape [n, d], got {array.dtype} of {list(array.shape)}")
    if columns is not None and array.shape[1] != columns:
        raise DataError(f"{name} must have {columns} columns as the others have, got {array.shape[1]}")
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array).all(axis=1)
        if bad.any():
            raise DataError(f"{name} must be finite, got NaN or infinity in row {int(bad.argmax())}")
    return array


def pair(real, fake, name="features"):
    """Both sets as finite arrays with the same number of columns."""
    real = matrix(f"real {name}", real)
    return real, matrix(f"fake {name}", fake, real.shape[1])


def pictures(name, array, shape=None):
    """`array` as uint8 images `[n, height, width, 1 or 3]`, of one `shape` if given; DataError otherwise."""
    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] not in (1, 3) or 0 in array.shape[1:]:
        raise DataError(
            f"{name} must be uint8 of shape [n, height, width, 1 or 3], "
            f"got {array.dtype} of {list(array.shape)}"
        )
    if shape is not None and array.shape[1:] != tuple(shape):
        raise DataError(f"{name} must be images of {list(shape)} as the others, got {list(array.shape[1:])}")
    return array


def enough(name, rows, minimum, why):
    """DataError unless there are at least `minimum` rows."""
    if rows < minimum:
        raise DataError(f"{name} must be at least {minimum} for {why}, got {rows}")


def part(batch, key):
    """The entry of a batch that a score needs; UsageError if it is missing."""
    if key not in batch:
        raise UsageError(f"a batch must have {key!r} for this score, got {sorted(batch)}")
    return batch[key]


class Rows:
    """Rows that must all be kept until the end, in the type they came in.

    Args:
        name: what they are, for messages.
        check: `matrix` or `pictures`.
    """

    def __init__(self, name, check=matrix):
        self.name = name
        self._check = check
        self._parts = []

    def __len__(self):
        return sum(len(part) for part in self._parts)

    def add(self, rows):
        """Appends a copy of `rows`, which must have the shape of those before."""
        rows = self._check(self.name, rows)
        if self._parts and rows.shape[1:] != self._parts[0].shape[1:]:
            raise DataError(
                f"{self.name} must keep the shape {list(self._parts[0].shape[1:])} of the first batch, "
                f"got {list(rows.shape[1:])}"
            )
        self._parts.append(rows.copy())

    def all(self):
        """Every row, in one array; DataError if none came."""
        if not self._parts:
            raise DataError(f"{self.name} must be at least 1, got 0")
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


class Sample:
    """A random part of a stream, every row with the same chance (Vitter 1985, algorithm R).

    Args:
        name: what the rows are, for messages.
        check: `matrix` or `pictures`.
        size: how many rows are kept.
        seed: of the draws, int or tuple of int.
    """

    def __init__(self, name, check, size, seed):
        self.name, self.size, self.seen = name, size, 0
        self._check, self._rng = check, np.random.default_rng(seed)
        self._rows = Rows(name, check)

    def add(self, rows):
        """Offers rows, which must have the shape of those before."""
        room = max(self.size - self.seen, 0)
        rows = self._check(self.name, rows)
        if room:
            self._rows.add(rows[:room])
            self.seen += min(room, len(rows))
            rows = rows[room:]
        if not len(rows):
            return
        held = self._rows.all()
        if rows.shape[1:] != held.shape[1:]:
            raise DataError(
                f"{self.name} must keep the shape {list(held.shape[1:])} of the first batch, "
                f"got {list(rows.shape[1:])}"
            )
        places = self._rng.integers(0, self.seen + 1 + np.arange(len(rows)))
        for place, row in zip(places, rows):
            if place < self.size:
                held[place] = row
        self.seen += len(rows)

    def all(self):
        """The rows that are kept, in one array; DataError if none came."""
        return self._rows.all()
