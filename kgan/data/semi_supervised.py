"""Batches for semi-supervised training: a few labelled images beside many unlabelled ones."""

import hashlib

import numpy as np

from kgan.data.epoch_batches import EpochBatches
from kgan.errors import UsageError


class FewLabels(EpochBatches):
    """Batches of labelled images, of unlabelled images, and of other unlabelled images for the generator.

    All images are unlabelled ones, in an order of their own for each of both players; the labelled ones are
    taken from `rows`, which are repeated, each repetition in a new order, to fill the epoch (Salimans et al.
    2016). Batch i of epoch e is a function of (seed, e, i) and nothing else.

    Args:
        images: `kgan.data.Images` with labels; its `batch_size` is the size of each of the three parts.
        rows: int array, the places of the labelled images.
        seed: int of at least 0.

    Attributes:
        rows: the labelled images' places, sorted.
        labels: int32, the labels of all images, -1 for those that are not in `rows`.
        image_shape, num_examples, class_names: those of `images`.
        fingerprint: hash of the images, of `rows` and of `seed`.

    Raises:
        UsageError: `images` without labels, or an image of `rows` that has none.
    """

    def __init__(self, images, rows, seed=0):
        super().__init__()
        self.images = images
        self.rows = np.sort(np.asarray(rows, np.int64).reshape(-1))
        labels = _labels(images)
        self.labels = np.full(len(labels), -1, np.int32)
        self.labels[self.rows] = labels[self.rows]
        if not len(self.rows) or (self.labels[self.rows] < 0).any():
            raise UsageError(f"rows must name labelled images, at least one, got {len(self.rows)} rows")
        self.seed = int(seed)
        self.batch_size = images.batch_size
        self.image_shape, self.num_examples = images.image_shape, images.num_examples
        self.class_names = images.class_names
        self._orders = (None, None)
        state = hashlib.sha256(images.fingerprint.encode())
        state.update(self.rows.tobytes() + str(self.seed).encode())
        self.fingerprint = state.hexdigest()

    def __getitem__(self, index):
        """A dict of float32 images in [-1, 1]: "labelled" with int32 "labels", "unlabelled" and "second"."""
        part = self.part(index)
        labelled, unlabelled, second = (order[part] for order in self._of(self.epoch))
        return {
            "labelled": self._floats(labelled),
            "labels": self.labels[labelled],
            "unlabelled": self._floats(unlabelled),
            "second": self._floats(second),
        }

    def labelled_images(self):
        """The labelled images, float32 `[n, height, width, channels]` in [-1, 1], and their labels."""
        return self._floats(self.rows), self.labels[self.rows]

    def _floats(self, rows):
        pixels = self.images.uint8(rows).astype(np.float32)
        pixels -= np.float32(127.5)
        pixels *= np.float32(1 / 127.5)
        return pixels

    def _of(self, epoch):
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, orders = self._orders
        if orders is None or known != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            times = -(-self.num_examples // len(self.rows))
            tiled = np.concatenate([rng.permutation(self.rows) for _ in range(times)])
            orders = (tiled, rng.permutation(self.num_examples), rng.permutation(self.num_examples))
            self._orders = (epoch, orders)
        return orders


def few_labels(images, per_class, seed=0):
    """Hides all labels but `per_class` of each class, drawn by `seed`.

    Args:
        images: `kgan.data.Images` that were loaded with `label=`; -1 is no label.
        per_class: labelled images of each class, at least 1.
        seed: int of at least 0; the labelled images are a function of it, and `FewLabels.rows` names them.

    Returns:
        `FewLabels`, for `fit`.

    Raises:
        UsageError: `images` has no labels, or fewer than `per_class` of some class.

    Example:

    >>> from kgan.data import load_images
    >>> from kgan.recipes import FASHION_MNIST_MINI
    >>> images = load_images(FASHION_MNIST_MINI, "train[:1000]", label="label", batch_size=20)
    >>> data = few_labels(images, per_class=3, seed=1)
    >>> len(data), len(data.rows), sorted(data[0]), data[0]["second"].shape
    (50, 30, ['labelled', 'labels', 'second', 'unlabelled'], (20, 28, 28, 1))
    """
    for name, value, least in (("per_class", per_class, 1), ("seed", seed, 0)):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise UsageError(f"{name} must be an integer of at least {least}, got {value!r}")
    labels = _labels(images)
    names = images.class_names or [str(n) for n in range(int(labels.max()) + 1)]
    rng = np.random.default_rng([int(seed), 0x1ABE1])  # a stream of its own: the orders use (seed, epoch)
    rows = []
    for number, name in enumerate(names):
        found = np.flatnonzero(labels == number)
        if len(found) < per_class:
            raise UsageError(
                f"per_class must be at most the labelled images of each class, class {name} has "
                f"{len(found)}, got {per_class}"
            )
        rows.append(rng.choice(found, per_class, replace=False))
    return FewLabels(images, np.concatenate(rows), seed)


def _labels(images):
    labels = getattr(images, "labels", None)
    if labels is None:
        raise UsageError("images must have labels: load them with label=COLUMN")
    return np.asarray(labels)
