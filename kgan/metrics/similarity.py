"""Multi-scale structural similarity of pairs of samples: high where a generator repeats itself."""

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.filters import along
from kgan.metrics.score import Score, Value

# Wang et al. 2003: weights of the scales, from fine to coarse.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
# Pixels of each side of the pairs that are held as float64 at a time.
_BATCH = 1 << 20


def ms_ssim_of_pairs(a, b):
    """Multi-scale structural similarity of each pair of images: 1 for equal ones.

    Five scales, a Gaussian window of 11 pixels and std 1.5 (smaller where the image is smaller than it, as
    PGGAN's code does), range 255; below about 176 pixels a side the coarse scales are not what the paper
    means. Wang et al. 2003.

    Args:
        a: uint8 `[n, height, width, channels]`, both sides at least 16.
        b: of the same shape.

    Returns:
        float64 `[n]`, from 0 to 1.

    Raises:
        DataError: not such images, different shapes, or a side below 16.

    Example:
        >>> ramp = np.arange(32, dtype="uint8")[None, :, None, None] * np.ones((1, 1, 32, 1), "uint8")
        >>> round(float(ms_ssim_of_pairs(ramp, ramp)[0]), 6)
        1.0
    """
    a = checks.pictures("images", a)
    b = checks.pictures("images", b, a.shape[1:])
    if len(a) != len(b):
        raise DataError(f"pairs must have two images each, got {len(a)} and {len(b)}")
    if min(a.shape[1:3]) < 2 ** (len(WEIGHTS) - 1):
        raise DataError(f"images must be at least 16 pixels a side for five scales, got {a.shape[1:3]}")
    step = max(1, _BATCH // int(np.prod(a.shape[1:])))
    parts = [_similarity(a[i : i + step], b[i : i + step]) for i in range(0, len(a), step)]
    return np.concatenate(parts) if parts else np.zeros(0)


def ms_ssim(images, pairs=10_000, seed=0):
    """Mean similarity of random pairs of images: higher is less diverse; compare with that of the reals.

    Odena et al. 2017; Karras et al. 2018 (10,000 pairs).

    Args:
        images: uint8 `[n, height, width, channels]`, n >= 2.
        pairs: how many, of two different images each, drawn with repetition, >= 1.
        seed: int >= 0 of the draws.

    Returns:
        `Value(mean, std)`, the std over pairs.

    Raises:
        UsageError: a setting out of its range.
        DataError: as `ms_ssim_of_pairs`, or fewer than 2 images.

    Example:
        >>> ms_ssim(np.zeros((3, 16, 16, 1), "uint8"), pairs=4).value
        1.0
    """
    pairs, seed = checks.count("pairs", pairs), checks.count("seed", seed, 0)
    images = checks.pictures("images", images)
    checks.enough("images", len(images), 2, "a pair")
    rng = np.random.default_rng(seed)
    first = rng.integers(0, len(images), pairs)
    second = (first + rng.integers(1, len(images), pairs)) % len(images)
    step = max(1, _BATCH // int(np.prod(images.shape[1:])))
    values = np.concatenate(
        [
            ms_ssim_of_pairs(images[first[i : i + step]], images[second[i : i + step]])
            for i in range(0, pairs, step)
        ]
    )
    return Value(float(values.mean()), float(values.std()))


def _similarity(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    value = np.ones(len(a))
    for scale, weight in enumerate(WEIGHTS):
        luminance, contrast = _ssim(a, b)
        last = scale == len(WEIGHTS) - 1
        term = (luminance * contrast if last else contrast).mean(axis=(1, 2, 3))
        # A negative term has no real power; it says that the two have nothing in common.
        value *= np.maximum(term, 0.0) ** weight
        a, b = _halved(a), _halved(b)
    return value


def _ssim(a, b):
    """Maps of luminance, and of contrast and structure, inside the image."""
    window = _window(min(11, *a.shape[1:3]))
    mean_a, mean_b = _blur(a, window), _blur(b, window)
    cross = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    luminance = (2.0 * cross + _C1) / (squares + _C1)
    covariance = _blur(a * b, window) - cross
    variance = _blur(a * a, window) + _blur(b * b, window) - squares
    return luminance, (2.0 * covariance + _C2) / (variance + _C2)


def _window(size):
    """Gaussian of std 1.5 at size 11, narrower where images are smaller."""
    offsets = np.arange(size) - (size - 1) / 2.0
    weights = np.exp(-0.5 * np.square(offsets / (1.5 * size / 11.0)))
    return weights / weights.sum()


def _blur(images, window):
    """Separable filter along both sides, valid part only."""
    for axis in (1, 2):
        images = along(images, window, axis)
    return images


def _halved(images):
    """Means of 2x2 pixels; an odd last row or column stands for two."""
    odd = [(0, 0), (0, images.shape[1] % 2), (0, images.shape[2] % 2), (0, 0)]
    images = np.pad(images, odd, mode="edge")
    rows = images[:, ::2] + images[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2]) / 4.0


class MSSSIM(Score):
    """`ms_ssim` of batches of fakes, and of the reals if there are any.

    Of each set, a random `2 * pairs` images are kept: memory does not grow with the number of images.

    Args:
        pairs: how many, >= 1.
        seed: int >= 0 of the draws.

    Raises:
        UsageError: a setting out of its range.

    Example:
        >>> score = MSSSIM(pairs=10)
        >>> score.update_fake({"images": np.zeros((3, 16, 16, 1), "uint8")})
        >>> score.result()["ms_ssim"].value
        1.0
    """

    name = "ms_ssim"
    needs = frozenset({"images"})
    needs_real = False

    def __init__(self, pairs=10_000, seed=0):
        self.pairs, self.seed = checks.count("pairs", pairs), checks.count("seed", seed, 0)
        self.real = checks.Sample("real images", checks.pictures, 2 * self.pairs, (self.seed, 0))
        self.fake = checks.Sample("fake images", checks.pictures, 2 * self.pairs, (self.seed, 1))

    def update_real(self, batch):
        self.real.add(checks.part(batch, "images"))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, "images"))

    def result(self):
        found = {"ms_ssim": ms_ssim(self.fake.all(), self.pairs, self.seed)}
        if self.real.seen:
            checks.pictures("fake images", self.fake.all(), self.real.all().shape[1:])
            found["ms_ssim_real"] = ms_ssim(self.real.all(), self.pairs, self.seed)
        return found

    def settings(self):
        return {"pairs": self.pairs, "seed": self.seed}
