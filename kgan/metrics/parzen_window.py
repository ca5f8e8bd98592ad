"""Log-likelihood of test images under a Parzen window on samples: the score of 2014."""

import math

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks
from kgan.metrics.score import Score, Value

# The ten candidates of the authors' script, from 10^-1 to 10^0.
SIGMAS = tuple(float(sigma) for sigma in np.logspace(-1.0, 0.0, 10))
# Elements of the block of distances that is held at a time.
_BLOCK = 4 << 20


def log_likelihoods(images, centres, sigma, dtype="float64"):
    """Log-density of each image under equal Gaussians around the centres, in nats.

    Args:
        images: `[n, ...]`; rows are flattened to d numbers.
        centres: `[N, ...]` of the same row shape, N >= 1.
        sigma: standard deviation in the unit of the pixels, > 0, or a sequence of them.
        dtype: of the matrix product, `"float64"`, or `"float32"` for half the time and an error of some
            1e-3 nats on images like MNIST's.

    Returns:
        float64 `[n]`, or `[number of sigmas, n]` for a sequence.

    Raises:
        UsageError: a setting out of its range.
        DataError: not finite, different row shapes, or no centre.

    Example:
        >>> round(float(log_likelihoods(np.zeros((1, 2)), np.zeros((1, 2)), 1.0)[0]), 7)
        -1.8378771
    """
    if dtype not in ("float64", "float32"):
        raise UsageError(f"dtype must be float64 or float32, got {dtype!r}")
    sigmas = np.array([checks.positive("sigma", one) for one in np.atleast_1d(sigma).tolist()])
    images, centres = _rows("images", images), _rows("centres", centres)
    checks.enough("centres", len(centres), 1, "a Parzen window")
    if images.shape[1] != centres.shape[1]:
        raise DataError(f"centres must have {images.shape[1]} pixels as the images, got {centres.shape[1]}")
    if not len(sigmas):
        raise UsageError("sigma must be at least one number, got none")
    found = np.empty((len(sigmas), len(images)))
    side = max(1, int(_BLOCK**0.5))
    for start in range(0, len(images), side):
        rows = images[start : start + side]
        found[:, start : start + side] = _log_sums(rows, centres, sigmas, dtype, side)
    found -= math.log(len(centres)) + images.shape[1] * np.log(sigmas * math.sqrt(2.0 * math.pi))[:, None]
    return found if np.ndim(sigma) else found[0]


def parzen(test, centres, sigma=None, validation=None, sigmas=SIGMAS, dtype="float64"):
    """Mean log-likelihood of test images under a Parzen window on samples, in nats per image.

    Goodfellow et al. 2014, as their script computes it: 10,000 samples, sigma with the highest mean on 1,000
    validation images, 10,000 test images. The variance is high, it grows slowly with the number of samples,
    and a set of cluster centres may beat real images (Theis et al. 2016). It hangs on the range of the
    pixels: scaling by s adds -d log s.

    Args:
        test: `[n, ...]`, pixels in the range of the samples, [0, 1] for MNIST.
        centres: samples, `[N, ...]`.
        sigma: in the unit of the pixels, > 0; None chooses it on `validation`.
        validation: `[m, ...]` images that are in neither of the others, when `sigma` is None.
        sigmas: the candidates, each > 0.
        dtype: of the matrix product, see `log_likelihoods`.

    Returns:
        `(Value(mean, standard error), sigma)`; the error is the population std over sqrt(n).

    Raises:
        UsageError: a setting out of its range, or neither or both of `sigma` and `validation`.
        DataError: as `log_likelihoods`.

    Example:
        >>> value, sigma = parzen(np.array([[1.0, 1.0]]), np.array([[0.0, 0.0], [1, 0], [0, 2]]), sigma=1.0)
        >>> round(value.value, 7), value.std, sigma
        (-2.6421126, 0.0, 1.0)
    """
    if validation is None:
        if sigma is None:
            raise UsageError("either sigma or validation must be given, got neither")
    elif sigma is not None:
        raise UsageError("either sigma or validation must be given, got both")
    else:
        checks.enough("validation images", len(validation), 1, "choosing sigma")
        means = log_likelihoods(validation, centres, list(sigmas), dtype).mean(axis=1)
        sigma = float(sigmas[int(means.argmax())])
    checks.enough("test images", len(test), 1, "a mean")
    scores = log_likelihoods(test, centres, sigma, dtype)
    return Value(float(scores.mean()), float(scores.std() / math.sqrt(len(scores)))), float(sigma)


