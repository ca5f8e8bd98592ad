"""Batches of images for training, the same on every backend."""

import hashlib
import operator

import keras
import numpy as np

from kgan.data.decode import Target
from kgan.data.pixels import decoded, first_image
from kgan.data.sources import open_source
from kgan.errors import UsageError


class Images(keras.utils.PyDataset):
    """Decoded images in batches of one size, made by `load_images`.

    Batch i of epoch e is a function of (seed, e, i) and nothing else, so a run can be resumed anywhere. The
    images that do not fill a last batch are left out, others in each epoch. `fit` must be given
    `shuffle=False`, or else Keras serves the batches of an epoch in an order that nothing reproduces.

    Args:
        pixels: a `kgan.data.pixels.Pixels`.
        labels: int32 array of shape (rows,), or None.
        class_names: list of str, or None.
        batch_size: images per batch, from 1 to the number of images.
        shuffle: whether each epoch has an order of its own, instead of that of the source.
        seed: integer of at least 0.

    Attributes:
        image_shape: (height, width, channels).
        num_examples: how many images there are.
        class_names: names of the labels, or None.
        epoch: the present epoch, from 0. It advances when an epoch was served whole.
        start: the first batch of the present epoch, 0 unless it is set. `len` is smaller by it.
        fingerprint: hash of all pixels and labels, the same wherever they are loaded.

    Raises:
        UsageError: an argument breaks its rule.
    """

    def __init__(self, pixels, labels=None, class_names=None, *, batch_size=64, shuffle=True, seed=0):
        super().__init__()
        self.batch_size = _integer("batch_size", batch_size, 1)
        self.seed = _integer("seed", seed, 0)
        self.shuffle = bool(shuffle)
        self.class_names = class_names
        self.image_shape = pixels.shape
        self.num_examples = len(pixels)
        self.labels = labels
        self._pixels = pixels
        self._epoch = self._start = 0
        self._served = None
        self._order = (None, None)
        if self.batch_size > self.num_examples:
            raise UsageError(f"batch_size must be at most {self.num_examples}, all images, got {batch_size}")
        state = hashlib.sha256(pixels.fingerprint.encode())
        if labels is not None:
            state.update(labels.tobytes())
        self.fingerprint = state.hexdigest()

    @property
    def epoch(self):
        return self._epoch

    @property
    def start(self):
        return self._start

    @start.setter
    def start(self, batch):
        batches = self.num_examples // self.batch_size
        if not 0 <= batch < batches:
            raise UsageError(f"start must be a batch of the epoch, 0 to {batches - 1}, got {batch}")
        self._start, self._served = int(batch), None

    def set_epoch(self, epoch):
        """Makes `epoch` (from 0) the present one; `start` stays."""
        self._epoch, self._served = _integer("epoch", epoch, 0), None

    def on_epoch_begin(self):
        self._served = 0

    def on_epoch_end(self):
        # Keras also calls this before the first epoch, and after batches that it only wanted to look at.
        if self._served is not None and self._served >= len(self):
            self._epoch, self._start = self._epoch + 1, 0
        self._served = None

    def __len__(self):
        return self.num_examples // self.batch_size - self._start

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        first = (self._start + index) * self.batch_size
        rows = self._rows(self._epoch)[first : first + self.batch_size]
        # A new array each time: JAX on a CPU may keep using the memory after the call that it was passed to.
        images = self._pixels.take(rows).astype(np.float32)
        images -= np.float32(127.5)
        images *= np.float32(1 / 127.5)
        if self._served is not None:
            self._served += 1
        return images if self.labels is None else (images, self.labels[rows])

    def uint8(self, indices):
        """The stored pixels of some images, by their place in the source.

        Args:
            indices: integers in [0, num_examples).

        Returns:
            uint8 array of shape (len(indices), height, width, channels).
        """
        rows = np.asarray(indices, dtype=np.int64).reshape(-1)
        wrong = rows[(rows < 0) | (rows >= self.num_examples)]
        if wrong.size:
            raise UsageError(f"indices must be from 0 to {self.num_examples - 1}, got {wrong[0]}")
        return self._pixels.take(rows)

    def _rows(self, epoch):
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, order = self._order
        if order is None or known != epoch:
            if self.shuffle:
                order = np.random.default_rng([self.seed, epoch]).permutation(self.num_examples)
            else:
                order = np.arange(self.num_examples)
            self._order = (epoch, order)
        return order


