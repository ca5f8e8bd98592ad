"""Protocols: what may be compared, and scores as JSON."""

import dataclasses
import json
import warnings

import pytest

from kgan.errors import DataError
from kgan.metrics import Protocol, ProtocolWarning, Result

pytestmark = pytest.mark.once
PROTOCOL = Protocol(
    metric="fid",
    settings={"allow_singular": False},
    extractor="net",
    digest="ab",
    output="features",
    size=(64, 64),
    resize="PIL bilinear",
    real=1000,
    fake=500,
    data="shapes",
    split="test",
    fingerprint="cd",
    ema=True,
)
RESULT = Result("fid[net]", 12.5, None, PROTOCOL, 3.0)


def changed(**fields):
    return dataclasses.replace(RESULT, protocol=dataclasses.replace(PROTOCOL, **fields), value=10.0)


def test_equal_protocols_compare_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RESULT.difference(changed()) == 2.5


@pytest.mark.parametrize(
    "fields",
    [
        {"fake": 1000},
        {"real": 10},
        {"digest": "x"},
        {"size": (128, 128)},
        {"resize": "Lanczos"},
        {"truncation": 0.7},
        {"ema": False},
        {"seed": 1},
        {"mirror": True},
        {"fingerprint": "x"},
        {"snapshots": 5},
        {"settings": {"allow_singular": True}},
        {"digest": "x", "fake": 7},
    ],
)
def test_each_difference_is_named_in_a_warning(fields):
    with pytest.warns(ProtocolWarning, match=f"not comparable: they differ in {', '.join(fields)}$"):
        RESULT.difference(changed(**fields))


def test_other_scores_are_not_comparable():
    with pytest.warns(ProtocolWarning, match="differ in name$"):
        RESULT.difference(dataclasses.replace(RESULT, name="kid[net]"))


def test_the_same_pixels_under_another_name_are_the_same_data():
    assert changed(data="copy", split="all").protocol.differences(PROTOCOL) == []


def test_what_a_bundle_does_not_know_is_no_difference():
    assert changed(ema=None).protocol.differences(PROTOCOL) == []


@pytest.mark.parametrize("value", [12.5, float("inf")])
def test_json_round_trip(value):
    result = dataclasses.replace(RESULT, value=value, std=0.5, note="singular")
    text = json.dumps(result.to_json(), allow_nan=False)
    assert Result.from_json(json.loads(text)) == result


@pytest.mark.parametrize(
    "content", [{}, [], {"name": "fid"}, {**RESULT.to_json(), "protocol": {"size": None}}]
)
def test_other_json_is_refused(content):
    with pytest.raises(DataError, match="a score must be as kgan wrote it"):
        Result.from_json(content)
