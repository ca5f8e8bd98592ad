"""Scores of a segmenter's class maps, by hand-computed numbers."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import segmentation_scores

pytestmark = pytest.mark.once

# Levels 0, 10, 20 stand for the classes 0, 1, 2; class 3 is in neither.
IMAGES = np.array([[0, 0, 10, 10], [20, 20, 20, 0]], np.uint8).reshape(2, 2, 2, 1)
TRUTH = np.array([[0, 0, 0, 1], [2, 2, 1, 1]]).reshape(2, 2, 2)


def segmenter(images):
    return images[..., 0] // 10


@pytest.mark.parametrize("batch_size", [1, 16])
def test_scores_by_hand(batch_size):
    # Class 0: 2 of 3 found, once too often; class 1: 1 of 3, once too often; class 2: both, once too often.
    scores = segmentation_scores(segmenter, IMAGES, TRUTH, 4, batch_size=batch_size)
    assert scores["pixel_accuracy"] == pytest.approx(5 / 8)
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 1 / 3 + 1) / 3)
    assert scores["iou"] == pytest.approx((2 / 4 + 1 / 4 + 2 / 3) / 3)


def test_a_class_that_is_found_but_not_there_lowers_the_overlap_alone():
    truth = np.where(TRUTH == 1, 255, TRUTH)
    scores = segmentation_scores(segmenter, IMAGES, truth, 3, ignored=255)
    assert scores["pixel_accuracy"] == pytest.approx(4 / 5)
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert scores["iou"] == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_wrong_arguments():
    for arguments, message in (
        ((segmenter, IMAGES, TRUTH[:1], 3), r"truth must be integers \[2, 2, 2\], got int64 of \[1, 2, 2\]"),
        ((segmenter, IMAGES, TRUTH / 1, 3), r"truth must be integers \[2, 2, 2\], got float64"),
        ((segmenter, IMAGES, TRUTH, 2), "truth must be from 0 to 1, got 2"),
        ((lambda x: x[..., 0], IMAGES, TRUTH, 3), "maps of the segmenter must be from 0 to 2, got 10"),
        (
            (lambda x: x, IMAGES, TRUTH, 3),
            r"maps of the segmenter must be integers \[2, 2, 2\], got uint8 of",
        ),
        ((segmenter, IMAGES / 1, TRUTH, 3), "images must be uint8 of shape"),
        ((segmenter, IMAGES[:0], TRUTH[:0], 3), "at least one pixel that is not ignored, got none"),
    ):
        with pytest.raises(DataError, match=message):
            segmentation_scores(*arguments)
    with pytest.raises(DataError, match="at least one pixel that is not ignored, got none"):
        segmentation_scores(segmenter, IMAGES, np.full_like(TRUTH, 9), 3, ignored=9)
    with pytest.raises(UsageError, match="num_classes must be an integer >= 1, got 0"):
        segmentation_scores(segmenter, IMAGES, TRUTH, 0)
