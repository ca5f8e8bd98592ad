"""What a caller gives a generator: class numbers or names, vectors, images; checked alike everywhere."""

import contextlib
import re

import numpy as np

from kgan import checks
from kgan.errors import UsageError


def checked(inputs, values, n, names=None):
    """The values of conditions as arrays, one row per sample.

    Args:
        inputs: sequence of `kgan.types.Input`, those of the sampling network.
        values: dict of name to an array `[n, *shape]`, or one value `[*shape]` for all samples. A label may
            be a class number, a class name, or `n` of either.
        n: number of samples.
        names: names of the classes in the order of their numbers, or `None`.

    Returns:
        dict of name to array `[n, *shape]` of the input's dtype.

    Raises:
        UsageError: an unknown name, a wrong shape, a class out of range, or a value that is not finite.

    Example:
        >>> from kgan.types import Input
        >>> label = Input("label", (), "int32", "label", num_classes=2)
        >>> checked([label], {"label": "boot"}, 3, names=["Shirt", "Boot"])["label"].tolist()
        [1, 1, 1]
    """
    specs = {spec.name: spec for spec in inputs}
    unknown = [str(name) for name in values if name not in specs]
    if unknown:
        raise UsageError(f"inputs must be among {', '.join(specs)}, got {', '.join(unknown)}")
    return {name: _per_sample(specs[name], value, n, names) for name, value in values.items()}


def samples(inputs, values):
    """How many samples the values of a generator's inputs are for: as many as the first input has rows.

    Args:
        inputs: sequence of `kgan.types.Input`, those of the sampling network.
        values: dict of name to array, the first input `[n >= 1, *shape]`.

    Raises:
        UsageError: no dict, the first input is missing, or it has no rows.

    Example:
        >>> from kgan.types import Input
        >>> samples([Input("z", (100,))], {"z": np.zeros((3, 100))})
        3
    """
    first, shape = inputs[0], None
    if not isinstance(values, dict):
        raise UsageError(f"inputs must be a dict of arrays, got {checks.shown(values)}")
    if first.name not in values:
        raise UsageError(f"inputs must hold {first.name}, got {', '.join(map(str, values)) or 'none'}")
    with contextlib.suppress(ValueError):  # of lists of different lengths
        shape = np.shape(values[first.name])
    if shape is None or len(shape) != 1 + len(first.shape) or not shape[0]:
        wanted, got = ", ".join(map(str, ("n >= 1", *first.shape))), list(shape or ())
        raise UsageError(f"{first.name} must be [{wanted}] numbers, got shape {got}")
    return shape[0]


def complete(inputs, values, names=None):
    """The values of all inputs as arrays, one row per sample, of which the first input says how many.

    Args:
        inputs: sequence of `kgan.types.Input`, those of the sampling network.
        values: dict of the name of every input to an array `[n, *shape]`; of those after the first also one
            value for all, as in `checked`.
        names: names of the classes in the order of their numbers, or `None`.

    Raises:
        UsageError: as `checked` and `samples`, or an input is missing.

    Example:
        >>> from kgan.types import Input
        >>> specs = [Input("z", (2,)), Input("psi", ())]
        >>> complete(specs, {"z": np.zeros((3, 2)), "psi": 0.5})["psi"].tolist()
        [0.5, 0.5, 0.5]
    """
    n = samples(inputs, values)
    arrays = checked(inputs, values, n, names)
    missing = [spec.name for spec in inputs if spec.name not in values]
    if missing:
        raise UsageError(f"inputs must hold {', '.join(missing)}, got {', '.join(values)}")
    return arrays


def class_number(item, num_classes, names=None):
    """The number of one class.

    Args:
        item: an integer in [0, num_classes), or a class name in any case.
        num_classes: how many classes there are.
        names: names of the classes in the order of their numbers, or `None`.

    Raises:
        UsageError: there is no such class.

    Example:
        >>> class_number("SNEAKER", 2, ["Bag", "Sneaker"])
        1
    """
    if isinstance(item, str):
        known = [str(name) for name in names or ()]
        folded = [name.casefold() for name in known]
        # Names that differ in case only are told apart by it.
        if item in known or folded.count(item.casefold()) == 1:
            return known.index(item) if item in known else folded.index(item.casefold())
        raise UsageError(f"label must be one of {', '.join(known) or 'no names'}, got {item!r}")
    whole = isinstance(item, int | np.integer) and not isinstance(item, bool)
    if not whole or not 0 <= item < num_classes:
        raise UsageError(f"label must be an integer from 0 to {num_classes - 1}, got {item!r}")
    return int(item)


