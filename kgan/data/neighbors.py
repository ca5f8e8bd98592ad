"""Exact nearest neighbours of unit vectors by cosine, in bounded memory."""

import importlib
import importlib.util

import numpy as np

from kgan.errors import UsageError

# Points of a tile: 4096 x 4096 similarities in float32 are 64 MiB.
_TILE = 4096
# Rows of a tile that are searched at a time, so that even a tile of equal numbers stays small.
_ROWS = 256
# From here on faiss is worth its import; below, numpy takes seconds.
_LARGE = 50_000


def nearest(queries, points, k):
    """The points nearest to each query by cosine; of equal ones the first.

    Args:
        queries: float32 unit vectors `[m, d]`.
        points: float32 unit vectors `[n, d]`.
        k: how many, from 1 to n.

    Returns:
        `(indices, cosines)`, int64 and float32 `[m, k]`, the nearest first.

    Raises:
        UsageError: k out of range.

    Example:

    >>> points = np.eye(3, dtype="float32")
    >>> nearest(points[1:2], points, 2)[0].tolist()
    [[1, 0]]
    """
    _check(k, len(points), "the number of points")
    found = _Best(len(queries), k)
    tile = max(_TILE, k)
    for column in range(0, len(points), tile):
        for row in range(0, len(queries), tile):
            found.offer(row, column, queries[row : row + tile] @ points[column : column + tile].T)
    return found.indices, found.cosines


def nearest_others(points, k):
    """The other points nearest to each point by cosine: a point is never its own neighbour, its twins are.

    Each pair is compared once. With faiss installed and 50,000 points or more, its exact flat index
    searches instead.

    Args:
        points: float32 unit vectors `[n, d]`.
        k: how many, from 1 to n - 1.

    Returns:
        `(indices, cosines)`, int64 and float32 `[n, k]`, the nearest first, of equal ones the first.

    Raises:
        UsageError: k out of range.

    Example:

    >>> points = np.array([[1, 0], [1, 0], [0, 1]], "float32")
    >>> nearest_others(points, 1)[0].tolist()
    [[1], [0], [0]]
    """
    count = len(points)
    _check(k, count - 1, "the number of points less one")
    if count >= _LARGE and importlib.util.find_spec("faiss") is not None:
        return _by_faiss(points, k)
    found = _Best(count, k)
    tile = max(_TILE, k + 1)
    # For each row, columns are offered in ascending order: what comes later loses a tie.
    for row in range(0, count, tile):
        for column in range(row, count, tile):
            cosines = points[row : row + tile] @ points[column : column + tile].T
            if row == column:
                np.fill_diagonal(cosines, -np.inf)
            else:
                found.offer(column, row, cosines.T)
            found.offer(row, column, cosines)
    return found.indices, found.cosines


def _check(k, most, what):
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= most:
        raise UsageError(f"k must be from 1 to {most}, {what}, got {k}")


class _Best:
    """The k nearest columns of each row among those offered so far.

    Args:
        rows: number of rows.
        k: columns kept for each.
    """

    def __init__(self, rows, k):
        self.k = k
        self.cosines = np.full((rows, k), -np.inf, np.float32)
        self.indices = np.full((rows, k), -1, np.int64)

    def offer(self, row, column, cosines):
        """Takes a tile of cosines whose upper left corner is at (row, column)."""
        for start in range(0, len(cosines), _ROWS):
            self._offer(row + start, column, np.ascontiguousarray(cosines[start : start + _ROWS]))

    def _offer(self, row, column, cosines):
        rows = slice(row, row + len(cosines))
        known, known_indices = self.cosines[rows], self.indices[rows]
        if np.isneginf(known[0, -1]):  # the first tile of these rows holds k columns or more
            least = np.partition(cosines, -self.k, axis=1)[:, -self.k]
            where, which = np.nonzero(cosines >= least[:, None])
        else:
            where, which = np.nonzero(cosines > known[:, -1:])
        touched, place = np.unique(where, return_inverse=True)
        if not len(touched):
            return
        old = np.isfinite(known[touched])
        owner = np.concatenate([np.nonzero(old)[0], place])
        value = np.concatenate([known[touched][old], cosines[where, which]])
        index = np.concatenate([known_indices[touched][old], which + column])
        order = np.lexsort((index, -value, owner))
        owner = owner[order]
        first = np.searchsorted(owner, np.arange(len(touched)))
        chosen = order[first[:, None] + np.arange(self.k)]
        known[touched], known_indices[touched] = value[chosen], index[chosen]


def _by_faiss(points, k):
    index = importlib.import_module("faiss").IndexFlatIP(points.shape[1])
    index.add(points)
    indices, cosines = np.empty((len(points), k), np.int64), np.empty((len(points), k), np.float32)
    for start in range(0, len(points), _TILE):
        value, found = index.search(points[start : start + _TILE], k + 1)
        own = found == np.arange(start, start + len(found))[:, None]
        # Among more than k twins the point itself may be missing: then the farthest one goes.
        own[~own.any(axis=1), -1] = True
        indices[start : start + _TILE] = found[~own].reshape(-1, k)
        cosines[start : start + _TILE] = value[~own].reshape(-1, k)
    return indices, cosines
