"""Whether images show the classes that they were asked for, by an independent classifier."""

import dataclasses

import numpy as np

from kgan.errors import DataError


@dataclasses.dataclass(frozen=True)
class Consistency:
    """How often a classifier finds the class that was asked for.

    Args:
        share: over all images, in [0, 1].
        per_class: array `[classes]`, the share in each class; NaN for a class without images.
    """

    share: float
    per_class: np.ndarray


def class_consistency(logits, labels):
    """Share of images whose most probable class is the one asked for.

    The classifier must have seen real images only, and its accuracy on real test images belongs beside the
    number: it is the value of real images.

    Args:
        logits: array `[n, classes]` of the classifier, or any scores that are largest at its choice.
        labels: int array `[n]`, the classes that the images were made for, in [0, classes).

    Returns:
        `Consistency`.

    Raises:
        DataError: no images, other shapes, or a label out of range.

    Example:
        >>> round(class_consistency(np.eye(3), np.array([0, 1, 1])).share, 4)
        0.6667
    """
    logits, labels = np.asarray(logits), np.asarray(labels)
    if logits.ndim != 2 or not len(logits) or labels.shape != logits.shape[:1]:
        raise DataError(
            "class_consistency needs logits [n >= 1, classes] and n labels, "
            f"got {list(logits.shape)} and {list(labels.shape)}"
        )
    classes = logits.shape[1]
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise DataError(f"labels must be from 0 to {classes - 1}, got {wrong}")
    right = logits.argmax(axis=1) == labels
    counts = np.bincount(labels, minlength=classes)
    hits = np.bincount(labels, weights=right, minlength=classes)
    per_class = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    return Consistency(float(right.mean()), per_class)
