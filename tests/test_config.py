import dataclasses
from typing import Literal

import pytest

from kgan import config
from kgan.errors import UsageError

pytestmark = pytest.mark.once


@dataclasses.dataclass(frozen=True)
class Config:
    epochs: int = 1
    rate: float = 0.1
    flip: bool = False
    name: str = "a"
    limit: int | None = None
    source: "str | None" = None
    sizes: tuple[int, ...] = (64,)
    pair: tuple[int, float] = (1, 0.5)
    mode: Literal["fast", "slow", 3] = "fast"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("epochs=7", 7),
        ("epochs=-7", -7),
        ("rate=1e-3", 0.001),
        ("rate=2", 2.0),
        ("flip=true", True),
        ("flip=False", False),
        ("name=x=y", "x=y"),
        ("name=", ""),
        ("name=none", "none"),
        ("limit=none", None),
        ("limit=3", 3),
        ("source=None", None),
        ("source=some/folder", "some/folder"),
        ("sizes=64,128", (64, 128)),
        ("sizes=(64, 128)", (64, 128)),
        ("sizes=", ()),
        ("pair=2,0.25", (2, 0.25)),
        ("mode=slow", "slow"),
        ("mode=3", 3),
    ],
)
def test_values_are_read_by_their_type(word, value):
    key = word.partition("=")[0]
    found = config.parse_overrides(Config, [word])
    assert found == {key: value}
    assert type(found[key]) is type(value)


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("epochs=3.5", "epochs must be a whole number, got '3.5'"),
        ("epochs=", "epochs must be a whole number, got ''"),
        ("epochs=none", "epochs must be a whole number"),
        ("rate=nan", "rate must be a finite number, got 'nan'"),
        ("rate=inf", "rate must be a finite number"),
        ("rate=fast", "rate must be a finite number"),
        ("flip=1", "flip must be true or false, got '1'"),
        ("limit=x", "limit must be a whole number or none, got 'x'"),
        ("sizes=64,x", "sizes must be whole numbers joined by commas"),
        ("pair=1", "pair must be 2 values joined by commas (a whole number, a finite number), got '1'"),
        ("pair=1,2,3", "pair must be 2 values"),
        ("mode=medium", "mode must be one of fast, slow, 3, got 'medium'"),
        ("epochs", "settings must be given as key=value, got 'epochs'"),
    ],
)
def test_wrong_values_name_the_rule(word, rule):
    with pytest.raises(UsageError) as error:
        config.parse_overrides(Config, [word])
    assert rule in str(error.value)


def test_unknown_setting_lists_the_known_and_the_nearest():
    with pytest.raises(UsageError) as error:
        config.parse_overrides(Config, ["epoch=3"])
    assert "one of epochs, rate, flip" in str(error.value)
    assert str(error.value).endswith("got 'epoch': did you mean epochs?")
    with pytest.raises(UsageError, match=r"got 'zzz'$"):
        config.parse_overrides(Config, ["zzz=3"])


def test_a_setting_is_given_once():
    with pytest.raises(UsageError, match="epochs twice"):
        config.parse_overrides(Config, ["epochs=3", "epochs=3"])


@pytest.mark.parametrize(
    ("value", "rule", "good"),
    [
        (1, int, True),
        (True, int, False),
        (1.0, int, False),
        (1, float, True),
        (float("nan"), float, False),
        ("1", float, False),
        (None, int | None, True),
        ([1], tuple[int, ...], False),
        ((1, "a"), tuple[int, ...], False),
        ((1, 2), tuple[int, int, int], False),
        (3, Literal["fast", 3], True),
        (3.0, Literal["fast", 3], False),
    ],
)
def test_fits(value, rule, good):
    assert config.fits(value, rule) is good


def test_types_that_no_text_can_give():
    bad = dataclasses.make_dataclass("Bad", [("table", dict[str, int], None)])
    with pytest.raises(UsageError, match="table is dict"):
        config.settings_rules(bad)


def test_json_gives_tuples_back():
    assert config.from_json(Config, {"sizes": [64, 128], "limit": None}) == {
        "sizes": (64, 128),
        "limit": None,
    }
    with pytest.raises(UsageError, match="got 'gone'"):
        config.from_json(Config, {"gone": 1})
