"""Images in an endless order of shuffled passes, averaged down to the size that is asked for."""

import functools
from typing import Any

import keras
import numpy as np

from kgan import checks
from kgan.errors import UsageError


class ImageStream:
    """The images of a data set by their number in the order of training.

    Number k is image k % n of pass k // n; each pass has an order of its own, which depends on the seed and
    the pass alone.

    Args:
        data: what `kgan.data.load_images` returns, or a float array `[n, height, width, channels]` in
            [-1, 1], or a pair of such an array and int labels `[n]`.
        shuffle: whether the passes over an array are shuffled; `Images` say so themselves.
        seed: int of at least 0 that the orders of an array depend on.
        labelled: whether batches are pairs of images and labels; otherwise labels are left out.

    Raises:
        UsageError: anything else, or no labels where they are wanted.

    Example:

    >>> stream = ImageStream(np.arange(32.0).reshape(2, 4, 4, 1) / 32, shuffle=False)
    >>> [float(n) for n in stream.batch(first=1, count=2, side=1).ravel() * 32]
    [23.5, 7.5]
    """

    def __init__(self, data: Any, shuffle=True, seed=0, labelled=False):
        paired = isinstance(data, tuple) and len(data) == 2
        labels: Any = data[1] if paired else getattr(data, "labels", None)
        source: Any = data[0] if paired else data
        stored = all(hasattr(source, name) for name in ("uint8", "num_examples", "image_shape", "shuffle"))
        if not stored:
            _check_images(source)
        self._data, self._stored = source, stored
        if not stored:
            self.num_examples, *self.image_shape = np.shape(source)
            self._shuffle, self._seed = bool(shuffle), int(seed)
        else:
            self.num_examples, self.image_shape = source.num_examples, tuple(source.image_shape)
            self._shuffle, self._seed = bool(source.shuffle), int(source.seed)
        if labelled and np.shape(labels) != (self.num_examples,):
            got = "none" if labels is None else list(np.shape(labels))
            raise UsageError(f"a model with classes takes images with {self.num_examples} labels, got {got}")
        if labelled and np.asarray(labels).dtype.kind not in "iu":
            raise UsageError(f"labels must be integers, got {np.asarray(labels).dtype}")
        self.labels = np.asarray(labels, np.int32) if labelled else None
        self.class_names = getattr(source, "class_names", None) if labelled else None

    def batch(self, first, count, side):
        """Images `first` to `first + count - 1`, float32 `[count, side, side, channels]`, and labels."""
        passes, places = np.divmod(np.arange(first, first + count), self.num_examples)
        rows = places
        if self._shuffle:
            rows = np.concatenate(
                [
                    _order(self._seed, int(n), self.num_examples)[places[passes == n]]
                    for n in np.unique(passes)
                ]
            )
        images = self._data.uint8(rows) if self._stored else self._data[rows]
        height, width, channels = self.image_shape
        squares = images.reshape(count, side, height // side, side, width // side, channels)
        images = squares.mean(axis=(2, 4), dtype=np.float32)
        if self._stored:
            images -= np.float32(127.5)
            images *= np.float32(1 / 127.5)
        return images if self.labels is None else (images, self.labels[rows])


class StreamPart(keras.utils.PyDataset):
    """Some batches of a stream, as Keras reads them.

    Args:
        stream: an `ImageStream`.
        first: number of the first image.
        steps: batches, at least 1.
        batch_size: images per batch.
        side: pixels of the images.
    """

    def __init__(self, stream, first, steps, batch_size, side):
        super().__init__()
        self.stream, self.first, self.steps = stream, first, steps
        self.batch_size, self.side = batch_size, side
        self.image_shape = (side, side, stream.image_shape[-1])
        self.labels, self.class_names = stream.labels, stream.class_names

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        if not 0 <= index < self.steps:
            raise IndexError(f"batch {index} of {self.steps}")
        return self.stream.batch(self.first + index * self.batch_size, self.batch_size, self.side)


def _check_images(data):
    array = isinstance(data, np.ndarray)
    if not array or data.ndim != 4 or len(data) == 0:
        raise UsageError(
            "a growing model takes kgan.data.load_images(...) or an array [n, height, width, channels], "
            f"got {f'an array {list(data.shape)}' if array else type(data).__name__}"
        )
    checks.pixels("images of an array", data)


@functools.lru_cache(maxsize=4)
def _order(seed, number, count):
    return np.random.default_rng([seed, number]).permutation(count)
