"""Instances that stand for a data set: those nearest to the centres of k-means."""

import numpy as np

from kgan.errors import UsageError

_ROUNDS = 100
# Rows whose distances to all centres are held at a time.
_ROWS = 8192


def select_instances(store, n, seed=0):
    """The images nearest to the centres of k-means on the unit features, each of them once.

    Lloyd's algorithm from the starts of k-means++ (Arthur and Vassilvitskii, 2007), at most 100 rounds. A
    centre whose nearest image is already taken gets the nearest of those that are left.

    Args:
        store: `kgan.data.FeatureStore`.
        n: how many, from 1 to the number of images; all of them where it is that number.
        seed: int of at least 0.

    Returns:
        int64 array `[n]`, ascending places in the store, all different.

    Raises:
        UsageError: n out of range.

    Reference: Casanova et al., Instance-Conditioned GAN, 2021, which keeps 1000 for ImageNet.

    Example:

    >>> from kgan.data import FeatureStore
    >>> store = FeatureStore([[1, 0], [1, 0.2], [1, -0.2], [0, 1], [0.1, 1], [-0.1, 1]])
    >>> select_instances(store, 2).tolist()
    [0, 3]
    """
    features = store.features
    _check_count(n, len(features))
    if n == len(features):
        return np.arange(n)
    centres, _ = cluster(features, n, seed)
    return np.sort(_distinct_nearest(features, centres))


def cluster(features, n, seed=0):
    """k-means of feature vectors.

    Args:
        features: float32 `[m, d]`.
        n: number of clusters, from 1 to m.
        seed: int of at least 0.

    Returns:
        `(centres, labels)`: float32 `[n, d]` and int64 `[m]`, the cluster of each row.

    Raises:
        UsageError: n out of range.

    Example:

    >>> cluster(np.array([[0.0], [0.1], [5.0]], "float32"), 2)[1].tolist() in ([0, 0, 1], [1, 1, 0])
    True
    """
    _check_count(n, len(features))
    rng = np.random.default_rng(seed)
    centres = _starts(features, n, rng)
    labels = None
    for _ in range(_ROUNDS):
        new, distances = _assign(features, centres)
        if labels is not None and np.array_equal(new, labels):
            break
        labels = new
        centres = _means(features, labels, centres, distances)
    return centres, _assign(features, centres)[0]


def _check_count(n, images):
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= images:
        raise UsageError(f"n must be from 1 to {images}, the number of images, got {n}")


def _starts(features, n, rng):
    """k-means++: each next start is drawn by its squared distance to those before."""
    chosen = [int(rng.integers(len(features)))]
    squares = np.sum(np.square(features - features[chosen[0]]), axis=1)
    for _ in range(n - 1):
        total = float(squares.sum(dtype=np.float64))
        # Nothing but copies of the starts is left: any row will do.
        row = rng.choice(len(features), p=squares / total) if total > 0 else rng.integers(len(features))
        chosen.append(int(row))
        squares = np.minimum(squares, np.sum(np.square(features - features[row]), axis=1))
    return features[chosen].copy()


def _assign(features, centres):
    """The nearest centre of each row and its squared distance."""
    half = 0.5 * np.sum(np.square(centres), axis=1)
    labels = np.empty(len(features), np.int64)
    distances = np.empty(len(features), np.float32)
    for start in range(0, len(features), _ROWS):
        part = features[start : start + _ROWS]
        scores = half - part @ centres.T
        rows = np.argmin(scores, axis=1)
        labels[start : start + _ROWS] = rows
        distances[start : start + _ROWS] = scores[np.arange(len(part)), rows] * 2.0 + np.sum(
            part * part, axis=1
        )
    return labels, distances


def _means(features, labels, centres, distances):
    counts = np.bincount(labels, minlength=len(centres))
    sums = np.zeros(centres.shape, np.float64)
    np.add.at(sums, labels, features)
    means = centres.copy()
    used = counts > 0
    means[used] = sums[used] / counts[used, None]
    # An empty cluster starts again at the rows that are farthest from their centres.
    empty = np.flatnonzero(~used)
    means[empty] = features[np.argsort(-distances, kind="stable")[: len(empty)]]
    return means


def _distinct_nearest(features, centres):
    taken = np.zeros(len(features), bool)
    squares = np.sum(np.square(features), axis=1)
    rows = []
    for centre in centres:
        distances = squares - 2.0 * (features @ centre)
        distances[taken] = np.inf
        rows.append(int(np.argmin(distances)))
        taken[rows[-1]] = True
    return np.array(rows, np.int64)