def load_images(
    source,
    split="train",
    *,
    image_size=None,
    channels=None,
    label=None,
    batch_size=64,
    shuffle=True,
    seed=0,
    upscale=False,
    trim=None,
):
    """Loads images for training: float32 in [-1, 1], NHWC.

    The images are decoded once, into the cache of `datasets` (uint8, `HF_HOME`), and then read from that
    file without decoding. The largest centred part with the asked aspect ratio is kept and shrunk with an
    antialiasing filter (Lanczos). Transparent images are laid on white, 16-bit grey is divided by 257, CMYK
    and palette images become RGB, animations count by their first frame.

    Args:
        source: a hub id such as "zalando-datasets/fashion_mnist"; a local folder of a `datasets` data set
            (parquet, arrow, or `save_to_disk`); or a folder of image files, where subfolders train, test, ...
            are splits and the folders in them classes. What looks like a path is never looked up on the hub.
        split: a split, or a slice of one as `datasets` writes it: "train[:1000]".
        image_size: pixels, an integer or (height, width). None takes the size of the first image, and an
            image of another size is an error.
        channels: 1 or 3, to which all images are converted. None takes what the first image has, and grey
            among colour, or colour among grey, is an error.
        label: column of class labels; batches are then (images, int32 labels). Classes of image folders
            are in the column "label".
        batch_size: images per batch.
        shuffle: whether each epoch has an order of its own.
        seed: integer of at least 0 that the orders depend on.
        upscale: whether images smaller than `image_size` are enlarged (bicubic), instead of being an error.
        trim: white pixels left around what an image shows, which fills the rest, whole and enlarged if need
            be; at least 0. `None` keeps borders as they are.

    Returns:
        `Images`, a `keras.utils.PyDataset`.

    Raises:
        UsageError: an argument breaks its rule, or names something that does not exist.
        DataError: a data set or an image in it cannot be used; the message names the file or row.
        MissingExtraError: `datasets` is not installed.

    Example:

    >>> import pathlib, tempfile, PIL.Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for level in range(5):
    ...     PIL.Image.new("RGB", (40, 30), (50 * level, 0, 0)).save(folder / f"{level}.png")
    >>> data = load_images(folder, image_size=16, batch_size=2)
    >>> len(data), data[0].shape, data[0].dtype, data.num_examples
    (2, (2, 16, 16, 3), dtype('float32'), 5)
    """
    size = None if image_size is None else _size(image_size)
    if channels not in (None, 1, 3):
        raise UsageError(f"channels must be 1, 3 or None (as the first image), got {channels!r}")
    opened = open_source(source, split)
    labels, names = (None, None) if label is None else opened.labels(label)
    height, width, found = first_image(opened)
    height, width = size or (height, width)
    target = Target(
        height,
        width,
        channels or found,
        upscale=bool(upscale),
        same_size=size is None,
        same_kind=channels is None,
        trim=trim,
    )
    return Images(decoded(opened, target), labels, names, batch_size=batch_size, shuffle=shuffle, seed=seed)


def _size(image_size):
    pair = image_size if isinstance(image_size, (tuple, list)) else (image_size, image_size)
    if len(pair) != 2:
        raise UsageError(f"image_size must be an integer or (height, width), got {image_size!r}")
    return tuple(_integer("image_size", side, 1) for side in pair)


def _integer(name, value, least):
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise UsageError(f"{name} must be an integer of at least {least}, got {value!r}")
    return number
