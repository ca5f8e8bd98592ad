"""Nearest training images of samples and of held-out images."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import Memorization, check_memorization

RNG = np.random.default_rng(0)
TRAIN, HELDOUT, FRESH = (RNG.integers(0, 256, (n, 4, 4, 3)).astype("uint8") for n in (60, 40, 30))


def reference(queries):
    gaps = queries[:, None].astype("float64") - TRAIN[None]
    squared = np.square(gaps).sum(axis=(2, 3, 4))
    return squared.argmin(axis=1), np.sqrt(squared.min(axis=1))


def test_the_definition():
    found = check_memorization(FRESH, TRAIN, HELDOUT)
    indices, distances = reference(FRESH)
    _, heldout = reference(HELDOUT)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)
    np.testing.assert_allclose(found.heldout_distances, heldout, rtol=1e-12)
    assert found.ratio == pytest.approx(np.median(distances) / np.median(heldout))
    assert found.suspicious == (found.ratio < 1.0)


def test_copies_are_flagged_and_unseen_images_are_not():
    noisy = (TRAIN[:30] // 2 + TRAIN[:30] // 2).astype("uint8")
    copied = check_memorization(noisy, TRAIN, HELDOUT)
    assert copied.suspicious
    assert (copied.ratio < 0.1, copied.copies) == (True, 1.0)
    assert check_memorization(HELDOUT, TRAIN, HELDOUT).ratio == 1.0
    far = check_memorization(np.tile(TRAIN[:1] // 255, (5, 1, 1, 1)), TRAIN, HELDOUT)
    assert not far.suspicious
    assert far.copies == 0.0


def test_equal_sets_have_no_division_by_0():
    assert check_memorization(TRAIN, TRAIN, TRAIN[:5]).ratio == 1.0
    assert check_memorization(HELDOUT, TRAIN, TRAIN[:5]).ratio == np.inf


@pytest.mark.parametrize("space", ["images", "features"])
def test_batches(space):
    train, heldout, fresh = (
        x if space == "images" else x.reshape(len(x), -1) / 255.0 for x in (TRAIN, HELDOUT, FRESH)
    )
    score = Memorization(space)
    assert score.needs == {space}
    for start in range(0, 60, 25):
        score.update_real({space: train[start : start + 25]})
        score.update_fake({space: fresh[start : start + 25]})
        score.update_heldout({space: heldout[start : start + 25]})
    found = {name: value.value for name, value in score.result().items()}
    expected = check_memorization(FRESH, TRAIN, HELDOUT)
    assert found["memorization_ratio"] == pytest.approx(expected.ratio)
    assert found["memorization_copies"] == expected.copies
    assert found["memorization_distance"] == pytest.approx(np.median(expected.distances) / 255.0)
    assert found["memorization_heldout_distance"] == pytest.approx(
        np.median(expected.heldout_distances) / 255.0
    )


def test_a_ratio_below_1_is_noted():
    score = Memorization()
    score.update_real({"images": TRAIN})
    score.update_fake({"images": TRAIN[:5]})
    alone = score.result()
    assert list(alone) == ["memorization_distance"]
    assert alone["memorization_distance"].note == "no held-out images to compare with"
    score.update_heldout({"images": HELDOUT})
    assert score.result()["memorization_ratio"].note.startswith("below 1")


def test_bad_input():
    with pytest.raises(DataError, match="samples must be at least 1 for a check of memorisation, got 0"):
        check_memorization(FRESH[:0], TRAIN, HELDOUT)
    with pytest.raises(DataError, match=r"queries must be numbers of shape \['n', 4, 4, 3\]"):
        check_memorization(FRESH[..., :1], TRAIN, HELDOUT)
    with pytest.raises(UsageError, match="space must be images or features, got 'pixels'"):
        Memorization("pixels")
    with pytest.raises(UsageError, match="metric must be euclidean or cosine, got 'l1'"):
        Memorization(metric="l1")
    with pytest.raises(DataError, match=r"real images must be uint8 .*, got float64 of \[60, 4, 4, 3\]"):
        Memorization().update_real({"images": TRAIN / 255.0})
