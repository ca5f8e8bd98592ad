"""Precision, recall, density, coverage and realism: balls around samples stand for their manifold."""

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.neighbors import TIE, blocks, nearest
from kgan.metrics.score import Score, Value


def precision_recall(real, fake, k=3):
    """Share of fakes among the reals' manifold, and of reals among the fakes'.

    The manifold of a set is the union of balls around its samples, each of which reaches to the sample's k-th
    neighbour in the set. Kynkaanniemi et al. 2019: fc2 features of VGG-16, 50,000 samples of each. One
    outlier makes one huge ball.

    Args:
        real: float `[n, d]`, n > k.
        fake: float `[m, d]`, m > k.
        k: >= 1.

    Returns:
        `(precision, recall)`, from 0 to 1.

    Raises:
        UsageError: `k` below 1.
        DataError: not finite, different widths, or not more samples than `k`.

    Example:
        >>> real = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> precision_recall(real, np.array([[0.5], [1.5], [10.0], [20.0]]), k=1)
        (0.5, 1.0)
    """
    real, fake = checks.pair(real, fake)
    return _covered(fake, real, _radii("real", real, k)), _covered(real, fake, _radii("fake", fake, k))


def density_coverage(real, fake, k=5):
    """Mean number of reals' balls around a fake, over k, and share of reals with a fake in their ball.

    Density may exceed 1 and does not hang on outliers, as precision does. Naeem et al. 2020.

    Args:
        real: float `[n, d]`, n > k.
        fake: float `[m, d]`, m >= 1.
        k: >= 1.

    Returns:
        `(density, coverage)`.

    Raises:
        UsageError: `k` below 1.
        DataError: not finite, different widths, or too few samples.

    Example:
        >>> real = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> density_coverage(real, np.array([[0.5], [0.6]]), k=1)
        (2.0, 0.5)
    """
    real, fake = checks.pair(real, fake)
    checks.enough("fake samples", len(fake), 1, "density and coverage")
    radii = _radii("real", real, k)
    inside, held = 0, np.zeros(len(real), bool)
    for _, columns, distances in blocks(fake, real):
        within = distances < radii[columns] * (1.0 - TIE)
        inside += int(within.sum())
        held[columns] |= within.any(axis=0)
    return inside / (k * len(fake)), float(held.mean())


def realism(real, fake, k=3):
    """Realism of each fake: the highest ratio of a real's radius to its distance; 1 or more is inside.

    Only reals whose radius is below the median count. The authors' code gives the square of this number, as
    it works on squared distances. Kynkaanniemi et al. 2019, equation 3.

    Args:
        real: float `[n, d]`, n > k.
        fake: float `[m, d]`.
        k: >= 1.

    Returns:
        float64 `[m]`, infinite where a fake equals a real.

    Raises:
        UsageError: `k` below 1.
        DataError: not finite, different widths, not more reals than `k`, or radii that are all equal.

    Example:
        >>> realism(np.array([[0.0], [1.0], [3.0], [7.0]]), np.array([[-2.0]]), k=1).tolist()
        [0.5]
    """
    real, fake = checks.pair(real, fake)
    radii = _radii("real", real, k)
    kept = radii < np.median(radii)
    if not kept.any():
        raise DataError(f"some radii must lie below their median for realism, got {radii[0]:.6g} for all")
    real, radii = real[kept], radii[kept]
    best = np.zeros(len(fake))
    for rows, columns, distances in blocks(fake, real):
        with np.errstate(divide="ignore"):
            ratios = np.where(distances > 0.0, radii[columns] / distances, np.inf)
        best[rows] = np.maximum(best[rows], ratios.max(axis=1))
    return np.sqrt(best)


def _radii(name, rows, k):
    """Squared distance of each row to its k-th neighbour in the set."""
    k = checks.count("k", k)
    checks.enough(f"{name} samples", len(rows), k + 1, f"k = {k} neighbours of each")
    distances, _ = nearest(rows, rows, k, exclude_self=True)
    return np.square(distances[:, -1])


def _covered(rows, centres, radii):
    """Share of rows in at least one ball."""
    inside = np.zeros(len(rows), bool)
    for part, columns, distances in blocks(rows, centres):
        inside[part] |= (distances <= radii[columns] * (1.0 + TIE)).any(axis=1)
    return float(inside.mean())


class _Manifold(Score):
    """The features of both sets, which are kept."""

    needs = frozenset({"features"})

    def __init__(self, k):
        self.k = checks.count("k", k)
        self.real, self.fake = checks.Rows("real features"), checks.Rows("fake features")

    def update_real(self, batch):
        self.real.add(checks.part(batch, "features"))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, "features"))

    def settings(self):
        return {"k": self.k}


class PrecisionRecall(_Manifold):
    """`precision_recall` of batches; the features are kept, as every pair of samples counts.

    Args:
        k: >= 1.

    Raises:
        UsageError: `k` below 1.

    Example:
        >>> PrecisionRecall().settings()
        {'k': 3}
    """

    name = "precision_recall"

    def __init__(self, k=3):
        super().__init__(k)

    def result(self):
        precision, recall = precision_recall(self.real.all(), self.fake.all(), self.k)
        return {"precision": Value(precision), "recall": Value(recall)}


class DensityCoverage(_Manifold):
    """`density_coverage` of batches; the features are kept, as every pair of samples counts.

    Args:
        k: >= 1.

    Raises:
        UsageError: `k` below 1.

    Example:
        >>> DensityCoverage().settings()
        {'k': 5}
    """

    name = "density_coverage"

    def __init__(self, k=5):
        super().__init__(k)

    def result(self):
        density, coverage = density_coverage(self.real.all(), self.fake.all(), self.k)
        return {"density": Value(density), "coverage": Value(coverage)}
