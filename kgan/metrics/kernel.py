"""Kernel distance of features: KID with the Inception network of 2015."""

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.score import Score, Value


def polynomial_mmd(x, y):
    """Unbiased squared maximum mean discrepancy under the kernel (a.b/d + 1)^3; it may be negative.

    Binkowski et al. 2018.

    Args:
        x: float `[m, d]`, m >= 2.
        y: float `[m, d]`, of the same size, and no sample in common with `x`.

    Returns:
        The estimate, a float.

    Raises:
        DataError: not finite, different shapes, or fewer than 2 rows.

    Example:
        >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> polynomial_mmd(x, np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]))
        0.5
    """
    x, y = (rows.astype(np.float64) for rows in checks.pair(x, y))
    m = len(x)
    checks.enough("samples", min(m, len(y)), 2, "a kernel distance")
    if len(y) != m:
        raise DataError(f"both sets must have the same size for a kernel distance, got {m} and {len(y)}")
    within = sum(kernel.sum() - np.trace(kernel) for kernel in (_kernel(x, x), _kernel(y, y)))
    return float((within / (m - 1) - 2.0 * _kernel(x, y).sum() / m) / m)


def kid(real, fake, subset_size=1000, subsets=100, seed=0):
    """Kernel distance of the fakes' features to the reals', mean and std over random subsets: 0 is best.

    It has no bias, so that sets of different sizes may be compared. Papers print 1000 times this value.
    Binkowski et al. 2018; counts of NVIDIA's evaluation code.

    Args:
        real: float `[n, d]`.
        fake: float `[m, d]`.
        subset_size: samples of each set in a subset, drawn without replacement, >= 2.
        subsets: how many, >= 1.
        seed: int >= 0 of the draws.

    Returns:
        `Value(mean, std)`, the std over subsets, 0 where each of them is all samples.

    Raises:
        UsageError: a setting out of its range.
        DataError: fewer samples than `subset_size`, not finite, or different widths.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> near, far = (kid(rng.normal(size=(500, 4)), rng.normal(m, size=(500, 4)), 100) for m in (0, 1))
        >>> abs(near.value) < 0.05 < far.value
        True
    """
    subset_size = checks.count("subset_size", subset_size, 2)
    subsets, seed = checks.count("subsets", subsets), checks.count("seed", seed, 0)
    real, fake = checks.pair(real, fake)
    for name, rows in (("real", real), ("fake", fake)):
        checks.enough(f"{name} samples", len(rows), subset_size, f"subsets of {subset_size}")
    if len(real) == len(fake) == subset_size:
        return Value(float(polynomial_mmd(real, fake)), 0.0, "one subset, all samples")
    rng = np.random.default_rng(seed)
    values = np.empty(subsets)
    for i in range(subsets):
        rows = rng.choice(len(real), subset_size, replace=False)
        columns = rng.choice(len(fake), subset_size, replace=False)
        values[i] = polynomial_mmd(real[rows], fake[columns])
    return Value(float(values.mean()), float(values.std()))


def _kernel(a, b):
    base = a @ b.T
    base /= a.shape[1]
    base += 1.0
    return base * base * base


class KID(Score):
    """`kid` in one pass; the features are kept, as subsets are drawn from all of them.

    Args:
        subset_size: samples of each set in a subset, >= 2.
        subsets: how many, >= 1.
        seed: int >= 0 of the draws.

    Raises:
        UsageError: a setting out of its range.

    Example:
        >>> KID(subset_size=500).settings()
        {'subset_size': 500, 'subsets': 100, 'seed': 0}
    """

    name = "kid"
    needs = frozenset({"features"})

    def __init__(self, subset_size=1000, subsets=100, seed=0):
        self.subset_size = checks.count("subset_size", subset_size, 2)
        self.subsets = checks.count("subsets", subsets)
        self.seed = checks.count("seed", seed, 0)
        self.real, self.fake = checks.Rows("real features"), checks.Rows("fake features")

    def update_real(self, batch):
        self.real.add(checks.part(batch, "features"))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, "features"))

    def result(self):
        return {"kid": kid(self.real.all(), self.fake.all(), **self.settings())}

    def settings(self):
        return {"subset_size": self.subset_size, "subsets": self.subsets, "seed": self.seed}
