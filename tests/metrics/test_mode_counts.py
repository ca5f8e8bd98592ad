"""Modes of mixtures and histograms of classes."""

import math

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import count_classes, count_modes

ANGLES = 2.0 * np.pi * np.arange(8) / 8
RING = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def reference(samples, modes, std):
    counts = [0] * len(modes)
    for x in samples:
        distances = [math.dist(x, mode) for mode in modes]
        if min(distances) <= 3.0 * std:
            counts[distances.index(min(distances))] += 1
    return counts


def test_true_samples_cover_the_ring():
    rng = np.random.default_rng(0)
    samples = RING[rng.integers(0, 8, 4000)] + rng.normal(0.0, 0.01, (4000, 2))
    found = count_modes(samples, RING, 0.01)
    assert found.covered == 8
    # Within 3 std of a Gaussian in the plane: 1 - exp(-9/2).
    assert found.high_quality == pytest.approx(1.0 - math.exp(-4.5), abs=0.006)
    assert found.counts.tolist() == reference(samples, RING, 0.01)


def test_the_threshold_is_one_percent_of_the_share():
    # 8000 samples: 1000 are due to each mode, 1 % of that is 10.
    for near, covered in ((10, 2), (9, 1)):
        samples = np.concatenate(
            [np.repeat(RING[:1], 5000, axis=0), np.repeat(RING[3:4], near, axis=0), np.zeros((2990, 2))]
        )[:8000]
        samples = np.concatenate([samples, np.zeros((8000 - len(samples), 2))])
        found = count_modes(samples, RING, 0.01)
        assert found.covered == covered
        assert found.high_quality == (5000 + near) / 8000
    weighted = count_modes(samples, RING, 0.01, weights=[1, 1, 1, 0.5, 1, 1, 1, 1])
    assert weighted.covered == 2


def test_the_radius_is_three_deviations():
    modes = np.array([[0.0], [10.0]])
    assert count_modes(np.array([[3.0], [3.01], [-2.0]]), modes, 1.0).counts.tolist() == [2, 0]
    assert count_modes(np.array([[3.0], [3.01]]), modes, 1.0, radius=2).covered == 0
    # Overlapping balls: a sample counts once, for the nearer mode.
    assert count_modes(np.array([[6.0]]), modes, 5.0).counts.tolist() == [0, 1]


def test_few_samples_do_not_cover_by_a_threshold_below_one():
    assert count_modes(RING[:3], RING, 0.01).covered == 3


def test_classes():
    found = count_classes(np.array([0, 0, 0, 2]), 4)
    assert (found.counts.tolist(), found.covered) == ([3, 0, 1, 0], 2)
    assert found.reverse_kl == pytest.approx(0.75 * math.log(3.0) + 0.25 * math.log(1.0))
    every = np.arange(1000)
    assert count_classes(every, 1000).covered == 1000
    assert count_classes(every, 1000).reverse_kl == pytest.approx(0.0, abs=1e-12)
    assert count_classes(np.zeros(9, "uint8"), 1000).reverse_kl == pytest.approx(math.log(1000.0))


def test_classes_against_those_of_the_reals():
    found = count_classes(np.array([0, 1]), 3, reference=[3, 1, 0])
    assert found.reverse_kl == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    assert count_classes(np.array([2]), 3, reference=[3, 1, 0]).reverse_kl == math.inf


def test_bad_input():
    with pytest.raises(UsageError, match="std must be a finite number > 0, got 0"):
        count_modes(RING, RING, 0)
    with pytest.raises(UsageError, match="share must be at most 1, got 2"):
        count_modes(RING, RING, 0.1, share=2)
    with pytest.raises(UsageError, match="weights must be 8 finite numbers >= 0"):
        count_modes(RING, RING, 0.1, weights=[1.0])
    with pytest.raises(UsageError, match="weights must be greater than 0, got 0"):
        count_modes(RING, RING, 0.1, weights=[0] + [1] * 7)
    with pytest.raises(DataError, match="samples must have 2 columns as the others have, got 3"):
        count_modes(np.zeros((4, 3)), RING, 0.1)
    with pytest.raises(DataError, match="samples must be finite, got NaN or infinity in row 1"):
        count_modes(np.array([[0, 0], [np.nan, 0]]), RING, 0.1)
    with pytest.raises(DataError, match="samples must be at least 1"):
        count_modes(RING[:0], RING, 0.1)
    with pytest.raises(DataError, match="labels must lie between 0 and 9, got 0 to 10"):
        count_classes(np.arange(11), 10)
    with pytest.raises(DataError, match=r"labels must be integers of shape \[n\], got float64 of \[3\]"):
        count_classes(np.zeros(3), 10)
