"""Sliced Wasserstein distance between patches of real and generated images, scale by scale."""

import contextlib
import math
import pathlib
import shutil
import tempfile
import weakref

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.filters import along
from kgan.metrics.score import Score, Value

_SIDE = 7  # of a patch
_COARSEST = 16  # side of the coarsest level, in pixels
_FILTER = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
# Bytes of patches, and of projections, that are held at a time.
_PATCHES = 64 << 20
_PROJECTIONS = 256 << 20
_IMAGES = 64  # images whose pyramid is computed at a time


def sliced_wasserstein(real, fake, patches=128, repeats=4, directions=128, seed=0):
    """Sliced Wasserstein distance of patches on each level of a Laplacian pyramid, times 1000.

    Patches of 7x7 pixels, random ones of each image and level; every channel is normalised by the mean and
    std of its own set; the mean difference of the sorted projections on random unit directions. 0 is best,
    but only as many patches as PGGAN takes come near it: compare with `sliced_wasserstein_floor`. Karras
    et al. 2018: 16,384 images of each set.

    Args:
        real: uint8 `[n, height, width, channels]`, sides of at least 16.
        fake: of the same shape, as many images too.
        patches: of each image and level, >= 1.
        repeats: draws of directions, >= 1.
        directions: in each draw, >= 1.
        seed: int >= 0 of patches and directions.

    Returns:
        dict of `"swd_<side>"` for each level from fine to coarse, and `"swd"`, their mean, to `Value`.

    Raises:
        UsageError: a setting out of its range.
        DataError: not such images, sets of different sizes, or a side below 16.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> flat, noisy = (rng.integers(0, high, (8, 32, 32, 1), "uint8") for high in (9, 256))
        >>> sorted(sliced_wasserstein(flat, noisy, patches=16))
        ['swd', 'swd_16', 'swd_32']
    """
    with contextlib.closing(SlicedWasserstein(patches, repeats, directions, seed)) as score:
        for images, update in ((real, score.update_real), (fake, score.update_fake)):
            update({"images": images})
        return score.result()


def sliced_wasserstein_floor(real, patches=128, repeats=4, directions=128, seed=0):
    """`sliced_wasserstein` of the reals against themselves, with other patches: the least to hope for.

    Args:
        real: uint8 `[n, height, width, channels]`, sides of at least 16.
        patches: as in `sliced_wasserstein`.
        repeats: likewise.
        directions: likewise.
        seed: likewise.

    Returns:
        As `sliced_wasserstein`.

    Raises:
        UsageError: a setting out of its range.
        DataError: not such images.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), "uint8")
        >>> sliced_wasserstein_floor(images)["swd"].value < 30
        True
    """
    return sliced_wasserstein(real, real, patches, repeats, directions, seed)


def laplacian_pyramid(images):
    """Levels of float images `[n, height, width, channels]`, fine to coarse, until a side would be below 16.

    Example:
        >>> [level.shape[1:3] for level in laplacian_pyramid(np.zeros((1, 64, 32, 3)))]
        [(64, 32), (32, 16)]
    """
    levels = [np.asarray(images, np.float64)]
    while min(levels[-1].shape[1:3]) // 2 >= _COARSEST:
        smaller = _filtered(levels[-1])[:, ::2, ::2]
        larger = np.zeros_like(levels[-1])
        larger[:, ::2, ::2] = 4.0 * smaller
        levels[-1] = levels[-1] - _filtered(larger)
        levels.append(smaller)
    return levels


def _filtered(images):
    """The 5x5 binomial filter; edges are mirrored at the middle of the last pixel."""
    for axis in (1, 2):
        edges = [(0, 0)] * 4
        edges[axis] = (2, 2)
        images = along(np.pad(images, edges, mode="reflect"), _FILTER, axis)
    return images