def parse_labels(text, num_classes, names=None):
    """The class numbers that a word of the command line means.

    Args:
        text: numbers, ranges of them and class names, separated by commas: `"3"`, `"sneaker"`, `"0-9"`,
            `"0,2,bag"`. A class name goes before a number or range that is written alike.
        num_classes: how many classes there are.
        names: names of the classes in the order of their numbers, or `None`.

    Returns:
        List of class numbers, at least one.

    Raises:
        UsageError: a part names no class.

    Example:
        >>> parse_labels("0-2,bag", 10, names=["Shirt"] * 9 + ["Bag"])
        [0, 1, 2, 9]
    """
    known = {str(name).casefold() for name in names or ()}
    if text.casefold() in known:  # also a name that holds a comma
        return [class_number(text, num_classes, names)]
    numbers = []
    for part in text.split(","):
        part = part.strip()
        span = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if part.casefold() in known or span is None:
            numbers.append(class_number(part, num_classes, names))
            continue
        first = class_number(int(span[1]), num_classes)
        last = first if span[2] is None else class_number(int(span[2]), num_classes)
        if last < first:
            raise UsageError(f"a range of labels must go upwards, got {part}")
        numbers.extend(range(first, last + 1))
    return numbers


def one_class(inputs, text, names, source):
    """The number of the one class that a word of the command line means.

    Args:
        inputs: sequence of `kgan.types.Input`, those of the sampling network.
        text: a class number or name.
        names: names of the classes in the order of their numbers, or `None`.
        source: the run or bundle, for the message.

    Raises:
        UsageError: there is no such class, several are named, or the source has no classes.

    Example:
        >>> from kgan.types import Input
        >>> one_class([Input("label", (), "int32", "label", "class", 2)], "boot", ["Shirt", "Boot"], "run")
        1
    """
    spec = next((spec for spec in inputs if spec.distribution == "label"), None)
    if spec is None:
        raise UsageError(f"--label must not be given: {source} has no classes")
    numbers = parse_labels(text, spec.num_classes, names)
    if len(numbers) > 1:
        raise UsageError(f"--label must be one class, got {text}")
    return numbers[0]


def _per_sample(spec, value, n, names):
    if spec.distribution == "label":
        value = _class_numbers(spec, value, names)
    # A custom network may take pixels; a list of the wrong form is refused below.
    pixels = isinstance(value, np.ndarray) and value.dtype == np.uint8
    if spec.name == "image" and spec.dtype == "float32" and pixels:
        raise UsageError("image must be floats in [-1, 1], got uint8: divide by 127.5 and subtract 1")
    try:
        value = np.asarray(value, spec.dtype)
        # Only a value for all samples is repeated, never part of one; a number may fill a whole value.
        if value.shape not in ((), spec.shape, (n, *spec.shape), (1, *spec.shape)):
            raise ValueError
        array = np.broadcast_to(value, (n, *spec.shape))
    except (ValueError, TypeError) as error:
        wanted = "x".join(map(str, (n, *spec.shape)))
        shape = np.asarray(value, object).shape  # also of lists of different lengths
        raise UsageError(
            f"{spec.name} must be {wanted} numbers or one value for all, got shape {shape}"
        ) from error
    if not np.isfinite(array).all():
        raise UsageError(f"{spec.name} must be finite, got NaN or infinity")
    return array


def _class_numbers(spec, value, names):
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(value, list | tuple):
        return class_number(value, spec.num_classes, names)
    return [class_number(item, spec.num_classes, names) for item in value]


def check_rows(name, value, shape):
    """Compares the shape of a batch's rows with what a network takes; it works on tensors of any backend.

    Args:
        name: what they are, for the message.
        value: array or tensor `[batch, *shape]`.
        shape: tuple of ints.

    Raises:
        UsageError: the rows have another shape.

    Example:

    >>> check_rows("features", np.zeros((2, 4)), (4,))
    """
    found = tuple(value.shape[1:])
    if found != tuple(shape):
        wanted, got = (", ".join(map(str, ("batch", *s))) for s in (shape, found))
        raise UsageError(f"{name} must be [{wanted}], got [{got}]")


def labels_of(data, y=None):
    """The class numbers in what `fit` was given, as far as they can be told without reading its batches.

    Args:
        data: arrays, a tuple or dict of them, or a data set with `labels`.
        y: the second argument of `fit`.

    Returns:
        List of int arrays `[n]`.

    Example:

    >>> labels_of((np.zeros((2, 4)), {"label": np.array([0, 1])}))
    [array([0, 1])]
    """
    given = [y, data[1:2] if isinstance(data, tuple) else data, getattr(data, "labels", None)]
    flat = [part for one in given for part in _leaves(one)]
    return [
        part for part in flat if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind in "iu"
    ]


def _leaves(values):
    if isinstance(values, tuple | list):
        return [leaf for value in values for leaf in _leaves(value)]
    return list(values.values()) if isinstance(values, dict) else [values]
