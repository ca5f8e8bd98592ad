"""What says which domain an image belongs to: one class, attributes, or parts that only some data know."""

import numpy as np
from keras import ops

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
    parts = [list(part) for part in schema]
    if not parts:
        raise UsageError("schema must have at least one part, got none")
    for part in parts:
        kind = part[0] if len(part) == 2 else None
        if kind not in (CLASSES, ATTRIBUTES):
            raise UsageError(f'schema must be of ("classes", K) and ("attributes", n), got {tuple(part)}')
        least = 2 if kind == CLASSES else 1
        if not isinstance(part[1], int) or part[1] < least:
            raise UsageError(f"schema needs at least {least} {kind}, got {part[1]}")
    return parts


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
    if not 0 <= part < len(schema):
        raise UsageError(f"part must be from 0 to {len(schema) - 1}, got {part}")
    kind, count = schema[part]
    labels = np.asarray(labels)
    if kind == CLASSES:
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any((labels < 0) | (labels >= count)):
            raise UsageError(f"labels of part {part} must be [n] integers from 0 to {count - 1}")
        labels = np.eye(count)[labels]
    if labels.ndim != 2 or labels.shape[1] != count:
        raise UsageError(f"labels of part {part} must be [n, {count}], got {list(labels.shape)}")
    width, whole = widths(schema)
    start = sum(n for _, n in schema[:part])
    vectors = np.zeros((len(labels), whole), "float32")
    vectors[:, start : start + count] = labels
    if whole > width:
        vectors[:, width + part] = 1.0
    return vectors


def target_sets(schema, vectors, exclusive=()):
    """The targets of the published sheets, for images with these labels.

    Of classes each one in turn. An attribute is flipped; one of an exclusive group, such as hair colours, is
    set, and the others of its group are cleared.

    Args:
        schema: as in `checked_schema`.
        vectors: `[n, widths(schema)[1]]`, the images' own labels.
        exclusive: groups of attributes, each a sequence of places in the vector.

    Returns:
        float32 array `[n, targets, widths(schema)[1]]`.

    Example:

    >>> target_sets([("attributes", 3)], [[1, 0, 1]], exclusive=[(0, 1)])[0].tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]
    """
    vectors = np.asarray(vectors, "float32")
    width, whole = widths(schema)
    targets, start = [], 0
    for part, (kind, count) in enumerate(schema):
        for place in range(start, start + count):
            target = np.zeros_like(vectors)
            if kind == CLASSES:
                target[:, place] = 1.0
            else:
                target[:, start : start + count] = vectors[:, start : start + count]
                group = next((list(group) for group in exclusive if place in group), None)
                target[:, group or []] = 0.0
                target[:, place] = 1.0 if group else 1.0 - vectors[:, place]
            if whole > width:
                target[:, width + part] = 1.0
            targets.append(target)
        start += count
    return np.stack(targets, axis=1)


def known_only(schema, vectors):
    """Label vectors in which the parts that the mask calls unknown are 0."""
    width, whole = widths(schema)
    if whole == width:
        return vectors
    mask = vectors[:, width:]
    spread = [ops.repeat(mask[:, part : part + 1], count, axis=1) for part, (_, count) in enumerate(schema)]
    return ops.concatenate([vectors[:, :width] * ops.concatenate(spread, axis=1), mask], axis=1)


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
