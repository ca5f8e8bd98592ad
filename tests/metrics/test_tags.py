"""Decoding of tags and their scores."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics.tags import cosines, decode_tags, tag_scores

WORDS = [f"w{i}" for i in range(30)]
VECTORS = np.random.default_rng(0).normal(size=(30, 6))
pytestmark = pytest.mark.once


def test_samples_that_all_equal_a_word_make_it_the_first_tag():
    for place in (0, 7, 29):
        assert (
            decode_tags(np.repeat(VECTORS[place : place + 1], 100, axis=0), WORDS, VECTORS)[0] == WORDS[place]
        )


def test_the_scale_of_vectors_does_not_matter():
    samples = np.random.default_rng(1).normal(size=(100, 6))
    assert decode_tags(samples, WORDS, VECTORS) == decode_tags(7.0 * samples, WORDS, 0.1 * VECTORS)


def test_words_on_most_lists_come_first_and_ties_go_by_mean_similarity():
    vectors = np.eye(3)
    samples = np.array([[1.0, 0.5, 0.0]] * 3 + [[0.0, 1.0, 0.9]])
    # With two words a list: a 3 times, b 4 times, c once.
    assert decode_tags(samples, list("abc"), vectors, nearest=2, keep=3) == ["b", "a", "c"]
    # All three on every list: ordered by the mean cosine.
    means = cosines(samples, vectors).mean(axis=0)
    expected = [list("abc")[i] for i in np.argsort(-means)]
    assert decode_tags(samples, list("abc"), vectors, nearest=3, keep=3) == expected


def test_the_cosine_of_a_zero_vector_is_0():
    assert cosines(np.zeros((1, 3)), np.eye(3)).tolist() == [[0.0, 0.0, 0.0]]


def test_scores_by_hand():
    found = tag_scores([["a", "x", "b"], ["y", "z", "c"]], [["a", "b"], ["c", "d", "e", "f"]])
    assert found.precision == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert found.recall == pytest.approx((1.0 + 0.25) / 2)
    assert found.average_precision == pytest.approx(((1 + 2 / 3) / 2 + (1 / 3) / 3) / 2)
    assert found.images == 2


def test_images_without_tags_are_left_out():
    assert tag_scores([["a"], ["b"]], [["a"], []]).images == 1


def test_bad_input():
    with pytest.raises(UsageError, match="nearest must be from 1 to 30, the words there are, got 31"):
        decode_tags(VECTORS, WORDS, VECTORS, nearest=31)
    with pytest.raises(DataError, match="samples must be finite"):
        decode_tags(np.full((2, 6), np.nan), WORDS, VECTORS)
    with pytest.raises(DataError, match=r"samples must be \[n >= 1, 6\], got \[2, 5\]"):
        decode_tags(np.zeros((2, 5)), WORDS, VECTORS)
    with pytest.raises(DataError, match="at least one image must have tags"):
        tag_scores([["a"]], [[]])
