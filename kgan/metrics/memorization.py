"""How near samples lie to the training images, beside images of the same law that were never seen."""

import dataclasses

import numpy as np

from kgan.errors import UsageError
from kgan.metrics import checks
from kgan.metrics.neighbors import nearest
from kgan.metrics.score import Score, Value


@dataclasses.dataclass(frozen=True)
class MemorizationCheck:
    """Distances to the nearest training image.

    Args:
        indices: of the training image nearest to each sample, int64 `[n]`.
        distances: Euclidean (or cosine) distance to it, `[n]`.
        heldout_distances: of each held-out image to the training image nearest to it, `[m]`.
    """

    indices: np.ndarray
    distances: np.ndarray
    heldout_distances: np.ndarray

    @property
    def ratio(self):
        """Median distance of the samples over that of the held-out images."""
        middle = float(np.median(self.heldout_distances))
        ours = float(np.median(self.distances))
        if middle == 0.0:
            return 1.0 if ours == 0.0 else float("inf")
        return ours / middle

    @property
    def suspicious(self):
        """Whether the samples lie nearer to the training images than unseen images do: `ratio` below 1."""
        return self.ratio < 1.0

    @property
    def copies(self):
        """Share of samples that lie nearer than any held-out image."""
        return float((self.distances < self.heldout_distances.min()).mean())


def check_memorization(samples, train, heldout, metric="euclidean"):
    """Nearest training neighbour of each sample, and of each held-out image for comparison.

    In pixels, samples that are smoother than photographs lie nearer than these without being copies; in
    features they do not. Goodfellow et al. 2014, figure 2, with numbers.

    Args:
        samples: `[n, ...]`, pixels or features, n >= 1.
        train: `[N, ...]`, all that was trained on.
        heldout: `[m, ...]` of the same law, not trained on, m >= 1.
        metric: `"euclidean"` or `"cosine"`.

    Returns:
        `MemorizationCheck`; its `ratio` below 1 is `suspicious`.

    Raises:
        UsageError: an unknown metric.
        DataError: an empty set, different row shapes, or not finite.

    Example:
        >>> train = np.array([[0.0], [10.0]])
        >>> found = check_memorization(np.array([[0.5], [9.5]]), train, np.array([[2.0], [8.0]]))
        >>> found.ratio, found.suspicious, found.copies
        (0.25, True, 1.0)
    """
    for name, rows in (("samples", samples), ("held-out rows", heldout)):
        checks.enough(name, len(rows), 1, "a check of memorisation")
    distances, indices = nearest(samples, train, metric=metric)
    heldout_distances, _ = nearest(heldout, train, metric=metric)
    return MemorizationCheck(indices[:, 0], distances[:, 0], heldout_distances[:, 0])


class Memorization(Score):
    """`check_memorization` of batches: the reals are the training set; all sets are kept.

    Held-out images come by `update_heldout`. Without any, only the samples' median distance is given.

    Args:
        space: `"images"` for pixels from 0 to 1, or `"features"`.
        metric: `"euclidean"` or `"cosine"`.

    Raises:
        UsageError: an unknown space or metric.

    Example:
        >>> score = Memorization("features")
        >>> score.update_real({"features": np.array([[0.0], [10.0]])})
        >>> score.update_heldout({"features": np.array([[2.0], [8.0]])})
        >>> score.update_fake({"features": np.array([[0.5], [9.5]])})
        >>> score.result()["memorization_ratio"].value
        0.25
    """

    name = "memorization"

    def __init__(self, space="images", metric="euclidean"):
        if space not in ("images", "features"):
            raise UsageError(f"space must be images or features, got {space!r}")
        if metric not in ("euclidean", "cosine"):
            raise UsageError(f"metric must be euclidean or cosine, got {metric!r}")
        self.space, self.metric = space, metric
        self.needs = frozenset({space})
        check = checks.pictures if space == "images" else checks.matrix
        self.real, self.fake, self.heldout = (
            checks.Rows(f"{name} {space}", check) for name in ("real", "fake", "held-out")
        )

    def update_real(self, batch):
        self.real.add(checks.part(batch, self.space))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, self.space))

    def update_heldout(self, batch):
        """Takes in one batch of images that are of the same law and were not trained on."""
        self.heldout.add(checks.part(batch, self.space))

    def result(self):
        scale = 255.0 if self.space == "images" and self.metric == "euclidean" else 1.0
        if not len(self.heldout):
            distances, _ = nearest(self.fake.all(), self.real.all(), metric=self.metric)
            return {
                "memorization_distance": Value(
                    float(np.median(distances)) / scale, note="no held-out images to compare with"
                )
            }
        found = check_memorization(self.fake.all(), self.real.all(), self.heldout.all(), self.metric)
        note = "below 1: nearer to the training images than unseen images are" if found.suspicious else None
        return {
            "memorization_ratio": Value(found.ratio, note=note),
            "memorization_copies": Value(found.copies),
            "memorization_distance": Value(float(np.median(found.distances)) / scale),
            "memorization_heldout_distance": Value(float(np.median(found.heldout_distances)) / scale),
        }

    def settings(self):
        return {"space": self.space, "metric": self.metric}
