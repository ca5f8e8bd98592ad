"""How well a segmenter that knows real images finds in translations what they were made from (FCN score)."""

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks


def segmentation_scores(segmenter, images, truth, num_classes, *, ignored=None, batch_size=16):
    """Accuracy and overlap of the classes that a segmenter finds in images with the true class maps.

    Args:
        segmenter: function from uint8 images `[n, height, width, channels]` to integers `[n, height, width]`
            in [0, num_classes), such as a network that was trained on real images.
        images: translations of class maps, uint8 `[n >= 1, height, width, 1 or 3]`.
        truth: the class maps, integers `[n, height, width]` in [0, num_classes) or `ignored`.
        num_classes: number of classes, >= 1.
        ignored: int, the value of pixels in `truth` that do not count, or `None`.
        batch_size: images in the segmenter at a time, >= 1.

    Returns:
        Dict of `"pixel_accuracy"`, share of all pixels; `"class_accuracy"`, mean over the classes in `truth`
        of the share of their pixels; `"iou"`, mean over the classes in either of intersection over union.

    Raises:
        UsageError: an argument breaks its rule.
        DataError: images or maps of another type or shape, classes out of range, or no pixel that counts.

    Reference: Long, Shelhamer, Darrell, Fully Convolutional Networks for Semantic Segmentation, 2015; section
    5.1.1 of Zhu et al., 2017.

    Example:

    >>> images = np.array([0, 0, 9, 9], "uint8").reshape(1, 2, 2, 1)
    >>> truth = np.array([[[0, 0], [0, 1]]])
    >>> scores = segmentation_scores(lambda x: x[..., 0] // 9, images, truth, 2)
    >>> {name: round(value, 3) for name, value in scores.items()}
    {'pixel_accuracy': 0.75, 'class_accuracy': 0.833, 'iou': 0.583}
    """
    checks.count("num_classes", num_classes)
    checks.count("batch_size", batch_size)
    images, truth = checks.pictures("images", images), np.asarray(truth)
    counted = np.ones(truth.shape, bool) if ignored is None else truth != ignored
    _check_maps("truth", truth, images.shape[:3], num_classes, counted)
    table = np.zeros((num_classes, num_classes), np.int64)
    for start in range(0, len(images), batch_size):
        part = slice(start, start + batch_size)
        found, kept = np.asarray(segmenter(images[part])), counted[part]
        _check_maps("maps of the segmenter", found, truth[part].shape, num_classes, np.True_)
        places = truth[part][kept].astype(np.int64) * num_classes + found[kept]
        table += np.bincount(places, minlength=num_classes**2).reshape(table.shape)
    return _scores(table)


def _check_maps(name, maps, shape, num_classes, counted):
    if maps.dtype.kind not in "iu" or maps.shape != shape:
        raise DataError(f"{name} must be integers {list(shape)}, got {maps.dtype} of {list(maps.shape)}")
    wrong = maps[((maps < 0) | (maps >= num_classes)) & counted]
    if wrong.size:
        raise DataError(f"{name} must be from 0 to {num_classes - 1}, got {wrong[0]}")


def _scores(table):
    """The scores of counts `[true class, found class]`."""
    right, true, found = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    if not true.any():
        raise DataError("truth must have at least one pixel that is not ignored, got none")
    union = true + found - right
    return {
        "pixel_accuracy": float(right.sum() / true.sum()),
        "class_accuracy": float(np.mean(right[true > 0] / true[true > 0])),
        "iou": float(np.mean(right[union > 0] / union[union > 0])),
    }
