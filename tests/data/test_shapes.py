"""Drawn bars: attributes are what is seen, and edits leave the rest."""

import numpy as np
import pytest

from kgan.data import drawn_shapes
from kgan.errors import UsageError

pytestmark = pytest.mark.once


def bars(images):
    """Where the bar is, as `[n, side, side]`."""
    return (images != images[:, :1, :1]).any(axis=-1)


def test_attributes_are_seen():
    images, attributes = drawn_shapes(200, image_size=24, seed=1)
    found = bars(images)
    blue = images[..., 2].max(axis=(1, 2)) > images[..., 0].max(axis=(1, 2))
    height, width = (found.any(axis=axis).sum(axis=1) for axis in (2, 1))
    seen = np.stack([blue, np.maximum(height, width) > 11, height > width], axis=1)
    np.testing.assert_array_equal(seen, attributes)
    assert (np.abs(attributes.mean(axis=0) - 0.5) < 0.1).all()


def test_the_same_seed_draws_the_true_edit():
    images, attributes = drawn_shapes(20, seed=3)
    again, _ = drawn_shapes(20, seed=3, attributes=attributes)
    np.testing.assert_array_equal(images, again)
    recoloured, _ = drawn_shapes(20, seed=3, attributes=attributes ^ [1, 0, 0])
    np.testing.assert_array_equal(bars(images), bars(recoloured))
    assert (images != recoloured).any(axis=(1, 2, 3)).all()
    assert (drawn_shapes(20, seed=4)[0] != images).any()


def test_arguments_out_of_range_are_refused():
    for told, message in (
        ({"n": 0}, "n must be an integer >= 1, got 0"),
        ({"n": 2, "image_size": 4}, "image_size must be an integer >= 8, got 4"),
        ({"n": 2, "seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"n": 2, "attributes": [[0, 1, 2]] * 2}, r"attributes must be \[2, 3\] of 0 or 1, got"),
        ({"n": 2, "attributes": [0, 1, 1]}, r"attributes must be \[2, 3\] of 0 or 1, got"),
    ):
        with pytest.raises(UsageError, match=message):
            drawn_shapes(**told)
