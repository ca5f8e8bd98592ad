"""Class consistency from logits."""

import numpy as np
import pytest

from kgan.errors import DataError
from kgan.metrics import class_consistency

pytestmark = pytest.mark.once


def test_shares_of_all_and_of_each_class():
    labels = np.array([0, 0, 0, 2, 2, 2, 2])
    logits = np.eye(4)[[0, 1, 0, 2, 2, 2, 3]] * 5.0 - 9.0
    found = class_consistency(logits, labels)
    assert found.share == pytest.approx(5 / 7)
    np.testing.assert_allclose(found.per_class, [2 / 3, np.nan, 0.75, np.nan])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), r"needs logits \[n >= 1, classes\] and n labels, got \[0, 3\]"),
        (np.zeros((2, 3)), np.zeros(3, int), r"got \[2, 3\] and \[3\]"),
        (np.zeros((2, 3)), np.array([0, 3]), "labels must be from 0 to 2, got 3"),
        (np.zeros((2, 3)), np.array([-1, 2]), "labels must be from 0 to 2, got -1"),
    ],
)
def test_wrong_arguments(logits, labels, message):
    with pytest.raises(DataError, match=message):
        class_consistency(logits, labels)
