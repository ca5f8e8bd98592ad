"""Sliced Wasserstein distance, against one that holds all patches in memory."""

import os

import numpy as np
import pytest
import scipy.ndimage

from kgan.errors import DataError, UsageError
from kgan.metrics import SlicedWasserstein, sliced_wasserstein, sliced_wasserstein_floor, wasserstein

RNG = np.random.default_rng(0)
REAL = RNG.integers(0, 256, (6, 36, 32, 3)).astype("uint8")
FAKE = RNG.integers(0, 100, (6, 36, 32, 3)).astype("uint8")
KERNEL = (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256.0)[None, :, :, None]


def pyramid(images):
    blur = lambda x: scipy.ndimage.convolve(x, KERNEL, mode="mirror")
    levels = [images.astype(float)]
    while min(levels[-1].shape[1:3]) >= 32:
        down = blur(levels[-1])[:, ::2, ::2]
        up = np.zeros_like(levels[-1])
        up[:, ::2, ::2] = down
        levels[-1] = levels[-1] - 4.0 * blur(up)
        levels.append(down)
    return levels


def descriptors(images, patches, rng):
    """Patches of each level, normalised by channel, flat in the order channel, row, column."""
    for level in pyramid(images):
        n, h, w = level.shape[:3]
        y, x = rng.integers(0, h - 6, (n, patches)), rng.integers(0, w - 6, (n, patches))
        cut = np.array(
            [level[i, y[i, j] : y[i, j] + 7, x[i, j] : x[i, j] + 7] for i in range(n) for j in range(patches)]
        )
        cut = (cut - cut.mean(axis=(0, 1, 2))) / cut.std(axis=(0, 1, 2))
        yield cut.transpose(0, 3, 1, 2).reshape(len(cut), -1)


def reference(real, fake, patches, repeats, directions, seed):
    found = []
    sets = (descriptors(x, patches, np.random.default_rng((seed, i))) for i, x in enumerate((real, fake)))
    for a, b in zip(*sets):
        rng = np.random.default_rng((seed, 2))
        axes = rng.standard_normal((a.shape[1], repeats * directions))
        axes /= np.linalg.norm(axes, axis=0)
        gaps = np.abs(np.sort(a @ axes, axis=0) - np.sort(b @ axes, axis=0))
        found.append(1000.0 * gaps.mean())
    return found


@pytest.mark.parametrize("held", [64 << 20, 4000])
def test_the_definition_in_any_part_sizes(monkeypatch, held):
    monkeypatch.setattr(wasserstein, "_PATCHES", held)
    monkeypatch.setattr(wasserstein, "_PROJECTIONS", held)
    found = {name: value.value for name, value in sliced_wasserstein(REAL, FAKE, 20, 2, 5, 7).items()}
    expected = reference(REAL, FAKE, 20, 2, 5, 7)
    assert list(found) == ["swd_32", "swd_16", "swd"]
    np.testing.assert_allclose(list(found.values()), [*expected, np.mean(expected)], rtol=1e-4)


def test_pyramid():
    images = REAL[:2].astype(float)
    levels, expected = wasserstein.laplacian_pyramid(images), pyramid(images)
    for level, other in zip(levels, expected, strict=True):
        np.testing.assert_allclose(level, other, atol=1e-9)
    # A flat image is all in the coarsest level.
    fine, coarse = wasserstein.laplacian_pyramid(np.full((1, 32, 32, 1), 7.0))
    np.testing.assert_allclose(fine, 0.0, atol=1e-12)
    np.testing.assert_allclose(coarse, 7.0)


def test_the_floor_lies_below_other_images():
    stripes = np.where(np.arange(32)[None, :, None, None] % 4 < 2, 200, 50) + np.zeros((40, 1, 32, 1))
    stripes = (stripes + RNG.integers(0, 20, stripes.shape)).astype("uint8")
    noise = RNG.integers(0, 256, (40, 32, 32, 1)).astype("uint8")
    floor, other = sliced_wasserstein_floor(noise), sliced_wasserstein(noise, stripes)
    for name, value in floor.items():
        assert 0.0 < 3.0 * value.value < other[name].value


def test_symmetry_up_to_the_patches():
    there, back = sliced_wasserstein(REAL, FAKE), sliced_wasserstein(FAKE, REAL)
    assert there["swd"].value == pytest.approx(back["swd"].value, rel=0.5)


def test_batches_and_temporary_files():
    score = SlicedWasserstein(20, 2, 5, 7)
    for start in range(0, 6, 4):
        score.update_real({"images": REAL[start : start + 4]})
        score.update_fake({"images": FAKE[start : start + 4]})
    first = score.result()
    assert first == score.result()
    whole = sliced_wasserstein(REAL, FAKE, 20, 2, 5, 7)
    assert first["swd"].value == pytest.approx(whole["swd"].value, rel=0.5)
    folder = score.real._folder
    assert sum(entry.stat().st_size for entry in os.scandir(folder)) == 2 * 6 * 20 * 147 * 4
    score.close()
    assert not folder.exists()


def test_bad_input():
    with pytest.raises(DataError, match=r"equally many images .*, got 6 of \[36, 32, 3\] and 5 of"):
        sliced_wasserstein(REAL, FAKE[1:])
    with pytest.raises(DataError, match=r"got 6 of \[36, 32, 3\] and 6 of \[36, 32, 1\]"):
        sliced_wasserstein(REAL, FAKE[..., :1])
    with pytest.raises(DataError, match="real images must be at least 16 pixels a side"):
        sliced_wasserstein(REAL[:, :15], FAKE[:, :15])
    with pytest.raises(DataError, match=r"images must not be of one colour .*, got std 0"):
        sliced_wasserstein(0 * REAL, FAKE)
    with pytest.raises(UsageError, match="patches must be an integer >= 1, got 0"):
        SlicedWasserstein(patches=0)
    with pytest.raises(DataError, match="real images must be at least 1"):
        SlicedWasserstein().result()
