"""Precision, recall, density, coverage and realism, and the neighbours under them."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import (
    DensityCoverage,
    PrecisionRecall,
    density_coverage,
    manifold,
    nearest,
    nearest_neighbour_accuracy,
    neighbors,
    precision_recall,
    realism,
)

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(90, 6)), RNG.normal(0.3, 0.8, size=(70, 6))


def distances(a, b):
    return np.sqrt(np.square(a[:, None] - b[None]).sum(axis=2))


def radii(x, k):
    return np.sort(distances(x, x), axis=1)[:, k]


@pytest.fixture(params=["whole", "chunks"], autouse=True)
def size_of_blocks(request, monkeypatch):
    if request.param == "chunks":
        monkeypatch.setattr(neighbors, "_CHUNK", 8 * 13**2)


@pytest.mark.parametrize("k", [1, 2])
def test_golden(k):
    real, fake = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.5], [1.5], [10.0], [20.0]])
    assert precision_recall(real, fake, k) == (0.5, 1.0)


@pytest.mark.parametrize("k", [1, 3])
def test_the_definitions(k):
    across = distances(FAKE, REAL)
    ours, theirs = radii(REAL, k), radii(FAKE, k)
    precision, recall = (across <= ours).any(axis=1).mean(), (theirs >= across.T).any(axis=1).mean()
    assert precision_recall(REAL, FAKE, k) == pytest.approx((precision, recall), abs=1e-12)
    density, coverage = (across < ours).sum() / (k * 70), (across < ours).any(axis=0).mean()
    assert density_coverage(REAL, FAKE, k) == pytest.approx((density, coverage), abs=1e-12)
    kept = ours < np.median(ours)
    expected = (ours[kept] / across[:, kept]).max(axis=1)
    np.testing.assert_allclose(realism(REAL, FAKE, k), expected, rtol=1e-9)


def test_swap_order_rotation_and_shift():
    precision, recall = precision_recall(REAL, FAKE)
    assert 0.0 < precision != recall > 0.0
    assert precision_recall(FAKE, REAL) == (recall, precision)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    assert precision_recall(REAL @ turn + 9.0, FAKE @ turn + 9.0) == (precision, recall)
    assert precision_recall(REAL[::-1], FAKE[RNG.permutation(70)]) == (precision, recall)


def test_copies_and_ties():
    # A ball reaches exactly to the copy of the neighbour that gave its radius: counted by <=, not by <.
    x = RNG.normal(size=(50, 300)) + 10.0
    assert precision_recall(x, x) == (1.0, 1.0)
    small = radii(x, 3) < np.median(radii(x, 3))
    np.testing.assert_array_equal(np.isinf(realism(x, x)), small)
    line = np.array([[0.0], [1.0], [2.5]]) * np.pi
    assert precision_recall(line, line[1:2] + np.zeros((4, 1)), k=1) == (1.0, pytest.approx(1 / 3))
    assert density_coverage(line, line[1:2], k=1) == (1.0, pytest.approx(1 / 3))
    same = np.full((20, 300), 1 / 3)
    assert precision_recall(same, same + 1.0) == (0.0, 0.0)
    assert precision_recall(same, same.copy()) == (1.0, 1.0)


def test_realism_is_1_at_the_edge():
    real = np.array([[0.0], [2.0], [10.0], [30.0], [60.0]])
    np.testing.assert_allclose(realism(real, np.array([[-2.0], [4.0], [6.0]]), k=1), [1.0, 1.0, 0.5])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 4])
def test_nearest(metric, k):
    found, indices = nearest(FAKE, REAL, k, metric=metric)
    if metric == "euclidean":
        all_of_them = distances(FAKE, REAL)
    else:
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (FAKE, REAL)]
        all_of_them = 1.0 - unit[0] @ unit[1].T
    order = np.argsort(all_of_them, axis=1)[:, :k]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(found, np.take_along_axis(all_of_them, order, axis=1), rtol=1e-9)


def test_nearest_of_bytes_and_itself():
    images = RNG.integers(0, 256, (40, 3, 3, 1)).astype("uint8")
    images[17] = images[3]
    found, indices = nearest(images, images, 2, exclude_self=True)
    flat = images.reshape(40, -1).astype("float64")
    expected = distances(flat, flat) + np.where(np.eye(40), np.inf, 0.0)
    np.testing.assert_allclose(found, np.sort(expected, axis=1)[:, :2], rtol=1e-12)
    assert (found[3, 0], indices[3, 0], indices[17, 0]) == (0.0, 17, 3)


def test_one_nearest_neighbour():
    rng = np.random.default_rng(4)
    same, ours, theirs = nearest_neighbour_accuracy(rng.normal(size=(300, 3)), rng.normal(size=(300, 3)))
    assert same == pytest.approx(0.5, abs=0.1)
    assert same == pytest.approx((ours + theirs) / 2)
    assert nearest_neighbour_accuracy(REAL, REAL + 100.0) == (1.0, 1.0, 1.0)
    assert nearest_neighbour_accuracy(REAL, REAL + 1e-4) == (0.0, 0.0, 0.0)


def test_batches():
    scores = PrecisionRecall(), DensityCoverage()
    for score in scores:
        for start in range(0, 90, 40):
            score.update_real({"features": REAL[start : start + 40]})
            score.update_fake({"features": FAKE[start : start + 40]})
    values = {name: value.value for score in scores for name, value in score.result().items()}
    expected = (*precision_recall(REAL, FAKE, 3), *density_coverage(REAL, FAKE, 5))
    assert values == dict(zip(("precision", "recall", "density", "coverage"), expected))


def test_bad_input():
    with pytest.raises(
        DataError, match="fake samples must be at least 4 for k = 3 neighbours of each, got 3"
    ):
        precision_recall(REAL, FAKE[:3])
    with pytest.raises(DataError, match=r"real samples must be at least 6 .*, got 5"):
        density_coverage(REAL[:5], FAKE)
    with pytest.raises(UsageError, match="k must be an integer >= 1, got 0"):
        PrecisionRecall(k=0)
    with pytest.raises(UsageError, match="k must be an integer >= 1, got 0"):
        precision_recall(REAL, FAKE, 0)
    with pytest.raises(DataError, match="fake features must have 6 columns as the others have, got 5"):
        precision_recall(REAL, FAKE[:, :5])
    with pytest.raises(DataError, match="fake features must be finite, got NaN or infinity in row 0"):
        manifold.density_coverage(REAL, FAKE * np.nan)
    with pytest.raises(DataError, match="radii must lie below their median"):
        realism(np.arange(4.0)[:, None], np.zeros((1, 1)), k=1)
    with pytest.raises(UsageError, match="metric must be euclidean or cosine, got 'l1'"):
        nearest(FAKE, REAL, metric="l1")
    with pytest.raises(DataError, match="points must be at least 91 for 91 nearest neighbours, got 90"):
        nearest(FAKE, REAL, 91)
    with pytest.raises(
        DataError, match=r"queries must be numbers of shape \['n', 6\], got float64 of \[70, 5\]"
    ):
        nearest(FAKE[:, :5], REAL)
    with pytest.raises(DataError, match="queries must not be 0 for cosine distances, got zeros in row 0"):
        nearest(0.0 * FAKE, REAL, metric="cosine")
    with pytest.raises(DataError, match="one size >= 1 for 1-NN accuracy, got 90 and 70"):
        nearest_neighbour_accuracy(REAL, FAKE)
