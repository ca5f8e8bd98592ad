import numpy as np
import pytest

from kgan.data import StackedDigits, load_images
from kgan.errors import UsageError
from kgan.recipes import FASHION_MNIST_MINI

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def source():
    return load_images(FASHION_MNIST_MINI, "train[:20]", batch_size=1)


def test_channels_are_images_of_the_source(source):
    data = StackedDigits(source, num_examples=6, batch_size=3, seed=2)
    assert (len(data), data[1].shape, data[1].dtype) == (2, (3, 28, 28, 3), np.float32)
    rows = data.rows(0)
    for place in range(3):
        expected = source.uint8(rows[3:, place])[..., 0].astype("float32") / 127.5 - 1.0
        np.testing.assert_allclose(data[1][..., place], expected, atol=1e-6)
    assert data[1].min() == -1.0
    assert data[1].max() <= 1.0


def test_batches_depend_on_seed_and_epoch_alone(source):
    a, b = (StackedDigits(source, num_examples=6, batch_size=3, seed=2) for _ in range(2))
    np.testing.assert_array_equal(a[0], b[0])
    a.set_epoch(1)
    assert not np.array_equal(a[0], b[0])
    b.set_epoch(1)
    np.testing.assert_array_equal(a[0], b[0])
    assert a.fingerprint == b.fingerprint
    assert a.fingerprint != StackedDigits(source, num_examples=6, batch_size=3, seed=3).fingerprint


def test_wrong_arguments(source):
    with pytest.raises(UsageError, match="num_examples must be at least batch_size, 4, got 3"):
        StackedDigits(source, num_examples=3, batch_size=4)
    with pytest.raises(UsageError, match="source must be images of 1 channel, got 3"):
        StackedDigits(load_images(FASHION_MNIST_MINI, "train[:2]", channels=3, batch_size=1))
