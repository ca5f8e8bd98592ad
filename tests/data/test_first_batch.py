"""The first batch, of data that can be read again."""

import numpy as np
import pytest

from kgan.data import Gaussians
from kgan.data.first_batch import first_batch

pytestmark = pytest.mark.once


def test_data_sets_are_read_and_iterators_are_not():
    points = Gaussians([[0, 0]], 0.1, 1.0, num_examples=8, batch_size=4)
    np.testing.assert_array_equal(first_batch(points), points[0])
    iterator = iter([1, 2])
    assert first_batch(iterator) is None
    assert next(iterator) == 1
    assert first_batch(np.zeros(3)) is None


def test_a_data_set_of_tensorflow():
    tensorflow = pytest.importorskip("tensorflow")
    data = tensorflow.data.Dataset.from_tensor_slices((np.zeros((6, 2)), np.arange(6)))
    assert first_batch(data.batch(4))[1].numpy().tolist() == [0, 1, 2, 3]
    assert first_batch(data.take(0)) is None
