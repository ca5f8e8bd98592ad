"""What says which domain an image belongs to: one class, attributes, or parts that only some data know."""

import keras
import numpy as np
from keras import ops

from kgan import checks
from kgan.errors import UsageError

CLASSES, ATTRIBUTES = "classes", "attributes"


def checked_schema(schema):
    """A schema as lists `[kind, count]`, one for each part.

    Args:
        schema: sequence of pairs `("classes", K)`, one of K >= 2, or `("attributes", n)`, n >= 1 yes or no.

    Raises:
        UsageError: no part, an unknown kind, or a count out of range.

    Example:

    >>> checked_schema([("attributes", 5)])
    [['attributes', 5]]
    """
    parts = list(schema) if isinstance(schema, list | tuple) else []
    if not parts:
        raise UsageError(f"schema must be a list of at least one part, got {checks.shown(schema)}")
    for part in parts:
        kind = part[0] if isinstance(part, list | tuple) and len(part) == 2 else None
        if kind not in (CLASSES, ATTRIBUTES):
            found = checks.shown(part)
            raise UsageError(f'schema must be of ("classes", K) and ("attributes", n), got {found}')
        least = 2 if kind == CLASSES else 1
        if not checks.is_integer(part[1]) or part[1] < least:
            raise UsageError(f"schema needs at least {least} {kind}, got {checks.shown(part[1])}")
    return [[kind, int(count)] for kind, count in parts]


def known_parts(num_classes=None, schema=None):
    """The schema of a model, where one part may be given as its number of classes.

    Args:
        num_classes: K >= 2 where a domain is one of K.
        schema: as in `checked_schema`, where it is not.

    Raises:
        UsageError: neither or both are given, or one breaks its rule.

    Example:

    >>> known_parts(3)
    [['classes', 3]]
    """
    if (num_classes is None) == (schema is None):
        found = f"{checks.shown(num_classes)} and {checks.shown(schema)}"
        raise UsageError(f"either num_classes or schema must be given, got {found}")
    if schema is not None:
        return checked_schema(schema)
    return [[CLASSES, checks.count("num_classes", num_classes, 2)]]


def widths(schema):
    """How many numbers are logits of the classifier, and how many tell the generator a domain.

    With several parts the generator also gets a mask, 1 for the part that is known.

    Args:
        schema: as in `checked_schema`.

    Example:

    >>> widths([("attributes", 5)]), widths([("attributes", 5), ("classes", 8)])
    ((5, 5), (13, 15))
    """
    logits = sum(count for _, count in schema)
    return logits, logits + (len(schema) if len(schema) > 1 else 0)


def checked_vectors(name, schema, vectors):
    """Label vectors as a float32 array `[n, widths(schema)[1]]`.

    Args:
        name: what they are, for the message.
        schema: what `checked_schema` returned.
        vectors: as `label_vectors` makes them; attributes and classes may lie between 0 and 1.

    Raises:
        UsageError: another shape, values outside [0, 1], a mask without exactly one 1, or known classes that
            do not sum to 1.

    Example:

    >>> checked_vectors("labels", [["attributes", 2]], [[0, 1]]).tolist()
    [[0.0, 1.0]]
    """
    whole = widths(schema)[1]
    try:
        vectors = np.asarray(vectors, "float32")
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name} must be vectors of numbers, got {checks.shown(vectors)}") from error
    if vectors.ndim != 2 or vectors.shape[1] != whole:
        raise UsageError(f"{name} must be [n, {whole}], got {list(vectors.shape)}")
    wrong = ~((vectors >= 0) & (vectors <= 1))  # NaN too
    if wrong.any():
        raise UsageError(f"{name} must be numbers in [0, 1], got {vectors[wrong][0]:g}")
    mask = _mask(schema, vectors)
    wrong = (np.sort(mask, axis=1)[:, :-1] != 0).any(axis=1) | (mask.max(axis=1) != 1)
    if wrong.any():
        found = mask[wrong][0].tolist()
        raise UsageError(f"{name} must end in a mask with a single 1, for the known part, got {found}")
    for part, (kind, start, count) in enumerate(_spans(schema)):
        total = vectors[mask[:, part] == 1, start : start + count].sum(axis=1)
        wrong = np.abs(total - 1.0) > 1e-3
        if kind == CLASSES and wrong.any():
            raise UsageError(f"{name} of classes must sum to 1, got {total[wrong][0]:g}")
    return vectors


