"""Parzen window: golden values, the definition, chunks, and the choice of sigma."""

import math

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import Parzen, parzen, parzen_window
from kgan.metrics.parzen_window import SIGMAS, log_likelihoods

CENTRES = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
RNG = np.random.default_rng(0)
IMAGES, SAMPLES = RNG.uniform(size=(23, 4, 4, 1)), RNG.uniform(size=(31, 4, 4, 1))


def reference(images, centres, sigma):
    """The definition, image by image."""
    d = images[0].size
    found = []
    for x in images:
        e = np.array([-0.5 * np.sum(((x - mu) / sigma) ** 2) for mu in centres])
        top = e.max()
        mean = math.log(np.mean(np.exp(e - top)))
        found.append(top + mean - d * math.log(sigma * math.sqrt(2.0 * math.pi)))
    return np.array(found)


def test_golden_one_centre():
    assert log_likelihoods(np.zeros((1, 2)), np.zeros((1, 2)), 1.0)[0] == pytest.approx(-1.8378771, abs=5e-8)


@pytest.mark.parametrize(
    ("x", "expected"),
    [((0, 0), (-1.4229716, -2.3815324, -3.4108916)), ((1, 1), (-3.3106502, -2.6421126, -3.4307453))],
)
def test_golden_three_centres(x, expected):
    found = log_likelihoods(np.array([x]), CENTRES, [0.5, 1.0, 2.0])
    np.testing.assert_allclose(found[:, 0], expected, atol=5e-8)


@pytest.mark.parametrize(
    ("d", "sigma", "bound"),
    [
        (784, 0.1, 1084.7789),
        (784, 0.2, 541.3515),
        (784, 1.0, -720.4478),
        (2304, 0.1, 3187.9217),
        (2304, 0.2, 1590.9106),
    ],
)
def test_golden_upper_bound(d, sigma, bound):
    x = np.random.default_rng(1).uniform(size=(5, d))
    found = log_likelihoods(x, np.repeat(x[:1], 3, axis=0), sigma)
    assert found[0] == pytest.approx(bound, abs=5e-5)
    assert (found[1:] < bound).all()


def test_golden_sigmas():
    expected = [0.1, 0.12915497, 0.16681005, 0.21544347, 0.27825594]
    expected += [0.35938137, 0.46415888, 0.59948425, 0.77426368, 1.0]
    np.testing.assert_allclose(SIGMAS, expected, atol=5e-9)


@pytest.mark.parametrize("block", [4 << 20, 25])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_definition(monkeypatch, block, dtype):
    monkeypatch.setattr(parzen_window, "_BLOCK", block)
    for sigma in (0.05, 0.2, 1.0):
        found = log_likelihoods(IMAGES, SAMPLES, sigma, dtype)
        tolerance = 1e-10 if dtype == "float64" else 2e-6 / sigma**2
        np.testing.assert_allclose(found, reference(IMAGES, SAMPLES, sigma), rtol=1e-10, atol=tolerance)


def test_float32_agrees_on_images_of_the_size_of_mnist():
    rng = np.random.default_rng(2)
    x, mu = rng.uniform(size=(50, 784)), rng.uniform(size=(400, 784))
    exact, quick = (log_likelihoods(x, mu, 0.2, dtype) for dtype in ("float64", "float32"))
    assert 0.0 < np.abs(exact - quick).max() < 5e-3


def test_the_window_is_a_density():
    line = np.linspace(-12.0, 12.0, 4001)[:, None]
    density = np.exp(log_likelihoods(line, np.array([[-1.0], [2.5]]), 0.7))
    assert np.trapezoid(density, line[:, 0]) == pytest.approx(1.0, abs=1e-9)


def test_mean_error_and_sigma():
    validation = RNG.uniform(size=(9, 4, 4, 1))
    value, sigma = parzen(IMAGES, SAMPLES, validation=validation)
    means = [reference(validation, SAMPLES, sigma).mean() for sigma in SIGMAS]
    assert sigma == SIGMAS[int(np.argmax(means))]
    scores = reference(IMAGES, SAMPLES, sigma)
    assert value.value == pytest.approx(scores.mean(), rel=1e-10)
    assert value.std == pytest.approx(scores.std() / math.sqrt(23), rel=1e-9)
    assert parzen(IMAGES[::-1], SAMPLES[::-1], sigma)[0].value == pytest.approx(value.value, rel=1e-12)


def test_range_of_pixels():
    value, _ = parzen(IMAGES, SAMPLES, 0.2)
    scaled, _ = parzen(2.0 * IMAGES - 1.0, 2.0 * SAMPLES - 1.0, 0.4)
    assert scaled.value == pytest.approx(value.value - 16 * math.log(2.0), rel=1e-12)


@pytest.mark.parametrize("sigma", [None, 0.3])
def test_batches_of_bytes(sigma):
    real, fake = (RNG.integers(0, 256, (n, 5, 5, 3)).astype("uint8") for n in (30, 40))
    score = Parzen(sigma=sigma, validation=10)
    for start in range(0, 40, 15):
        score.update_real({"images": real[start : start + 15]})
        score.update_fake({"images": fake[start : start + 15]})
    found = score.result()
    if sigma is None:
        value, sigma = parzen(real[10:] / 255.0, fake / 255.0, validation=real[:10] / 255.0)
    else:
        value, sigma = parzen(real / 255.0, fake / 255.0, sigma)
    assert found["parzen_sigma"].value == pytest.approx(sigma, rel=1e-12)
    assert found["parzen"].value == pytest.approx(value.value, rel=1e-9)
    assert found["parzen"].std == pytest.approx(value.std, rel=1e-9)


def test_bad_input():
    for arguments, got in (({}, "neither"), ({"sigma": 0.2, "validation": IMAGES}, "both")):
        with pytest.raises(UsageError, match=f"either sigma or validation must be given, got {got}"):
            parzen(IMAGES, SAMPLES, **arguments)
    for sigma in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(UsageError, match="sigma must be a finite number > 0"):
            parzen(IMAGES, SAMPLES, sigma)
    with pytest.raises(DataError, match="centres must have 16 pixels as the images, got 8"):
        parzen(IMAGES, SAMPLES[:, :2], 0.2)
    with pytest.raises(DataError, match="centres must be at least 1 for a Parzen window, got 0"):
        parzen(IMAGES, SAMPLES[:0], 0.2)
    with pytest.raises(DataError, match="images must be finite, got NaN or infinity in row 0"):
        parzen(IMAGES * np.nan, SAMPLES, 0.2)
    with pytest.raises(UsageError, match="dtype must be float64 or float32, got 'float16'"):
        Parzen(dtype="float16")
    score = Parzen()
    score.update_real({"images": np.zeros((1000, 2, 2, 1), "uint8")})
    score.update_fake({"images": np.zeros((5, 2, 2, 1), "uint8")})
    with pytest.raises(DataError, match=r"real images must be at least 1001 .*, got 1000"):
        score.result()
    score = Parzen(sigma=0.2)
    score.update_real({"images": np.zeros((4, 2, 2, 1), "uint8")})
    score.update_fake({"images": np.zeros((5, 2, 3, 1), "uint8")})
    with pytest.raises(DataError, match=r"fake images must be images of \[2, 2, 1\] .*, got \[2, 3, 1\]"):
        score.result()
