"""Settings of a recipe: their types, and their values from text and from JSON."""

import dataclasses
import difflib
import math
import types
import typing

from kgan.errors import UsageError

NONE = type(None)


def nearest(text, known):
    """The end of a message that names what was probably meant, if anything is near enough.

    Example:

    >>> nearest("epoch", ["epochs", "seed"])
    ': did you mean epochs?'
    """
    found = difflib.get_close_matches(text, list(known), n=1)
    return f": did you mean {found[0]}?" if found else ""


def settings_rules(config):
    """The types of a `Config`'s settings.

    Args:
        config: a dataclass.

    Returns:
        A dict of setting to type.

    Raises:
        UsageError: a type that cannot be written on a command line.
    """
    hints = typing.get_type_hints(config)
    rules = {field.name: hints[field.name] for field in dataclasses.fields(config)}
    for key, rule in rules.items():
        if not all(kind in (int, float, bool, str, NONE) for kind in _plain_types(rule)):
            raise UsageError(
                f"a setting's type must be made of int, float, bool, str, None, Literal and tuple, "
                f"{key} is {rule}"
            )
    return rules


def _plain_types(rule):
    origin, parts = typing.get_origin(rule), typing.get_args(rule)
    if origin is typing.Literal:
        return [type(value) for value in parts]
    if origin in (tuple, types.UnionType, typing.Union):
        return [kind for part in parts if part is not Ellipsis for kind in _plain_types(part)]
    return [rule]


def describe(rule):
    """A setting's type in words.

    Example:

    >>> describe(int | None), describe(tuple[int, ...])
    ('a whole number or none', 'whole numbers joined by commas')
    """
    origin, parts = typing.get_origin(rule), typing.get_args(rule)
    if origin is typing.Literal:
        return "one of " + ", ".join(str(value) for value in parts)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(describe(part) for part in parts)
    if origin is tuple and parts[-1] is Ellipsis:
        return f"{describe(parts[0]).removeprefix('a ')}s joined by commas"
    if origin is tuple:
        return f"{len(parts)} values joined by commas ({', '.join(describe(part) for part in parts)})"
    words = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}
    return words.get(rule, "none")


def fits(value, rule):
    """Whether a value is of a setting's type; a whole number is also a number.

    Example:

    >>> fits(3, float), fits(True, int), fits((1, 2), tuple[int, ...])
    (True, False, True)
    """
    origin, parts = typing.get_origin(rule), typing.get_args(rule)
    if origin is typing.Literal:
        return any(value == known and type(value) is type(known) for known in parts)
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, part) for part in parts)
    if origin is tuple:
        parts = parts[:1] * len(value) if parts[-1] is Ellipsis and isinstance(value, tuple) else parts
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(fits, value, parts))
    if rule is float:
        return type(value) in (int, float) and math.isfinite(value)
    return type(value) is rule


def read_value(text, rule):
    """Turns text into a value of a setting's type.

    Args:
        text: as written on the command line.
        rule: the setting's type.

    Raises:
        ValueError: the text does not denote such a value.

    Example:

    >>> read_value("1e-3", float), read_value("none", int | None), read_value("64,128", tuple[int, ...])
    (0.001, None, (64, 128))
    """
    origin, parts = typing.get_origin(rule), typing.get_args(rule)
    if origin is typing.Literal:
        return {str(value): value for value in parts}[text]
    if origin in (types.UnionType, typing.Union):
        return _read_first(text, parts)
    if origin is tuple:
        pieces = [piece.strip() for piece in text.strip("()").split(",") if piece.strip()]
        parts = parts[:1] * len(pieces) if parts[-1] is Ellipsis else parts
        return tuple(read_value(piece, part) for piece, part in zip(pieces, parts, strict=True))
    if rule is bool:
        return {"true": True, "false": False}[text.lower()]
    if rule is NONE:
        return {"none": None}[text.lower()]
    value = rule(text)
    if rule is float and not math.isfinite(value):
        raise ValueError(text)
    return value


def _read_first(text, parts):
    # None first and text last: `str | None` reads "none" as None, `int | str` reads "3" as a number.
    order = [NONE, bool, int, float]
    for part in sorted(parts, key=lambda kind: order.index(kind) if kind in order else len(order)):
        try:
            return read_value(text, part)
        except (ValueError, KeyError):
            continue
    raise ValueError(text)


def check_key(key, rules):
    """Raises unless a recipe has this setting.

    Raises:
        UsageError: it has not; the message lists those it has.
    """
    if key not in rules:
        raise UsageError(f"a setting must be one of {', '.join(rules)}, got {key!r}{nearest(key, rules)}")


def parse_overrides(config, words):
    """Reads `key=value` words against the types of a `Config`.

    Args:
        config: the recipe's dataclass.
        words: texts such as `"epochs=3"`.

    Returns:
        A dict of setting to value.

    Raises:
        UsageError: an unknown or repeated setting, or a value of another type.

    Example:

    >>> import dataclasses
    >>> Config = dataclasses.make_dataclass("Config", [("epochs", int, 1), ("lr", float, 0.1)], frozen=True)
    >>> parse_overrides(Config, ["epochs=3"])
    {'epochs': 3}
    """
    rules = settings_rules(config)
    values = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"settings must be given as key=value, got {word!r}")
        check_key(key, rules)
        if key in values:
            raise UsageError(f"each setting may be given once, got {key} twice")
        try:
            values[key] = read_value(text, rules[key])
        except (ValueError, KeyError) as error:
            raise UsageError(f"{key} must be {describe(rules[key])}, got {text!r}") from error
    return values


def from_json(config, settings):
    """Settings as they were stored in JSON, with lists as tuples where the recipe has tuples.

    Args:
        config: the recipe's dataclass.
        settings: dict of setting to JSON value.

    Raises:
        UsageError: a setting that the recipe does not have.
    """
    rules = settings_rules(config)
    for key in settings:
        check_key(key, rules)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
