"""Some images of a data set, with labels of one's own."""

import hashlib

import numpy as np

from kgan.data.images import Images
from kgan.errors import UsageError


class _Rows:
    """Some rows of `Pixels`, read as that is."""

    def __init__(self, pixels, rows):
        self._pixels, self._rows, self.shape = pixels, rows, pixels.shape
        self.fingerprint = hashlib.sha256(pixels.fingerprint.encode() + rows.tobytes()).hexdigest()

    def __len__(self):
        return len(self._rows)

    def take(self, rows):
        return self._pixels.take(self._rows[rows])


def subset(images, rows, labels=None, class_names=None, *, batch_size=64, shuffle=True, seed=0):
    """Some images of a data set in a given order, with labels that may differ from those of the source.

    Args:
        images: `kgan.data.Images`.
        rows: integers in [0, images.num_examples), at least one: the places of the images.
        labels: integers, one for each row, or None for those of `images`.
        class_names: names of these labels; default those of `images` where the labels are theirs.
        batch_size, shuffle, seed: as in `load_images`.

    Returns:
        `Images`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> from kgan.data import load_images
    >>> from kgan.recipes import FASHION_MNIST_MINI
    >>> source = load_images(FASHION_MNIST_MINI, "train[:100]", label="label", batch_size=1)
    >>> boots = subset(source, np.flatnonzero(source.labels == 9), batch_size=4)
    >>> boots[0][1].tolist(), boots.num_examples == (source.labels == 9).sum().item()
    ([9, 9, 9, 9], True)
    """
    rows = np.asarray(rows, np.int64).reshape(-1)
    if not len(rows) or rows.min() < 0 or rows.max() >= images.num_examples:
        found = f"{rows.min()} to {rows.max()}" if len(rows) else "none"
        raise UsageError(f"rows must be from 0 to {images.num_examples - 1}, at least one, got {found}")
    if labels is None:
        labels = None if images.labels is None else images.labels[rows]
        class_names = images.class_names if class_names is None else class_names
    elif len(labels) != len(rows):
        raise UsageError(f"labels must be {len(rows)}, one for each row, got {len(labels)}")
    labels = None if labels is None else np.asarray(labels, np.int32)
    names = None if class_names is None else list(class_names)
    if labels is not None and names is not None and not 0 <= labels.min() <= labels.max() < len(names):
        found = f"{labels.min()} to {labels.max()}"
        raise UsageError(f"labels must be from 0 to {len(names) - 1}, the class names, got {found}")
    pixels = _Rows(images._pixels, rows)
    return Images(pixels, labels, names, batch_size=batch_size, shuffle=shuffle, seed=seed)
