"""Conditions that a caller gives: classes, vectors, images."""

import numpy as np
import pytest

from kgan import conditions
from kgan.errors import UsageError
from kgan.types import Input

pytestmark = pytest.mark.once

NAMES = ["T-shirt/top", "Sneaker", "Bag", "Ankle boot"]
LABEL = Input("label", (), "int32", "label", num_classes=4)
VECTOR = Input("features", (3,), distribution="given")
IMAGE = Input("visible", (2, 2, 1), distribution="given")


def label(value, n=2, names=NAMES):
    return conditions.checked([LABEL], {"label": value}, n, names)["label"]


def test_classes_by_number_and_name():
    np.testing.assert_array_equal(label(2), [2, 2])
    np.testing.assert_array_equal(label("ankle BOOT"), [3, 3])
    np.testing.assert_array_equal(label(["Bag", 0]), [2, 0])
    np.testing.assert_array_equal(label(np.array([1, 3], "int64")), [1, 3])
    assert label(0).dtype == np.int32


def test_names_that_differ_in_case_only_are_told_apart():
    assert conditions.class_number("a", 2, ["A", "a"]) == 1
    assert conditions.class_number("A", 2, ["A", "a"]) == 0


def test_one_value_serves_all_samples():
    found = conditions.checked([VECTOR, IMAGE], {"features": [1, 2, 3], "visible": np.ones((2, 2, 1))}, 4)
    assert found["features"].shape == (4, 3)
    assert found["features"].dtype == np.float32
    assert found["visible"].shape == (4, 2, 2, 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("label", 4, "label must be an integer from 0 to 3, got 4"),
        ("label", -1, "label must be an integer from 0 to 3, got -1"),
        ("label", 1.0, "label must be an integer from 0 to 3, got 1.0"),
        ("label", True, "label must be an integer from 0 to 3, got True"),
        ("label", np.array([0, 9]), "label must be an integer from 0 to 3, got 9"),
        ("label", "sock", "label must be one of T-shirt/top, Sneaker, Bag, Ankle boot, got 'sock'"),
        ("label", [0, 1, 2], "label must be 2 numbers or one value for all, got shape"),
        (
            "features",
            np.zeros((2, 4)),
            r"features must be 2x3 numbers or one value for all, got shape \(2, 4\)",
        ),
        ("features", "x", "features must be 2x3 numbers"),
        ("features", [1.0, np.nan, 0.0], "features must be finite, got NaN or infinity"),
        ("visible", np.zeros((2, 3, 3, 1)), "visible must be 2x2x2x1 numbers"),
        ("tags", 1, "inputs must be among label, features, visible, got tags"),
    ],
)
def test_wrong_conditions_are_one_clear_line(name, value, message):
    with pytest.raises(UsageError, match=message) as error:
        conditions.checked([LABEL, VECTOR, IMAGE], {name: value}, 2, NAMES)
    assert "\n" not in str(error.value)


def test_words_of_the_command_line():
    def parse(text, names=NAMES):
        return conditions.parse_labels(text, 4, names)

    assert parse("3") == [3]
    assert parse("sneaker") == [1]
    assert parse("0-3") == [0, 1, 2, 3]
    assert parse("bag, 0-1,Sneaker") == [2, 0, 1, 1]
    assert parse("t-shirt/top") == [0]
    # A class name goes before a number: here they are in another order.
    assert parse("3", names=["3", "2", "1", "0"]) == [0]
    assert conditions.parse_labels("red, dark", 2, ["blue", "red, dark"]) == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9", "label must be an integer from 0 to 3, got 9"),
        ("2-9", "label must be an integer from 0 to 3, got 9"),
        ("3-1", "a range of labels must go upwards, got 3-1"),
        ("sock", "label must be one of .*, got 'sock'"),
        ("", "label must be one of .*, got ''"),
    ],
)
def test_wrong_words(text, message):
    with pytest.raises(UsageError, match=message):
        conditions.parse_labels(text, 4, NAMES)


def test_pixels_are_no_floats_but_where_the_network_takes_them():
    pixels = np.full((1, 2, 2, 1), 200, "uint8")
    floats, whole = (Input("image", (2, 2, 1), dtype, "given") for dtype in ("float32", "uint8"))
    with pytest.raises(UsageError, match=r"image must be floats in \[-1, 1\], got uint8: divide by 127\.5"):
        conditions.checked([floats], {"image": pixels}, 1)
    np.testing.assert_array_equal(conditions.checked([whole], {"image": pixels}, 1)["image"], pixels)


def test_lists_of_different_lengths_are_refused_in_one_line():
    with pytest.raises(
        UsageError, match=r"features must be 2x3 numbers or one value for all, got shape \(2,\)"
    ):
        conditions.checked([VECTOR], {"features": [[1, 2, 3], [1]]}, 2)
