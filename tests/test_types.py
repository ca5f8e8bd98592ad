"""Inputs of sampling networks and the conversion to 8 bits."""

import numpy as np
import pytest

from kgan.errors import UsageError
from kgan.types import Input, to_uint8

pytestmark = pytest.mark.once


def test_eight_bits_are_those_of_the_published_scores():
    x = np.linspace(-1.2, 1.2, 100_001, dtype="float32")
    np.testing.assert_array_equal(to_uint8(x), np.clip(x * 127.5 + 128, 0, 255).astype("uint8"))


def test_every_level_survives_both_ranges():
    levels = np.arange(256)
    np.testing.assert_array_equal(to_uint8((levels / 127.5 - 1).astype("float32")), levels)
    np.testing.assert_array_equal(to_uint8((levels / 255).astype("float32"), (0.0, 1.0)), levels)
    np.testing.assert_array_equal(to_uint8((levels / 255).astype("float16"), (0, 1)), levels)


def test_out_of_range_is_clipped_and_nonsense_refused():
    assert to_uint8(np.array([-np.inf, np.inf, 7.0])).tolist() == [0, 255, 255]
    with pytest.raises(UsageError, match="must not hold NaN, got 1 of them"):
        to_uint8(np.array([0.0, np.nan]))
    with pytest.raises(UsageError, match="must be floating point, got uint8"):
        to_uint8(np.zeros(3, "uint8"))
    with pytest.raises(UsageError, match=r"low < high, got \(1.0, 1.0\)"):
        to_uint8(np.zeros(3), (1, 1))


def test_inputs_are_checked():
    assert Input("z", [np.int64(3)]).shape == (3,)
    with pytest.raises(UsageError, match=r"distribution must be one of normal, .* got 'cauchy'"):
        Input("z", (3,), distribution="cauchy")
    with pytest.raises(UsageError, match="num_classes of a label must be at least 1, got None"):
        Input("label", (), "int32", "label")
    with pytest.raises(UsageError, match="num_classes is only for labels, got 3"):
        Input("z", (3,), num_classes=3)
