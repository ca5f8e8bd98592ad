"""Kernel distance: golden values, a double loop, properties."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import KID, kid, polynomial_mmd

X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
Y = np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]])
RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=(60, 5)), RNG.normal(0.2, 1.2, size=(50, 5))


def reference(x, y):
    """Sums over pairs, one by one."""
    m, d = x.shape
    k = lambda a, b: (float(a @ b) / d + 1.0) ** 3
    within = sum(k(s[i], s[j]) for s in (x, y) for i in range(m) for j in range(m) if i != j)
    across = sum(k(a, b) for a in x for b in y)
    return (within / (m - 1) - 2.0 * across / m) / m


def test_golden():
    assert polynomial_mmd(X, Y) == pytest.approx(0.5, abs=1e-12)
    assert polynomial_mmd(X, X) == pytest.approx(-1.0555556, abs=5e-8)
    value = kid(X, Y, subset_size=3, subsets=4)
    assert value.value == pytest.approx(0.5, abs=1e-12)
    assert value.std == pytest.approx(0.0, abs=1e-12)


def test_the_sums_over_pairs():
    assert polynomial_mmd(REAL[:20], FAKE[:20]) == pytest.approx(reference(REAL[:20], FAKE[:20]), rel=1e-10)


def test_symmetry_order_and_rotation():
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
    expected = polynomial_mmd(REAL[:50], FAKE)
    assert polynomial_mmd(FAKE, REAL[:50]) == pytest.approx(expected, rel=1e-10)
    assert polynomial_mmd(REAL[:50][::-1], FAKE) == pytest.approx(expected, rel=1e-10)
    assert polynomial_mmd(REAL[:50] @ turn, FAKE @ turn) == pytest.approx(expected, rel=1e-10)


def test_subsets():
    value = kid(REAL, FAKE, subset_size=20, subsets=30, seed=3)
    rng = np.random.default_rng(3)
    expected = [
        reference(REAL[rng.choice(60, 20, replace=False)], FAKE[rng.choice(50, 20, replace=False)])
        for _ in range(30)
    ]
    assert value.value == pytest.approx(np.mean(expected), rel=1e-9)
    assert value.std == pytest.approx(np.std(expected), rel=1e-9)
    assert kid(REAL, FAKE, 20, 30, seed=4).value != value.value


def test_no_bias():
    # Both sets of one law: the mean over many draws is 0 within four standard errors.
    rng = np.random.default_rng(5)
    values = [polynomial_mmd(rng.normal(size=(20, 4)), rng.normal(size=(20, 4))) for _ in range(400)]
    assert abs(np.mean(values)) < 4.0 * np.std(values) / 20.0


def test_one_pass():
    score = KID(subset_size=20, subsets=10, seed=2)
    for start in range(0, 60, 25):
        score.update_real({"features": REAL[start : start + 25]})
        score.update_fake({"features": FAKE[start : start + 25]})
    assert score.result()["kid"] == kid(REAL, FAKE, 20, 10, 2)
    assert (score.name, score.needs, score.needs_real) == ("kid", {"features"}, True)


def test_bad_input():
    with pytest.raises(DataError, match="fake samples must be at least 51 for subsets of 51, got 50"):
        kid(REAL, FAKE, subset_size=51)
    for name, value in (
        ("subset_size", 1),
        ("subsets", 0),
        ("subsets", 2.5),
        ("seed", -1),
        ("subsets", True),
    ):
        with pytest.raises(UsageError, match=f"{name} must be an integer >= ., got {value}"):
            KID(**{name: value})
    with pytest.raises(DataError, match=r"same size .*, got 60 and 50"):
        polynomial_mmd(REAL, FAKE)
    with pytest.raises(DataError, match="real features must be finite, got NaN or infinity in row 0"):
        kid(np.full((60, 5), np.inf), FAKE, 20)
    score = KID()
    score.update_real({"features": REAL})
    with pytest.raises(DataError, match=r"real features must keep the shape \[5\] .*, got \[4\]"):
        score.update_real({"features": REAL[:, :4]})
    with pytest.raises(DataError, match="fake features must be at least 1, got 0"):
        score.result()
    with pytest.raises(UsageError, match=r"a batch must have 'features' for this score, got .'images'."):
        score.update_fake({"images": 0})


def test_subsets_that_are_the_whole_have_no_spread():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(2, 20, 4))
    found = kid(real, fake, subset_size=20)
    assert (found.std, found.note) == (0.0, "one subset, all samples")
    assert found.value == pytest.approx(polynomial_mmd(real, fake))
