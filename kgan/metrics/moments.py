"""Mean and covariance of a stream, in float64; what was seen apart is merged exactly."""

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks

# Rows that are widened to float64 at a time.
_CHUNK = 8192


class Moments:
    """Number, mean and covariance of the rows seen so far; memory grows with d^2 only.

    Batches are merged by the pairwise rule of Chan, Golub and LeVeque (1983), which does not cancel where the
    mean is large beside the spread, as plain sums of squares do.

    Args:
        features: float `[n, d]` to begin with, or None.

    Raises:
        DataError: rows that are not finite, or of another width than those before.

    Example:
        >>> moments = Moments(np.array([[0.0, 1.0], [2.0, 1.0]]))
        >>> moments.update(np.array([[4.0, 4.0]])).count
        3
        >>> moments.mean.tolist(), moments.covariance().tolist()
        ([2.0, 2.0], [[4.0, 3.0], [3.0, 3.0]])
    """

    def __init__(self, features=None):
        self.count = 0
        self.mean = np.zeros(0)
        self.scatter = np.zeros((0, 0))  # sum of (x - mean)(x - mean)^T
        if features is not None:
            self.update(features)

    @classmethod
    def of(cls, features):
        """`features` if they are Moments, else the Moments of the rows."""
        return features if isinstance(features, cls) else cls(features)

    @property
    def dimensions(self):
        """d, or 0 before the first batch."""
        return len(self.mean)

    def update(self, features):
        """Takes in rows `[n, d]`; returns itself."""
        features = checks.matrix("features", features, self.dimensions or None)
        for start in range(0, len(features), _CHUNK):
            rows = features[start : start + _CHUNK].astype(np.float64)
            mean = rows.mean(axis=0)
            rows -= mean
            self._join(len(rows), mean, rows.T @ rows)
        return self

    def merge(self, other):
        """Takes in what other Moments have seen; returns itself."""
        if other.count:
            if self.count and self.dimensions != other.dimensions:
                raise DataError(
                    f"moments must be of {self.dimensions} features to be merged, got {other.dimensions}"
                )
            self._join(other.count, other.mean, other.scatter)
        return self

    def covariance(self):
        """Covariance `[d, d]` with n - 1 in the denominator; DataError for fewer than 2 rows."""
        checks.enough("features", self.count, 2, "a covariance")
        return self.scatter / (self.count - 1)

    def _join(self, count, mean, scatter):
        if not self.count:
            self.count, self.mean, self.scatter = count, mean.copy(), scatter.copy()
            return
        total = self.count + count
        gap = mean - self.mean
        self.scatter = self.scatter + scatter + np.outer(gap, gap) * (self.count * count / total)
        self.mean = self.mean + gap * (count / total)
        self.count = total
