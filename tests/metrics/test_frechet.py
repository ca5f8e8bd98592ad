"""Frechet distance and moments, against the golden values and the formula as written."""

import numpy as np
import pytest
import scipy.linalg

from kgan.errors import DataError
from kgan.metrics import FID, Moments, fid, intra_class_fid
from kgan.metrics.frechet import frechet, frechet_of_gaussians

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(400, 12)) @ RNG.normal(size=(12, 12))
FAKE = RNG.normal(size=(300, 12)) @ RNG.normal(size=(12, 12)) + 0.3


def reference(a, b):
    """The formula as written, by the eigenvalues of S1 S2, whose trace of the root it needs."""
    s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.sqrt(scipy.linalg.eigvals(s @ t).astype(complex)).real.sum()
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s + t) - 2.0 * root


def rotation(size, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_golden_diagonal():
    found = frechet_of_gaussians([0.0, 0.0], np.diag([1.0, 4.0]), [1.0, 0.0], np.diag([9.0, 1.0]))
    assert found.value == pytest.approx(6.0, rel=1e-12)
    assert not found.singular


def test_golden_correlated():
    s, t = [[2.0, 1.0], [1.0, 2.0]], [[1.0, -0.5], [-0.5, 1.0]]
    assert frechet_of_gaussians([0, 0], s, [1, -1], t).value == pytest.approx(3.1010205, abs=5e-8)


@pytest.mark.parametrize("columns", [12, 150])
def test_the_same_set_is_at_0(columns):
    x = np.random.default_rng(2).normal(size=(320, columns)) * np.logspace(0, -3, columns)
    assert fid(x, x) < 1e-6 * np.trace(np.cov(x, rowvar=False))
    assert fid(x[:100], x[:100], allow_singular=True) < 1e-6 * np.trace(np.cov(x, rowvar=False))


def test_the_formula():
    assert fid(REAL, FAKE) == pytest.approx(reference(REAL, FAKE), rel=1e-9)


def test_symmetry_order_and_rotation():
    expected = fid(REAL, FAKE)
    turn = rotation(12)
    assert fid(FAKE, REAL) == pytest.approx(expected, rel=1e-10)
    assert fid(REAL[::-1], FAKE[RNG.permutation(300)]) == pytest.approx(expected, rel=1e-10)
    assert fid(REAL @ turn + 5.0, FAKE @ turn + 5.0) == pytest.approx(expected, rel=1e-10)


def test_moments_of_a_stream_are_those_of_the_whole():
    # A mean of 1e6 would cost plain sums of squares all of their digits.
    x = REAL + 1e6
    streamed, left, right = Moments(), Moments(x[:7]), Moments(x[7:])
    for start in range(0, len(x), 33):
        streamed.update(x[start : start + 33])
    for moments in (streamed, left.merge(right), Moments().merge(Moments(x)).merge(Moments())):
        assert moments.count == 400
        np.testing.assert_allclose(moments.mean, x.mean(0), rtol=1e-14)
        np.testing.assert_allclose(moments.covariance(), np.cov(REAL, rowvar=False), atol=1e-7)


def test_memory_does_not_grow_with_the_number_of_images():
    moments = Moments(REAL)
    before = (moments.mean.nbytes, moments.scatter.nbytes, len(vars(moments)))
    for _ in range(20):
        moments.update(REAL.astype("float32"))
    assert (moments.mean.nbytes, moments.scatter.nbytes, len(vars(moments))) == before


def test_one_pass():
    score = FID()
    for start in range(0, 400, 90):
        score.update_real({"features": REAL[start : start + 90]})
        score.update_fake({"features": FAKE[start : start + 90]})
    value = score.result()["fid"]
    assert value.value == pytest.approx(fid(REAL, FAKE), rel=1e-10)
    assert (value.std, value.note) == (None, None)


def test_singular_products_are_reported():
    dead = REAL.copy()
    dead[:, 3] = 0.5
    score = FID()
    score.update_real({"features": dead})
    score.update_fake({"features": FAKE})
    value = score.result()["fid"]
    assert value.note == "singular: rank 11 of 12 features"
    assert value.value == pytest.approx(reference(dead, FAKE), rel=1e-6)


def test_fewer_samples_than_features():
    with pytest.raises(DataError, match=r"fake samples must be more than the 12 features .*, got 12"):
        fid(REAL, FAKE[:12])
    found = frechet(Moments(REAL), Moments(FAKE[:12]), allow_singular=True)
    assert (found.rank, found.dimensions, found.singular) == (11, 12, True)
    assert found.value == pytest.approx(reference(REAL, FAKE[:12]), rel=1e-5)


def test_the_distance_falls_with_the_number_of_samples():
    draw = np.random.default_rng(3).normal(size=(8000, 32))
    few, many = fid(draw[:200], draw[200:400]), fid(draw[:4000], draw[4000:])
    assert 5 * many < few


def test_inside_classes():
    labels, asked = np.arange(400) % 2, np.arange(300) % 2
    mean, distances = intra_class_fid(REAL, labels, FAKE, asked)
    assert distances[1] == pytest.approx(reference(REAL[1::2], FAKE[1::2]), rel=1e-9)
    assert mean == pytest.approx((distances[0] + distances[1]) / 2)
    with pytest.raises(DataError, match=r"fakes of class 1 must be at least 2 .*, got 0"):
        intra_class_fid(REAL, labels, FAKE, 0 * asked)
    with pytest.raises(DataError, match=r"fake labels must be one per row, 300, got \[299\]"):
        intra_class_fid(REAL, labels, FAKE, asked[1:])


def test_bad_input():
    broken = FAKE.copy()
    broken[7, 2] = np.nan
    with pytest.raises(DataError, match="features must be finite, got NaN or infinity in row 7"):
        fid(REAL, broken)
    with pytest.raises(DataError, match="fake features must have 12 columns as the others have, got 11"):
        fid(REAL, FAKE[:, :11])
    with pytest.raises(DataError, match="features must have 12 columns as the others have, got 5"):
        Moments(REAL).update(FAKE[:, :5])
    with pytest.raises(DataError, match="of 12 features to be merged, got 5"):
        Moments(REAL).merge(Moments(FAKE[:, :5]))
    with pytest.raises(DataError, match="real samples must be at least 2"):
        fid(REAL[:1], FAKE)
    with pytest.raises(DataError, match=r"must be numbers of shape \[n, d\], got float64 of \[400\]"):
        fid(REAL[:, 0], FAKE)
    score = FID()
    score.update_real({"features": REAL})
    with pytest.raises(DataError, match="fake samples must be at least 2 for a Frechet distance, got 0"):
        score.result()
