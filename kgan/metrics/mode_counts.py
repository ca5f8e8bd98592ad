"""Modes that a generator covers: of a mixture of Gaussians, or the classes of a classifier."""

import dataclasses

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks
from kgan.metrics.neighbors import nearest


@dataclasses.dataclass(frozen=True)
class ModeCounts:
    """Modes of a mixture of Gaussians in a set of samples.

    Args:
        counts: samples near each mode, int64 `[modes]`.
        covered: how many modes count as covered.
        high_quality: share of samples near any mode, from 0 to 1.
    """

    counts: np.ndarray
    covered: int
    high_quality: float


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """Histogram of the classes of samples.

    Args:
        counts: samples of each class, int64 `[classes]`.
        covered: classes with at least one sample.
        reverse_kl: KL(samples || reals) of the histograms in nats, infinite where the reals have none.
    """

    counts: np.ndarray
    covered: int
    reverse_kl: float


def count_modes(samples, modes, std, *, weights=None, radius=3.0, share=0.01):
    """Modes of a Gaussian mixture that samples cover, and the share of samples of high quality.

    A sample belongs to the mode nearest to it, if that lies within `radius` standard deviations. A mode is
    covered when it has at least `share` of the samples that are its due, and at least one.

    Args:
        samples: float `[n, d]`, n >= 1.
        modes: float `[modes, d]`, the means.
        std: standard deviation of each mode, > 0.
        weights: share of each mode in the mixture `[modes]`, > 0; None for equal ones.
        radius: in standard deviations, > 0.
        share: from 0 (excluded) to 1.

    Returns:
        `ModeCounts`.

    Raises:
        UsageError: a setting out of its range.
        DataError: not finite, different widths, or no sample.

    Example:
        >>> modes = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
        >>> found = count_modes(np.array([[0.02, 0.0], [1.0, 0.01], [0.5, 0.0], [0.0, 0.0]]), modes, 0.01)
        >>> found.covered, found.high_quality
        (2, 0.75)
    """
    std, radius, share = (
        checks.positive(name, value) for name, value in (("std", std), ("radius", radius), ("share", share))
    )
    if share > 1.0:
        raise UsageError(f"share must be at most 1, got {share}")
    modes, samples = checks.matrix("modes", modes), checks.matrix("samples", samples, np.shape(modes)[1])
    checks.enough("samples", len(samples), 1, "counting modes")
    weights = _law("weights", weights, len(modes))
    if not weights.all():
        raise UsageError("weights must be greater than 0, got 0")
    distances, indices = nearest(samples, modes)
    near = distances[:, 0] <= radius * std
    counts = np.bincount(indices[near, 0], minlength=len(modes))
    covered = counts >= np.maximum(share * len(samples) * weights, 1.0)
    return ModeCounts(counts, int(covered.sum()), float(near.mean()))


def count_classes(labels, num_classes, reference=None):
    """Classes that samples cover, and the reverse KL divergence of their histogram.

    For stacked MNIST, the class of an image is 100 r + 10 g + b with the digits of its three channels, of
    25,600 samples (Metz et al. 2017).

    Args:
        labels: int `[n]`, from 0 to `num_classes - 1`, as a classifier gives them; n >= 1.
        num_classes: >= 1.
        reference: histogram of the reals, `[num_classes]`, counts or shares; None for equal shares.

    Returns:
        `ClassCounts`.

    Raises:
        UsageError: `num_classes` or `reference` out of range.
        DataError: labels that are not integers in the range, or none.

    Example:
        >>> found = count_classes(np.array([0, 0, 1, 1]), 4)
        >>> found.covered, round(found.reverse_kl, 6)
        (2, 0.693147)
    """
    num_classes, labels = checks.count("num_classes", num_classes), np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"labels must be integers of shape [n], got {labels.dtype} of {list(labels.shape)}")
    checks.enough("labels", len(labels), 1, "a histogram")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise DataError(
            f"labels must lie between 0 and {num_classes - 1}, got {labels.min()} to {labels.max()}"
        )
    counts = np.bincount(labels, minlength=num_classes)
    law, ours = _law("reference", reference, num_classes), counts / len(labels)
    seen = ours > 0.0
    with np.errstate(divide="ignore"):
        divergence = float(np.sum(ours[seen] * (np.log(ours[seen]) - np.log(law[seen]))))
    return ClassCounts(counts, int(seen.sum()), divergence)


def _law(name, values, size):
    """Shares that sum to 1."""
    if values is None:
        return np.full(size, 1.0 / size)
    values = np.asarray(values, np.float64)
    good = values.shape == (size,) and np.isfinite(values).all() and (values >= 0.0).all() and values.any()
    if not good:
        raise UsageError(f"{name} must be {size} finite numbers >= 0 and not all 0, got {values.tolist()}")
    return values / values.sum()
