"""Linear directions of attributes in a latent space, fitted by logistic regression in NumPy."""

import dataclasses

import numpy as np

from kgan import checks
from kgan.errors import DataError


@dataclasses.dataclass(frozen=True)
class Direction:
    """The boundary of a binary attribute in a latent space.

    Args:
        normal: unit vector across the boundary, towards the attribute, float64 `[d]`.
        offset: the boundary is where `x @ normal` is this.
        accuracy: share of the latents that lie on their side of it, between 0 and 1.
        spread: standard deviation of `x @ normal` over these latents.
    """

    normal: np.ndarray
    offset: float
    accuracy: float
    spread: float


def fit_direction(latents, labels, *, penalty=1e-2, steps=50):
    """Fits the boundary by logistic regression with Newton's method.

    Moving along its normal is the attribute edit. For separability Karras et al. 2019 fit a support vector
    machine instead: `kgan.metrics.linear_separability`.

    Args:
        latents: `[n, d]`, n >= 2.
        labels: `[n]`, true where the attribute is there; numbers count as true above their median.
        penalty: multiplies half the squared weights per latent, > 0, for latents scaled to variance 1.
        steps: Newton steps at most, >= 1.

    Returns:
        `Direction`.

    Raises:
        UsageError: a setting out of range.
        DataError: latents and labels that do not belong together, or all labels alike.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(500, 3))
    >>> fit_direction(x, x[:, 1] > 0.3).normal.round(1).tolist()
    [0.0, 1.0, 0.0]
    """
    penalty, steps = checks.positive("penalty", penalty), checks.count("steps", steps)
    x, y = np.asarray(latents, np.float64), as_labels(labels)
    if x.ndim != 2 or len(x) != len(y) or not np.isfinite(x).all():
        raise DataError(f"latents must be [{len(y)}, d] finite numbers, as the labels, got {list(x.shape)}")
    if y.all() or not y.any():
        raise DataError(f"labels must be of two kinds, got {len(y)} alike")
    mean, scale = x.mean(axis=0), np.sqrt(x.var(axis=0).mean()) or 1.0
    rows = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    weights, ridge = np.zeros(rows.shape[1]), np.full(rows.shape[1], penalty * len(x))
    ridge[-1] = 1e-9 * len(x)  # the offset is free
    for _ in range(steps):
        p = 0.5 + 0.5 * np.tanh(0.5 * np.clip(rows @ weights, -30.0, 30.0))
        slope = rows.T @ (p - y) + ridge * weights
        curve = (rows * (p * (1.0 - p))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    length = np.linalg.norm(weights[:-1])
    if length == 0.0:
        raise DataError("labels must depend on the latents, found no direction")
    normal = weights[:-1] / length
    along = x @ normal
    offset = float(mean @ normal - scale * weights[-1] / length)
    return Direction(normal, offset, float(np.mean((along > offset) == y)), float(along.std()))


def as_labels(labels):
    """Labels as a bool array; numbers are true above their median.

    Raises:
        DataError: no vector of finite numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "biuf":
        raise DataError(f"labels must be [n] finite numbers, got {labels.dtype} of {list(labels.shape)}")
    if not np.isfinite(labels).all():
        raise DataError("labels must be [n] finite numbers, got NaN or infinity")
    return labels if labels.dtype == bool else labels > np.median(labels)
