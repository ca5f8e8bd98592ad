"""Exact nearest neighbours, in chunks and in float64."""

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks

# Bytes of distances that are held at a time.
_CHUNK = 64 << 20
# Rounding of |a|^2 - 2 a.b + |b|^2, relative to |a|^2 + |b|^2: what lies below is a distance of 0.
_NOTHING = 1e-13
# Squared distances that differ by less than this share are equal: they are ties, but for their rounding.
TIE = 1e-9


def squared_distances(queries, points):
    """Squared Euclidean distances `[n, m]` of rows `[n, d]` and `[m, d]`, float64; of equal rows exactly 0.

    Example:
        >>> squared_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[25.0, 0.0]]
    """
    queries, points = queries.astype(np.float64, copy=False), points.astype(np.float64, copy=False)
    lengths = _lengths(queries)[:, None] + _lengths(points)
    distances = queries @ points.T
    distances *= -2.0
    distances += lengths
    distances[distances <= _NOTHING * lengths] = 0.0
    return distances


def blocks(queries, points):
    """`(rows, columns, squared distances)` of every block of pairs; a block takes about 64 MiB.

    Both sets are `[n, ...]` and are flattened and widened to float64 block by block; all columns of some rows
    come before the next rows.
    """
    width = max(1, int(np.prod(points.shape[1:])))
    side = max(1, min(int((_CHUNK // 8) ** 0.5), _CHUNK // (8 * width)))
    for i in range(0, len(queries), side):
        rows = slice(i, min(i + side, len(queries)))
        wide = _flat(queries[rows])
        for j in range(0, len(points), side):
            columns = slice(j, min(j + side, len(points)))
            yield rows, columns, squared_distances(wide, _flat(points[columns]))


def nearest(queries, points, k=1, *, metric="euclidean", exclude_self=False):
    """The `k` points nearest to each query, by exhaustive search.

    Args:
        queries: `[n, ...]` of any numeric type; rows are flattened.
        points: `[m, ...]` of the same row shape, m >= k (m > k with `exclude_self`).
        k: how many, >= 1.
        metric: `"euclidean"`, or `"cosine"` for 1 minus the cosine of the angle.
        exclude_self: `queries` is `points`, and a row is not its own neighbour; equal rows are.

    Returns:
        `(distances, indices)`, float64 and int64 `[n, k]`, nearest first.

    Raises:
        UsageError: `k` or `metric` out of range.
        DataError: not finite, different row shapes, or too few points.

    Example:
        >>> line = np.array([[0.0], [1.0], [3.0]])
        >>> distances, indices = nearest(line, line, exclude_self=True)
        >>> distances.ravel().tolist(), indices.ravel().tolist()
        ([1.0, 1.0, 2.0], [1, 0, 1])
    """
    k = checks.count("k", k)
    if metric not in ("euclidean", "cosine"):
        raise UsageError(f"metric must be euclidean or cosine, got {metric!r}")
    queries, points = np.asarray(queries), np.asarray(points)
    for name, rows in (("queries", queries), ("points", points)):
        if rows.ndim < 2 or rows.shape[1:] != points.shape[1:] or rows.dtype.kind not in "biuf":
            raise DataError(
                f"{name} must be numbers of shape {['n', *points.shape[1:]]}, "
                f"got {rows.dtype} of {list(rows.shape)}"
            )
        if rows.dtype.kind == "f" and not np.isfinite(rows).all():
            raise DataError(f"{name} must be finite, got NaN or infinity")
    if exclude_self and queries.shape != points.shape:
        raise UsageError(f"queries must be the points to exclude_self, got {len(queries)} for {len(points)}")
    checks.enough("points", len(points), k + exclude_self, f"{k} nearest neighbours")
    if metric == "cosine":
        queries, points = _unit("queries", queries), _unit("points", points)
    distances, indices = _search(queries, points, k, exclude_self)
    return (distances / 2.0 if metric == "cosine" else np.sqrt(distances)), indices


def nearest_neighbour_accuracy(real, fake):
    """Share of samples whose nearest neighbour, itself excluded, is of their own set: 0.5 is best.

    Near 0 the fakes repeat the reals, near 1 they are easily told apart. Lopez-Paz and Oquab 2017.

    Args:
        real: float `[n, d]`, n >= 1.
        fake: float `[n, d]`, as many.

    Returns:
        `(accuracy, accuracy on reals, accuracy on fakes)`.

    Raises:
        DataError: not finite, or different shapes.

    Example:
        >>> nearest_neighbour_accuracy(np.array([[0.0], [1.0]]), np.array([[9.0], [9.5]]))
        (1.0, 1.0, 1.0)
    """
    real, fake = checks.pair(real, fake)
    if len(real) != len(fake) or not len(real):
        raise DataError(
            f"both sets must have one size >= 1 for 1-NN accuracy, got {len(real)} and {len(fake)}"
        )
    both = np.concatenate([real, fake])
    _, indices = nearest(both, both, exclude_self=True)
    own = (indices[:, 0] < len(real)) == (np.arange(len(both)) < len(real))
    return tuple(float(part.mean()) for part in (own, own[: len(real)], own[len(real) :]))


def _search(queries, points, k, exclude_self):
    """Squared distances and indices of the k nearest, merged over the columns of each block of rows."""
    distances = np.full((len(queries), k), np.inf)
    indices = np.zeros((len(queries), k), np.int64)
    for rows, columns, block in blocks(queries, points):
        if exclude_self:
            own = np.arange(max(rows.start, columns.start), min(rows.stop, columns.stop))
            block[own - rows.start, own - columns.start] = np.inf
        if k < block.shape[1]:
            chosen = np.argpartition(block, k - 1, axis=1)[:, :k] if k > 1 else block.argmin(axis=1)[:, None]
            block = np.take_along_axis(block, chosen, axis=1)
        else:
            chosen = np.broadcast_to(np.arange(block.shape[1]), block.shape)
        found = np.concatenate([distances[rows], block], axis=1)
        which = np.concatenate([indices[rows], chosen + columns.start], axis=1)
        order = np.lexsort((which, found), axis=1)[:, :k]
        distances[rows] = np.take_along_axis(found, order, axis=1)
        indices[rows] = np.take_along_axis(which, order, axis=1)
    return distances, indices


def _flat(rows):
    return rows.reshape(len(rows), -1).astype(np.float64)


def _lengths(rows):
    return np.einsum("nd,nd->n", rows, rows)


def _unit(name, rows):
    rows = _flat(rows)
    lengths = np.sqrt(_lengths(rows))
    if not lengths.all():
        raise DataError(f"{name} must not be 0 for cosine distances, got zeros in row {lengths.argmin()}")
    return rows / lengths[:, None]
