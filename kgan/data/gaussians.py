"""Mixtures of Gaussians in the plane, on which every mode can be counted."""

import hashlib

import numpy as np

from kgan.data.epoch_batches import EpochBatches
from kgan.errors import UsageError


class Gaussians(EpochBatches):
    """Points of a mixture of round Gaussians, drawn anew in each epoch.

    A point is an image of 1x1 with two channels, x and y, divided by `limit`, so that every system for
    images plays on points too; a game with `data_range=(-limit, limit)` sees them in their own units. Batch
    i of epoch e is a function of (seed, e, i) and nothing else.

    Args:
        centers: means of the modes, `[modes, 2]`.
        std: standard deviation of each mode in both directions, > 0.
        limit: half the side of the square that all points lie in; at least 6 `std` beyond the centres.
        weights: share of each mode, `[modes]`, > 0, scaled to sum to 1; None for equal modes.
        num_examples: points of an epoch.
        batch_size: points per batch, from 1 to `num_examples`.
        seed: int >= 0.

    Attributes:
        image_shape: (1, 1, 2).
        fingerprint: hash of all arguments.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> data = Gaussians([[-1, 0], [1, 0]], std=0.1, limit=2.0, num_examples=8, batch_size=4)
    >>> len(data), data[0].shape, data[0].dtype
    (2, (4, 1, 1, 2), dtype('float32'))
    """

    image_shape = (1, 1, 2)

    def __init__(self, centers, std, limit, *, weights=None, num_examples=51_200, batch_size=256, seed=0):
        super().__init__()
        self.centers = np.asarray(centers, "float64")
        if self.centers.ndim != 2 or self.centers.shape[1] != 2 or not len(self.centers):
            raise UsageError(f"centers must be of shape [modes >= 1, 2], got {list(self.centers.shape)}")
        weights = np.ones(len(self.centers)) if weights is None else np.asarray(weights, "float64")
        if weights.shape != (len(self.centers),) or not (weights > 0).all():
            raise UsageError(f"weights must be {len(self.centers)} numbers > 0, got {weights.tolist()}")
        if not 0 < std < np.inf:
            raise UsageError(f"std must be a number > 0, got {std}")
        if limit < np.abs(self.centers).max() + 6 * std:
            raise UsageError(f"limit must lie 6 std beyond the centers at least, got {limit}")
        for name, value, low in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        if num_examples < batch_size:
            raise UsageError(f"num_examples must be at least batch_size, {batch_size}, got {num_examples}")
        self.std, self.limit, self.weights = float(std), float(limit), weights / weights.sum()
        self.num_examples, self.batch_size, self.seed = num_examples, batch_size, seed
        self._drawn = (None, None)
        numbers = np.concatenate([self.centers.ravel(), self.weights, [self.std, self.limit, seed]])
        settings = f"{num_examples},{batch_size}".encode()
        self.fingerprint = hashlib.sha256(settings + numbers.tobytes()).hexdigest()

    def __getitem__(self, index):
        points = self._points(self.epoch)[self.part(index)] / self.limit
        return points.astype("float32").reshape(-1, *self.image_shape)

    def draw(self, n, rng):
        """Points in their own units.

        Args:
            n: how many, >= 0.
            rng: a `numpy.random.Generator`.

        Returns:
            float64 array `[n, 2]`.
        """
        modes = rng.choice(len(self.centers), n, p=self.weights)
        return self.centers[modes] + self.std * rng.standard_normal((n, 2))

    def _points(self, epoch):
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, points = self._drawn
        if points is None or known != epoch:
            points = self.draw(self.num_examples, np.random.default_rng([self.seed, epoch]))
            self._drawn = (epoch, points)
        return points


def gaussian_ring(modes=8, radius=1.0, std=0.01, *, doubled=False, **batches):
    """Gaussians evenly on a circle.

    Args:
        modes: how many, >= 1.
        radius: of the circle.
        std: standard deviation of each mode.
        doubled: whether the first mode has twice the weight of each other one. The released code of LSGAN
            has it so: the ends of its `linspace(0, 2 pi, 9)` coincide.
        **batches: `num_examples`, `batch_size` and `seed` of `Gaussians`.

    Returns:
        `Gaussians`.

    Reference: Mao et al., Least Squares Generative Adversarial Networks, 2016, the mixture on a circle.

    Example:

    >>> gaussian_ring(4).centers.round(6).tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-0.0, -1.0]]
    """
    angles = 2.0 * np.pi * np.arange(modes) / modes
    centers = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    weights = [2.0 if doubled else 1.0] + [1.0] * (modes - 1)
    return Gaussians(centers, std, 1.5 * radius, weights=weights, **batches)


def gaussian_grid(side=5, spacing=1.0, std=0.025, **batches):
    """Gaussians on a square grid around the origin.

    Args:
        side: modes in a row, >= 1.
        spacing: between neighbours.
        std: standard deviation of each mode.
        **batches: `num_examples`, `batch_size` and `seed` of `Gaussians`.

    Returns:
        `Gaussians`.

    Reference: Srivastava et al., VEEGAN, 2017: the same grid at twice the size.

    Example:

    >>> gaussian_grid().centers.shape, float(gaussian_grid().centers.min())
    ((25, 2), -2.0)
    """
    line = spacing * (np.arange(side) - (side - 1) / 2.0)
    centers = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return Gaussians(centers, std, spacing * side / 2.0, **batches)