class _Level:
    """Patches of one set on one level: float32 in a file, and the sums that normalise their channels."""

    def __init__(self, path, channels):
        self.path, self.channels, self.count = path, channels, 0
        self._sums = np.zeros((2, channels))

    def add(self, patches):
        """Appends patches `[n, channels, 49]`, float64."""
        with open(self.path, "ab") as file:
            patches.astype(np.float32).tofile(file)
        self._sums += patches.sum(axis=(0, 2)), np.square(patches).sum(axis=(0, 2))
        self.count += len(patches)

    def projected(self, directions):
        """Sorted projections `[directions, n]` of the normalised patches on columns `[channels * 49, m]`."""
        mean, square = self._sums / (self.count * _SIDE**2)
        std = np.sqrt(np.maximum(square - mean**2, 0.0))
        if not std.all():
            raise DataError("images must not be of one colour for a sliced Wasserstein distance, got std 0")
        found = np.empty((directions.shape[1], self.count), np.float32)
        width = self.channels * _SIDE**2
        step = max(1, _PATCHES // (8 * width))
        for start in range(0, self.count, step):
            rows = np.fromfile(self.path, np.float32, width * step, offset=4 * width * start)
            rows = rows.reshape(-1, self.channels, _SIDE**2).astype(np.float64)
            rows = (rows - mean[:, None]) / std[:, None]
            found[:, start : start + step] = (rows.reshape(-1, width) @ directions).T
        found.sort(axis=1)
        return found


class _Patches:
    """The patches of one set of images, level by level."""

    def __init__(self, name, per_image, rng):
        self.name, self.per_image, self._rng = name, per_image, rng
        self.shape = ()
        self.images = 0
        self.levels = {}
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="kgan-patches-"))
        self.close = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def add(self, images):
        images = checks.pictures(self.name, images, self.shape or None)
        if min(images.shape[1:3]) < _COARSEST:
            raise DataError(
                f"{self.name} must be at least {_COARSEST} pixels a side, got {images.shape[1:3]}"
            )
        self.shape = images.shape[1:]
        for start in range(0, len(images), _IMAGES):
            for level in laplacian_pyramid(images[start : start + _IMAGES]):
                side = min(level.shape[1:3])
                if side not in self.levels:
                    self.levels[side] = _Level(self._folder / f"{side}.float32", level.shape[3])
                self.levels[side].add(self._cut(level))
        self.images += len(images)

    def _cut(self, level):
        """Random patches `[n * per_image, channels, 49]`."""
        windows = np.lib.stride_tricks.sliding_window_view(level, (_SIDE, _SIDE), axis=(1, 2))
        size = (len(level), self.per_image)
        y, x = (self._rng.integers(0, windows.shape[axis], size) for axis in (1, 2))
        found = windows[np.arange(len(level))[:, None], y, x]
        return found.reshape(-1, level.shape[3], _SIDE**2)


class SlicedWasserstein(Score):
    """`sliced_wasserstein` in one pass; patches wait in temporary files, projections come in parts.

    Args:
        patches: of each image and level, >= 1.
        repeats: draws of directions, >= 1.
        directions: in each draw, >= 1.
        seed: int >= 0 of patches and directions.

    Raises:
        UsageError: a setting out of its range.

    Example:
        >>> SlicedWasserstein(patches=64).settings()
        {'patches': 64, 'repeats': 4, 'directions': 128, 'seed': 0}
    """

    name = "sliced_wasserstein"
    needs = frozenset({"images"})

    def __init__(self, patches=128, repeats=4, directions=128, seed=0):
        self.patches, self.repeats = checks.count("patches", patches), checks.count("repeats", repeats)
        self.directions, self.seed = checks.count("directions", directions), checks.count("seed", seed, 0)
        self.real, self.fake = (
            _Patches(f"{name} images", self.patches, np.random.default_rng((self.seed, i)))
            for i, name in enumerate(("real", "fake"))
        )

    def update_real(self, batch):
        self.real.add(checks.part(batch, "images"))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, "images"))

    def result(self):
        checks.enough("real images", self.real.images, 1, "a sliced Wasserstein distance")
        if self.real.images != self.fake.images or self.real.shape != self.fake.shape:
            raise DataError(
                "both sets must have equally many images of one shape for a sliced Wasserstein distance, got "
                f"{self.real.images} of {list(self.real.shape)} and "
                f"{self.fake.images} of {list(self.fake.shape)}"
            )
        found = {
            f"swd_{side}": 1000.0 * self._distance(self.real.levels[side], self.fake.levels[side])
            for side in self.real.levels
        }
        found["swd"] = sum(found.values()) / len(found)
        return {name: Value(float(value)) for name, value in found.items()}

    def settings(self):
        return {name: getattr(self, name) for name in ("patches", "repeats", "directions", "seed")}

    def close(self):
        """Removes the temporary files, as garbage collection and the end of the process do."""
        self.real.close()
        self.fake.close()

    def _distance(self, real, fake):
        rng = np.random.default_rng((self.seed, 2))
        directions = rng.standard_normal((real.channels * _SIDE**2, self.repeats * self.directions))
        directions /= np.sqrt(np.square(directions).sum(axis=0))
        step = max(1, math.floor(_PROJECTIONS / (8 * real.count)))
        total = 0.0
        for start in range(0, directions.shape[1], step):
            part = directions[:, start : start + step]
            gaps = np.abs(real.projected(part) - fake.projected(part))
            total += gaps.mean(axis=1, dtype=np.float64).sum()
        return total / directions.shape[1]