def _rows(name, images):
    """`[n, d]`, still in the type that came; uint8 stays small until its block is computed."""
    images = np.asarray(images)
    if images.ndim < 2:
        raise DataError(f"{name} must be of shape [n, ...], got {list(images.shape)}")
    return checks.matrix(name, images.reshape(len(images), math.prod(images.shape[1:])))


def _log_sums(rows, centres, sigmas, dtype, side):
    """log sum_n exp(-|x - mu_n|^2 / (2 sigma^2)) for each sigma and row, one block of centres at a time."""
    rows = rows.astype(dtype)
    lengths = np.square(rows, dtype=np.float64).sum(axis=1)[:, None]
    peak, total = np.full((len(sigmas), len(rows)), -np.inf), np.zeros((len(sigmas), len(rows)))
    scratch = np.empty((len(rows), min(side, len(centres))))
    for start in range(0, len(centres), side):
        block = centres[start : start + side].astype(dtype)
        distances = (rows @ block.T).astype(np.float64, copy=False)
        distances *= -2.0
        distances += lengths
        distances += np.square(block, dtype=np.float64).sum(axis=1)
        np.maximum(distances, 0.0, out=distances)
        nearest = distances.min(axis=1)
        powers = scratch[:, : len(block)]
        for i, sigma in enumerate(sigmas):
            scale = -0.5 / sigma**2
            best = np.maximum(peak[i], scale * nearest)
            np.multiply(distances, scale, out=powers)
            powers -= best[:, None]
            np.exp(powers, out=powers)
            total[i] = total[i] * np.exp(peak[i] - best) + powers.sum(axis=1)
            peak[i] = best
    return peak + np.log(total)


class Parzen(Score):
    """`parzen` of images with pixels scaled to [0, 1]; samples and reals are kept as bytes.

    With `sigma=None` the first `validation` reals choose sigma and do not count as test images.

    Args:
        sigma: on the scale of pixels in [0, 1], > 0, or None.
        validation: how many reals choose sigma, >= 1.
        dtype: of the matrix product, see `log_likelihoods`.

    Raises:
        UsageError: a setting out of its range.

    Example:
        >>> score = Parzen(sigma=0.2)
        >>> score.update_real({"images": np.zeros((2, 4, 4, 1), "uint8")})
        >>> score.update_fake({"images": np.zeros((3, 4, 4, 1), "uint8")})
        >>> round(score.result()["parzen"].value, 4)
        11.048
    """

    name = "parzen"
    needs = frozenset({"images"})

    def __init__(self, sigma=None, validation=1000, dtype="float64"):
        self.sigma = None if sigma is None else checks.positive("sigma", sigma)
        self.validation = checks.count("validation", validation)
        if dtype not in ("float64", "float32"):
            raise UsageError(f"dtype must be float64 or float32, got {dtype!r}")
        self.dtype = dtype
        self.real = checks.Rows("real images", checks.pictures)
        self.fake = checks.Rows("fake images", checks.pictures)

    def update_real(self, batch):
        self.real.add(checks.part(batch, "images"))

    def update_fake(self, batch):
        self.fake.add(checks.part(batch, "images"))

    def result(self):
        real, fake = self.real.all(), self.fake.all()
        checks.pictures("fake images", fake, real.shape[1:])
        chosen = self.validation if self.sigma is None else 0
        checks.enough("real images", len(real), chosen + 1, f"{chosen} that choose sigma and a test image")
        # In bytes the distances are 255 times as long: sigma is scaled up, and the density back.
        pixels = math.prod(real.shape[1:])
        if self.sigma is None:
            scaled = [255.0 * sigma for sigma in SIGMAS]
            value, sigma = parzen(
                real[chosen:], fake, validation=real[:chosen], sigmas=scaled, dtype=self.dtype
            )
        else:
            value, sigma = parzen(real, fake, 255.0 * self.sigma, dtype=self.dtype)
        value = Value(value.value + pixels * math.log(255.0), value.std)
        return {"parzen": value, "parzen_sigma": Value(sigma / 255.0)}

    def settings(self):
        return {"sigma": self.sigma, "validation": self.validation, "dtype": self.dtype}
