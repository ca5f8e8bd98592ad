"""Frechet distance between two Gaussians fitted to features: FID with the Inception network of 2015."""

import dataclasses

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.moments import Moments
from kgan.metrics.score import Score, Value


@dataclasses.dataclass(frozen=True)
class Frechet:
    """A Frechet distance and how much of the feature space it rests on.

    Args:
        value: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), in squared units of the features.
        rank: the lower of the ranks of the two covariances.
        dimensions: how many features there are; above `rank`, the product of the covariances is singular.
    """

    value: float
    rank: int
    dimensions: int

    @property
    def singular(self):
        """Whether the product of the covariances is singular."""
        return self.rank < self.dimensions


def fid(real, fake, allow_singular=False):
    """Frechet distance of the fakes' features to the reals': 0 is best.

    Called FID only with the features of the Inception network of 2015-12-05, `FID[net]` with others. It is
    biased upwards by about 1/n: compare only numbers of the same n. Heusel et al. 2017.

    Args:
        real: float `[n, d]`, or `Moments`.
        fake: float `[m, d]`, or `Moments`.
        allow_singular: take fewer samples than features, where the distance is dominated by its bias.

    Returns:
        The distance, a float >= 0.

    Raises:
        DataError: not finite, different widths, fewer than 2 samples, or not more samples than features
            while `allow_singular` is False.

    Example:
        >>> corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
        >>> round(fid(corners, corners + np.array([3.0, 4.0])), 9)
        25.0
    """
    return frechet(Moments.of(real), Moments.of(fake), allow_singular).value


def frechet(real, fake, allow_singular=False):
    """As `fid`, from two `Moments`; returns a `Frechet`, which knows the rank."""
    if real.count and fake.count and real.dimensions != fake.dimensions:
        raise DataError(
            f"fake features must have {real.dimensions} columns as the others have, got {fake.dimensions}"
        )
    for name, moments in (("real", real), ("fake", fake)):
        checks.enough(f"{name} samples", moments.count, 2, "a Frechet distance")
        # n samples span n - 1 dimensions around their mean.
        if moments.count <= moments.dimensions and not allow_singular:
            raise DataError(
                f"{name} samples must be more than the {moments.dimensions} features for a Frechet distance, "
                f"got {moments.count}; allow_singular=True takes them"
            )
    return frechet_of_gaussians(real.mean, real.covariance(), fake.mean, fake.covariance())


def frechet_of_gaussians(mean_a, covariance_a, mean_b, covariance_b):
    """As `frechet`, from means `[d]` and covariances `[d, d]`."""
    # The square roots of the eigenvalues of S1^(1/2) S2 S1^(1/2) are the singular values of
    # S1^(1/2) S2^(1/2). Taken as such they keep all digits, also where a covariance is singular.
    (root_a, rank_a), (root_b, rank_b) = _half(covariance_a), _half(covariance_b)
    cross = np.linalg.svd(root_a.T @ root_b, compute_uv=False).sum()
    gap = np.sum(np.square(np.subtract(mean_a, mean_b)))
    value = gap + np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * cross
    return Frechet(max(float(value), 0.0), min(rank_a, rank_b), len(root_a))


def intra_class_fid(real, real_labels, fake, fake_labels, allow_singular=False):
    """Frechet distance inside each class, and their mean (Miyato and Koyama 2018).

    Args:
        real: float `[n, d]`.
        real_labels: int `[n]`.
        fake: float `[m, d]`.
        fake_labels: int `[m]`, the classes that were asked for.
        allow_singular: as in `fid`; a class has few samples.

    Returns:
        `(mean, {class: distance})` over the classes of the reals.

    Raises:
        DataError: as `fid`, a class without fakes, or labels of another length.

    Example:
        >>> x = np.array([[0.0], [2.0], [5.0], [7.0]])
        >>> mean, distances = intra_class_fid(x, [0, 0, 1, 1], x + [[1], [1], [0], [0]], [0, 0, 1, 1])
        >>> round(mean, 9), round(distances[0], 9), round(distances[1], 9)
        (0.5, 1.0, 0.0)
    """
    real, fake = checks.pair(real, fake)
    sets = []
    for name, rows, labels in (("real", real, real_labels), ("fake", fake, fake_labels)):
        labels = np.asarray(labels)
        if labels.shape != (len(rows),):
            raise DataError(f"{name} labels must be one per row, {len(rows)}, got {list(labels.shape)}")
        sets.append((rows, labels))
    (real, real_labels), (fake, fake_labels) = sets
    distances = {}
    for label in np.unique(real_labels):
        mine = fake[fake_labels == label]
        checks.enough(f"fakes of class {label}", len(mine), 2, "a Frechet distance")
        distances[int(label)] = fid(real[real_labels == label], mine, allow_singular)
    return float(np.mean(list(distances.values()))), distances


def _half(covariance):
    """A factor F with F F^T = covariance, and its rank: what rounding cannot tell from 0 is 0."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, np.float64))
    kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0)
    return vectors * np.sqrt(np.where(kept, values, 0.0)), int(kept.sum())


class FID(Score):
    """`fid` in one pass; memory grows with the number of features, not with that of images.

    Args:
        allow_singular: take fewer samples than features.

    Example:
        >>> score = FID()
        >>> score.update_real({"features": np.array([[0.0], [2.0]])})
        >>> score.update_fake({"features": np.array([[1.0], [3.0]])})
        >>> round(score.result()["fid"].value, 9)
        1.0
    """

    name = "fid"
    needs = frozenset({"features"})

    def __init__(self, allow_singular=False):
        self.allow_singular = bool(allow_singular)
        self.real, self.fake = Moments(), Moments()

    def update_real(self, batch):
        self.real.update(checks.part(batch, "features"))

    def update_fake(self, batch):
        self.fake.update(checks.part(batch, "features"))

    def result(self):
        found = frechet(self.real, self.fake, self.allow_singular)
        note = f"singular: rank {found.rank} of {found.dimensions} features" if found.singular else None
        return {"fid": Value(found.value, note=note)}

    def settings(self):
        return {"allow_singular": self.allow_singular}