def check_classes(num_classes, labels):
    """Raises unless an array holds class numbers, which may be whole floats.

    Args:
        num_classes: K.
        labels: array `[n]` of numbers from 0 to K - 1.

    Raises:
        UsageError: it does not.

    Example:

    >>> check_classes(3, np.array([0, 2]))
    """
    if labels.ndim != 1:
        raise UsageError(f"labels must be [n], got {list(labels.shape)}")
    if labels.dtype.kind not in "biuf":
        raise UsageError(f"labels must be whole numbers from 0 to {num_classes - 1}, got {labels.dtype}")
    wrong = labels[labels != np.floor(labels)]  # NaN too
    if wrong.size:
        raise UsageError(f"labels must be whole numbers from 0 to {num_classes - 1}, got {wrong[0]:g}")
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise UsageError(f"labels must be from 0 to {num_classes - 1}, got {labels.min()} to {labels.max()}")


def _spans(schema):
    """Kind, first place and count of each part."""
    starts = np.cumsum([0, *(count for _, count in schema)]).tolist()
    return [(kind, start, count) for (kind, count), start in zip(schema, starts)]


def _mask(schema, vectors):
    """The mask `[n, parts]` of label vectors; of one part it is always 1."""
    width, whole = widths(schema)
    return vectors[:, width:] if whole > width else np.ones((len(vectors), 1), "float32")


def label_vectors(schema, part, labels):
    """Labels of one part as the vectors that the networks take: other parts 0, and the mask.

    Args:
        schema: as in `checked_schema`.
        part: number of the part that is known, from 0.
        labels: for classes integers `[n]`, for attributes 0 or 1 `[n, count]`.

    Returns:
        float32 array `[n, widths(schema)[1]]`.

    Raises:
        UsageError: no such part, or labels that do not fit it.

    Example:

    >>> label_vectors([("attributes", 2), ("classes", 3)], 1, [2]).tolist()
    [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0]]
    """
    schema = checked_schema(schema)
    if not checks.is_integer(part) or not 0 <= part < len(schema):
        raise UsageError(f"part must be from 0 to {len(schema) - 1}, got {checks.shown(part)}")
    kind, start, count = _spans(schema)[part]
    try:
        labels = np.asarray(labels)
    except ValueError as error:  # rows of different lengths
        raise UsageError(f"labels of part {part} must be an array, got {checks.shown(labels)}") from error
    if kind == CLASSES:
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any((labels < 0) | (labels >= count)):
            raise UsageError(f"labels of part {part} must be [n] integers from 0 to {count - 1}")
        labels = np.eye(count)[labels]
    if labels.ndim != 2 or labels.shape[1] != count:
        raise UsageError(f"labels of part {part} must be [n, {count}], got {list(labels.shape)}")
    if labels.dtype.kind not in "biuf" or not np.isin(labels, (0, 1)).all():
        raise UsageError(f"labels of part {part} must be 0 or 1, got {checks.shown(labels.tolist())}")
    width, whole = widths(schema)
    vectors = np.zeros((len(labels), whole), "float32")
    vectors[:, start : start + count] = labels
    if whole > width:
        vectors[:, width + part] = 1.0
    return vectors


def checked_groups(name, schema, groups, least=1):
    """Groups of attributes as lists of their places in a label vector.

    Args:
        name: what they are, for the message.
        schema: what `checked_schema` returned.
        groups: sequence of sequences of places, each group of attributes of one part.
        least: places of a group.

    Raises:
        UsageError: anything else.

    Example:

    >>> checked_groups("exclusive", [["attributes", 5]], [(0, 1, 2)])
    [[0, 1, 2]]
    """
    parts = [range(start, start + count) for kind, start, count in _spans(schema) if kind == ATTRIBUTES]

    def right(group):
        if not isinstance(group, list | tuple) or not all(map(checks.is_integer, group)):
            return False
        distinct = len(group) >= least and len(set(group)) == len(group)
        return distinct and any(set(group) <= set(part) for part in parts)

    if not isinstance(groups, list | tuple) or not all(map(right, groups)):
        rule = f"groups of at least {least} different places of attributes"
        raise UsageError(f"{name} must hold {rule}, got {checks.shown(groups)}")
    return [[int(place) for place in group] for group in groups]


