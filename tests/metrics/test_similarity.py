"""Multi-scale structural similarity, against plain two-dimensional filters."""

import functools

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from kgan.errors import DataError, UsageError
from kgan.metrics import MSSSIM, ms_ssim, ms_ssim_of_pairs, similarity

RNG = np.random.default_rng(0)
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def smooth(n, side, channels, seed=0):
    noise = np.random.default_rng(seed).uniform(size=(n, side, side, channels))
    noise = scipy.ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return (255.0 * noise).astype("uint8")


def reference(a, b):
    """One pair, channel by channel, with a window of two dimensions."""
    a, b = a.astype(float), b.astype(float)
    value = 1.0
    for scale, weight in enumerate(WEIGHTS):
        size = min(11, a.shape[0])
        offsets = np.arange(size) - (size - 1) / 2
        window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (1.5 * size / 11) ** 2))
        window /= window.sum()
        terms = []
        for c in range(a.shape[2]):
            blur = functools.partial(scipy.signal.convolve2d, in2=window, mode="valid")
            x, y = a[..., c], b[..., c]
            mx, my = blur(x), blur(y)
            vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
            term = (2 * cov + 58.5225) / (vx + vy + 58.5225)
            if scale == 4:
                term = term * (2 * mx * my + 6.5025) / (mx**2 + my**2 + 6.5025)
            terms.append(term)
        value *= max(np.mean(terms), 0.0) ** weight
        half = lambda x: scipy.ndimage.convolve(x, np.full((2, 2, 1), 0.25), mode="reflect")[::2, ::2]
        a, b = half(a), half(b)
    return value


@pytest.mark.parametrize(("side", "channels"), [(192, 1), (64, 3), (50, 1), (28, 1)])
def test_the_definition(side, channels):
    a, b = smooth(2, side, channels), smooth(2, side, channels, seed=1)
    b = (0.5 * a + 0.5 * b).astype("uint8")
    expected = [reference(x, y) for x, y in zip(a, b)]
    assert 0.2 < min(expected) < max(expected) < 0.99
    np.testing.assert_allclose(ms_ssim_of_pairs(a, b), expected, rtol=1e-8)


def test_equal_images_negatives_and_symmetry():
    a, b = smooth(3, 48, 3), smooth(3, 48, 3, seed=2)
    np.testing.assert_allclose(ms_ssim_of_pairs(a, a), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(ms_ssim_of_pairs(a, 255 - a), 0.0)
    np.testing.assert_allclose(ms_ssim_of_pairs(a, b), ms_ssim_of_pairs(b, a), rtol=1e-12)


def test_pairs(monkeypatch):
    monkeypatch.setattr(similarity, "_BATCH", 3 * 32 * 32)
    images = smooth(4, 32, 1) // 2 + smooth(1, 32, 1, seed=9) // 2
    every = [reference(images[i], images[j]) for i in range(4) for j in range(4) if i != j]
    value = ms_ssim(images, pairs=300, seed=1)
    assert min(every) > 0.0
    assert value.value == pytest.approx(np.mean(every), abs=4.0 * np.std(every) / 300**0.5)
    assert value.std == pytest.approx(np.std(every), rel=0.2)
    assert value.value != ms_ssim(images, pairs=300, seed=2).value


def test_fewer_modes_are_more_alike():
    images = smooth(20, 32, 1)
    assert ms_ssim(images, 100).value + 0.05 < ms_ssim(np.repeat(images[:3], 7, axis=0), 100).value


def test_the_stream_keeps_a_bounded_sample():
    score = MSSSIM(pairs=10)
    images = smooth(90, 16, 1)
    for start in range(0, 90, 8):
        score.update_fake({"images": images[start : start + 8]})
    kept = score.fake.all()
    assert (len(kept), score.fake.seen) == (20, 90)
    which = [int(np.flatnonzero((images == one).all(axis=(1, 2, 3)))[0]) for one in kept]
    assert len(set(which)) == 20
    assert max(which) >= 45
    found = score.result()
    assert list(found) == ["ms_ssim"]
    assert found["ms_ssim"] == ms_ssim(kept, 10)
    score.update_real({"images": images[:5]})
    assert score.result()["ms_ssim_real"] == ms_ssim(images[:5], 10)


def test_every_image_has_the_same_chance_to_be_kept():
    from kgan.metrics import checks

    counts = np.zeros(30)
    for seed in range(600):
        sample = checks.Sample("rows", checks.matrix, 6, seed)
        for start in range(0, 30, 4):
            sample.add(np.arange(30.0)[start : start + 4, None])
        counts[sample.all()[:, 0].astype(int)] += 1
    # Each is kept in 600 * 6/30 = 120 of the runs, give or take 5 std of a binomial.
    assert np.abs(counts - 120).max() < 5 * np.sqrt(600 * 0.2 * 0.8)


def test_bad_input():
    images = smooth(3, 16, 1)
    with pytest.raises(DataError, match="must be at least 16 pixels a side for five scales"):
        ms_ssim(images[:, :15])
    with pytest.raises(DataError, match="images must be at least 2 for a pair, got 1"):
        ms_ssim(images[:1])
    with pytest.raises(DataError, match="pairs must have two images each, got 3 and 2"):
        ms_ssim_of_pairs(images, images[:2])
    with pytest.raises(DataError, match=r"must be images of \[16, 16, 1\] .*, got \[16, 16, 3\]"):
        ms_ssim_of_pairs(images, np.repeat(images, 3, axis=3))
    with pytest.raises(UsageError, match="pairs must be an integer >= 1, got 0"):
        MSSSIM(pairs=0)
    score = MSSSIM(pairs=1)
    score.update_fake({"images": images})
    with pytest.raises(
        DataError, match=r"fake images must keep the shape \[16, 16, 1\] .*, got \[20, 20, 1\]"
    ):
        score.update_fake({"images": smooth(3, 20, 1)})
