"""Distances of translations to their true partners, by hand-computed numbers."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import Extractor, paired_scores

pytestmark = pytest.mark.once


class Corner(Extractor):
    """Two features: the first two pixels of the first row."""

    def __init__(self):
        super().__init__("corner", "0", (4, 4), 1, {"features"}, "pixels")

    def run(self, images):
        return {"features": images[:, 0, :2, 0]}


def flat(*levels):
    return np.array(levels, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 4, 4, 1), np.uint8)


def test_pixels():
    truth, inputs, made = flat(0, 51, 102), flat(255, 255, 255), flat(51, 51, 102)
    scores = paired_scores(made, inputs, truth)["l1"]
    assert scores["output"] == pytest.approx(0.2 / 3)
    assert scores["input"] == pytest.approx((1.0 + 0.8 + 0.6) / 3)
    # Each image against both others: (.2-.2, .2-.4), (.2-0, .2-.4), (.4-0, .4-.2).
    assert scores["shuffled"] == pytest.approx((0.0 + 0.2 + 0.2 + 0.2 + 0.4 + 0.2) / 6)


def test_features_are_compared_by_their_angle():
    made, truth = np.zeros((2, 2, 4, 4, 1), np.uint8)
    made[:, 0, 0], made[1, 0, 1] = 10, 10
    truth[:, 0, 0], truth[1, 0, 1] = 200, 0
    scores = paired_scores(made, made, truth, Corner())["features[corner]"]
    angle = 1.0 - np.sqrt(0.5)
    assert scores["output"] == scores["input"] == pytest.approx(angle / 2)
    assert scores["shuffled"] == pytest.approx(angle / 2)


def test_perfect_translations_lie_below_shuffled_ones():
    truth = np.random.default_rng(0).integers(0, 256, (30, 4, 4, 3), dtype=np.uint8)
    scores = paired_scores(truth, 255 - truth, truth)["l1"]
    assert scores["output"] == 0.0
    assert 0.3 < scores["shuffled"] < 0.37


def test_inputs_of_another_shape_have_no_score():
    truth = flat(0, 1, 2)
    assert set(paired_scores(truth, truth[:, :2], truth)["l1"]) == {"output", "shuffled"}


@pytest.mark.parametrize(
    ("made", "inputs", "error", "message"),
    [
        (flat(0, 1), flat(0, 1, 2), DataError, "same number of images, at least 2"),
        (flat(0, 1, 2)[:, :2], flat(0, 1, 2), DataError, "made must have the shape of truth"),
        (flat(0, 1, 2) / 255.0, flat(0, 1, 2), DataError, "made must be uint8"),
    ],
)
def test_wrong_images(made, inputs, error, message):
    with pytest.raises(error, match=message):
        paired_scores(made, inputs, flat(0, 1, 2))


def test_wrong_settings():
    truth = flat(0, 1)
    with pytest.raises(UsageError, match="batch_size must be an integer >= 1, got 0"):
        paired_scores(truth, truth, truth, batch_size=0)
    with pytest.raises(UsageError, match="seed must be at least 0, got -1"):
        paired_scores(truth, truth, truth, seed=-1)
    with pytest.raises(DataError, match="at least 2"):
        paired_scores(truth[:1], truth[:1], truth[:1])
