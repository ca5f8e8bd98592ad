"""Inception score: golden values, the definition, the stream."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import InceptionScore, inception_score

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0.0, 2.0, size=(103, 7))
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def reference(p):
    """exp of the mean divergence from the mean, as written."""
    return np.exp(np.mean(np.sum(p * (np.log(p) - np.log(p.mean(axis=0))), axis=1)))


def test_golden():
    assert inception_score(np.full((20, 5), 0.2)).value == pytest.approx(1.0, abs=1e-12)
    value = inception_score(np.repeat(np.eye(6), 10, axis=0), splits=1)
    assert value.value == pytest.approx(6.0, rel=1e-12)
    assert value.std == 0.0
    unsure = np.full((4, 4), 0.01) + 0.96 * np.eye(4)
    assert inception_score(unsure, splits=1).value == pytest.approx(3.3824281, abs=5e-8)


def test_the_definition():
    assert inception_score(P, splits=1).value == pytest.approx(reference(P), rel=1e-12)
    value = inception_score(P, splits=4, seed=None)
    expected = [reference(p) for p in (P[:25], P[25:51], P[51:77], P[77:])]
    assert value.value == pytest.approx(np.mean(expected), rel=1e-12)
    assert value.std == pytest.approx(np.std(expected), rel=1e-10)


def test_bounds_and_order():
    assert 1.0 <= inception_score(P).value <= 7.0
    assert inception_score(P[::-1], 1).value == pytest.approx(inception_score(P, 1).value, rel=1e-12)
    assert inception_score(P[:, ::-1], 3).value == pytest.approx(inception_score(P, 3).value, rel=1e-12)


def test_sorted_samples_are_shuffled():
    by_class = np.repeat(np.eye(10), 10, axis=0)
    assert inception_score(by_class, splits=10, seed=None).value == pytest.approx(1.0)
    assert inception_score(by_class, splits=10).value == pytest.approx(10.0)


def test_the_stream_does_not_hang_on_its_batches():
    whole = InceptionScore(splits=4, seed=1)
    whole.update_fake({"logits": LOGITS + 500.0})
    parts = InceptionScore(splits=4, seed=1)
    for start in range(0, 103, 10):
        parts.update_fake({"logits": LOGITS[start : start + 10]})
        parts.update_real({"logits": LOGITS})
    for score in (whole, parts):
        value = score.result()["inception_score"]
        expected = inception_score(P, splits=4, seed=1)
        assert value.value == pytest.approx(expected.value, rel=1e-12)
        assert value.std == pytest.approx(expected.std, rel=1e-9)
    assert sorted(parts._rows.tolist()) == [25, 26, 26, 26]
    assert inception_score(P, splits=4, seed=2).value != value.value


def test_certain_predictions_are_finite():
    score = InceptionScore(splits=2)
    score.update_fake({"logits": 1e4 * np.eye(8)})
    assert score.result()["inception_score"].value == pytest.approx(4.0)


def test_bad_input():
    with pytest.raises(DataError, match="must be >= 0 and sum to 1 in each row, got sums from"):
        inception_score(LOGITS)
    with pytest.raises(DataError, match="samples must be at least 10 for 10 splits, got 9"):
        inception_score(P[:9])
    with pytest.raises(DataError, match="samples must be at least 10 for 10 splits, got 9"):
        inception_score(P[:9], seed=None)
    with pytest.raises(UsageError, match="splits must be an integer >= 1, got 0"):
        InceptionScore(splits=0)
    score = InceptionScore()
    score.update_fake({"logits": LOGITS})
    with pytest.raises(DataError, match="must have 7 columns as the others have, got 6"):
        score.update_fake({"logits": LOGITS[:, :6]})
    with pytest.raises(DataError, match="logits must be finite, got NaN or infinity in row 2"):
        score.update_fake({"logits": np.where(np.arange(103)[:, None] == 2, np.inf, LOGITS)})
