"""Parts of a data set: the asked images in the asked order, with their own or other labels."""

import numpy as np
import pytest

from kgan.data import load_images, subset
from kgan.errors import UsageError
from kgan.recipes import FASHION_MNIST_MINI

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def source():
    return load_images(FASHION_MNIST_MINI, "train[:40]", label="label", batch_size=1)


def test_images_come_in_the_order_of_the_rows(source):
    rows = [7, 3, 30, 3]
    part = subset(source, rows, batch_size=2, shuffle=False)
    np.testing.assert_array_equal(part.uint8(np.arange(4)), source.uint8(rows))
    images, labels = part[1]
    np.testing.assert_allclose(images, source.uint8([30, 3]) / 127.5 - 1.0, atol=1e-6)
    np.testing.assert_array_equal(labels, source.labels[[30, 3]])
    assert part.class_names == source.class_names
    assert (len(part), part.num_examples, part.image_shape) == (2, 4, (28, 28, 1))


def test_labels_may_be_others(source):
    part = subset(source, [5, 6], [1, 0], ("left", "right"), batch_size=2, shuffle=False)
    assert part[0][1].tolist() == [1, 0]
    assert part.class_names == ["left", "right"]


def test_the_fingerprint_tells_parts_apart(source):
    parts = [subset(source, rows, batch_size=1) for rows in ([1, 2], [2, 1], [1, 2])]
    assert parts[0].fingerprint == parts[2].fingerprint != parts[1].fingerprint
    other = subset(source, [1, 2], [0, 1], batch_size=1)
    assert other.fingerprint != parts[0].fingerprint


def test_arguments_out_of_range_are_refused(source):
    with pytest.raises(UsageError, match="rows must be from 0 to 39, at least one, got 0 to 40"):
        subset(source, [0, 40])
    with pytest.raises(UsageError, match="at least one, got none"):
        subset(source, [])
    with pytest.raises(UsageError, match="labels must be 2, one for each row, got 1"):
        subset(source, [0, 1], [1])
    with pytest.raises(UsageError, match="labels must be from 0 to 1, the class names, got 0 to 2"):
        subset(source, [0, 1], [0, 2], ["a", "b"])