def target_sets(schema, vectors, exclusive=(), combined=()):
    """The targets of the published sheets, for images with these labels.

    Of classes each one in turn. An attribute is flipped; one of an exclusive group, such as hair colours, is
    set, and the others of its group are cleared. What is combined changes alike, but together.

    Args:
        schema: as in `checked_schema`.
        vectors: `[n, widths(schema)[1]]`, the images' own labels.
        exclusive: groups of attributes, each a sequence of places in the vector.
        combined: groups of at least two attributes that change together, at most one of them of an exclusive
            group; their targets follow those of the single attributes of their part.

    Returns:
        float32 array `[n, targets, widths(schema)[1]]`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> target_sets([("attributes", 3)], [[1, 0, 1]], exclusive=[(0, 1)], combined=[(1, 2)])[0].tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    """
    schema = checked_schema(schema)
    vectors = checked_vectors("vectors", schema, vectors)
    exclusive = checked_groups("exclusive", schema, exclusive)
    combined = checked_groups("combined", schema, combined, 2)
    for group in combined:
        if any(len(set(group) & set(other)) > 1 for other in exclusive):
            raise UsageError(f"combined must hold at most one place of an exclusive group, got {group}")
    width, whole = widths(schema)
    targets = []
    for part, (kind, start, count) in enumerate(_spans(schema)):
        own = np.zeros_like(vectors)
        if whole > width:
            own[:, width + part] = 1.0
        changes = [[place] for place in range(start, start + count)]
        if kind == ATTRIBUTES:
            known = _mask(schema, vectors)[:, part : part + 1]
            own[:, start : start + count] = known * vectors[:, start : start + count]
            changes += [group for group in combined if start <= group[0] < start + count]
        targets += [_changed(own, change, exclusive) for change in changes]
    return np.stack(targets, axis=1)


def _changed(vectors, places, exclusive):
    """Label vectors after a change of some attributes, or of a class from none."""
    made = vectors.copy()
    for place in places:
        group = next((group for group in exclusive if place in group), None)
        made[:, group or []] = 0.0
        made[:, place] = 1.0 if group else 1.0 - vectors[:, place]
    return made


def known_only(schema, vectors):
    """Label vectors in which the parts that the mask calls unknown are 0."""
    width, whole = widths(schema)
    if whole == width:
        return vectors
    mask = vectors[:, width:]
    spread = [ops.repeat(mask[:, part : part + 1], count, axis=1) for part, (_, count) in enumerate(schema)]
    return ops.concatenate([vectors[:, :width] * ops.concatenate(spread, axis=1), mask], axis=1)


def shuffled(schema, vectors, seed):
    """Label vectors in random order, within the images of each data set where a mask tells them apart.

    Args:
        schema: as in `checked_schema`.
        vectors: tensor `[n, widths(schema)[1]]`.
        seed: a `keras.random.SeedGenerator`.
    """
    width, whole = widths(schema)
    draws = keras.random.uniform((ops.shape(vectors)[0],), seed=seed)
    if whole == width:
        return ops.take(vectors, ops.argsort(draws), axis=0)
    known = ops.cast(ops.argmax(vectors[:, width:], axis=1), draws.dtype)
    # Sorted by data set both ways, so that place k of each order is an image of the same one.
    mixed = ops.take(vectors, ops.argsort(known + draws), axis=0)
    return ops.take(mixed, ops.argsort(ops.argsort(known)), axis=0)


def domain_error(schema, logits, vectors):
    """Cross entropy of the classifier, a scalar: the sum over an image's known parts, the mean over images.

    Of classes it is that of the softmax; of attributes that of each sigmoid, summed over the attributes.

    Args:
        schema: as in `checked_schema`.
        logits: `[n, widths(schema)[0]]`.
        vectors: `[n, widths(schema)[1]]`.

    Example:

    >>> round(float(domain_error([("attributes", 5)], ops.zeros((1, 5)), ops.ones((1, 5)))), 6)
    3.465736
    """
    width, whole = widths(schema)
    logits, vectors = ops.cast(logits, "float32"), ops.convert_to_tensor(vectors)
    total, start = 0.0, 0
    for part, (kind, count) in enumerate(schema):
        z, target = (x[:, start : start + count] for x in (logits, vectors))
        if kind == CLASSES:
            each = ops.logsumexp(z, axis=1) - ops.sum(target * z, axis=1)
        else:
            each = ops.sum(ops.softplus(z) - target * z, axis=1)
        total = total + (each if whole == width else each * vectors[:, width + part])
        start += count
    return ops.mean(total)
