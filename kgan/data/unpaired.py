"""Batches of two sets of images without pairs, for translation between them."""

import hashlib

import numpy as np

from kgan import checks
from kgan.data.epoch_batches import EpochBatches
from kgan.data.images import load_images
from kgan.errors import DataError, UsageError


class UnpairedImages(EpochBatches):
    """Batches (images of A, images of B), each set in an order of its own, made by `load_unpaired`.

    An epoch shows each image of the larger set once, but for those that do not fill a last batch; the smaller
    set is repeated, each repetition in a new order. Batch i of epoch e is a function of (seed, e, i) and
    nothing else, so a run can be resumed anywhere.

    Args:
        images_a, images_b: `kgan.data.Images`; their own batch size, order and seed do not matter.
        rows_a, rows_b: int arrays, the images that take part; default all.
        batch_size: images of each set per batch, >= 1.
        shuffle: whether each epoch has orders of its own, instead of those of the sources.
        mirror: whether each image is mirrored with probability 1/2.
        crop: side in pixels of a random square that is cut out of each image, or `None` for whole images.
        seed: int of at least 0.

    Attributes:
        image_shape, image_shape_b: (height, width, channels) of an image of A and of B in a batch.
        num_examples: images of the larger set.
        fingerprint: hash of the images, the rows and all settings.

    Raises:
        UsageError: an argument breaks its rule, or a set has no rows.
        DataError: the sets have different numbers of channels.

    Reference: Zhu, Park, Isola, Efros, Unpaired Image-to-Image Translation using Cycle-Consistent
    Adversarial Networks, 2017, section 7.1.
    """

    def __init__(
        self,
        images_a,
        images_b,
        rows_a=None,
        rows_b=None,
        *,
        batch_size=1,
        shuffle=True,
        mirror=False,
        crop=None,
        seed=0,
    ):
        super().__init__()
        self.images = images_a, images_b
        self.rows = _rows("rows_a", images_a, rows_a), _rows("rows_b", images_b, rows_b)
        channels = [images.image_shape[-1] for images in self.images]
        if channels[0] != channels[1]:
            raise DataError(
                f"both sets must have the same channels, A has {channels[0]} and B has {channels[1]}: "
                "pass channels=1 or channels=3 to convert all images"
            )
        self.num_examples = max(map(len, self.rows))
        if checks.count("batch_size", batch_size) > self.num_examples:
            raise UsageError(
                f"batch_size must be from 1 to {self.num_examples}, the images of the larger set, "
                f"got {batch_size}"
            )
        checks.count("seed", seed, 0)
        least = min(side for images in self.images for side in images.image_shape[:2])
        if crop is not None and checks.count("crop", crop) > least:
            raise UsageError(f"crop must be from 1 to {least}, the smallest side, got {crop}")
        self.batch_size, self.seed, self.crop = int(batch_size), int(seed), crop
        self.shuffle, self.mirror = bool(shuffle), bool(mirror)
        self.image_shape, self.image_shape_b = (
            (crop or images.image_shape[0], crop or images.image_shape[1], channels[0])
            for images in self.images
        )
        self._orders = (None, None)
        self.fingerprint = self._hash()

    def _hash(self):
        settings = self.batch_size, self.shuffle, self.mirror, self.crop, self.seed
        state = hashlib.sha256(repr(settings).encode())
        for images, rows in zip(self.images, self.rows):
            state.update(images.fingerprint.encode() + rows.tobytes())
        return state.hexdigest()

    def __getitem__(self, index):
        """A pair of float32 arrays `[batch, height, width, channels]` in [-1, 1]."""
        part = self.part(index)
        rng = np.random.default_rng([self.seed, 1, self.epoch, index])
        orders = self._of(self.epoch)
        return tuple(self._floats(images, order[part], rng) for images, order in zip(self.images, orders))

    def _floats(self, images, rows, rng):
        pixels = images.uint8(rows)
        if self.crop is not None:
            height, width = (side - self.crop + 1 for side in pixels.shape[1:3])
            tops, lefts = rng.integers(0, height, len(rows)), rng.integers(0, width, len(rows))
            pixels = np.stack(
                [image[t : t + self.crop, x : x + self.crop] for image, t, x in zip(pixels, tops, lefts)]
            )
        if self.mirror:
            flipped = rng.random(len(rows)) < 0.5
            pixels[flipped] = pixels[flipped, :, ::-1]
        floats = pixels.astype(np.float32)
        floats -= np.float32(127.5)
        floats *= np.float32(1 / 127.5)
        return floats

    def _of(self, epoch):
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, orders = self._orders
        if orders is None or known != epoch:
            rng = np.random.default_rng([self.seed, 0, epoch])
            orders = tuple(self._order(rows, rng) for rows in self.rows)
            self._orders = (epoch, orders)
        return orders

    def _order(self, rows, rng):
        times = -(-self.num_examples // len(rows))
        return np.concatenate([rng.permutation(rows) if self.shuffle else rows for _ in range(times)])


def load_unpaired(
    source_a,
    source_b,
    split="train",
    *,
    split_b=None,
    rows_a=None,
    rows_b=None,
    image_size=None,
    channels=None,
    batch_size=1,
    shuffle=True,
    mirror=False,
    crop=None,
    seed=0,
    upscale=False,
    trim=None,
):
    """Loads two sets of images for translation between them: batches (images of A, images of B).

    Images are read, cropped, resized and converted as by `load_images`: transparent ones are laid on white,
    animations count by their first frame.

    Args:
        source_a, source_b: the sets A and B, each as `source` of `load_images`.
        split: a split of A, or a slice of one: "train[:1000]".
        split_b: that of B; `None` for the same name.
        rows_a, rows_b: int arrays, the images that take part by their place in the split; default all.
        image_size: pixels, an integer or (height, width). None takes the size of A's first image for A and
            of B's for B.
        channels: 1 or 3, to which all images are converted. None takes what the first images have, and two
            sets of different channels are an error.
        batch_size: images of each set per batch, >= 1.
        shuffle: whether each epoch has orders of its own.
        mirror: whether each image is mirrored with probability 1/2.
        crop: side of a random square cut out of each image of `image_size`, which is greater; the paper loads
            286 and crops 256.
        seed: integer of at least 0 that the orders depend on.
        upscale: whether images smaller than `image_size` are enlarged, instead of being an error.
        trim: white pixels left around what an image shows; `None` keeps borders as they are. A discriminator
            that tells the sets apart by their margins teaches nothing else.

    Returns:
        `UnpairedImages`, a `keras.utils.PyDataset`.

    Raises:
        UsageError: an argument breaks its rule, or names something that does not exist.
        DataError: a set is empty or cannot be used, or the sets have different channels.
        MissingExtraError: `datasets` is not installed.

    Example:

    >>> import pathlib, tempfile, PIL.Image
    >>> folders = [pathlib.Path(tempfile.mkdtemp()) for _ in range(2)]
    >>> for number, folder in enumerate(folders):
    ...     for level in range(3 + 2 * number):
    ...         PIL.Image.new("RGB", (16, 16), (50 * level, 0, 0)).save(folder / f"{level}.png")
    >>> data = load_unpaired(*folders, batch_size=2)
    >>> len(data), [images.shape for images in data[0]]
    (2, [(2, 16, 16, 3), (2, 16, 16, 3)])
    """
    options = {"image_size": image_size, "channels": channels, "upscale": upscale, "trim": trim}
    options |= {"batch_size": 1, "shuffle": False}
    images_a = load_images(source_a, split, **options)
    images_b = load_images(source_b, split if split_b is None else split_b, **options)
    return UnpairedImages(
        images_a,
        images_b,
        rows_a,
        rows_b,
        batch_size=batch_size,
        shuffle=shuffle,
        mirror=mirror,
        crop=crop,
        seed=seed,
    )


def _rows(name, images, rows):
    if rows is None:
        return np.arange(images.num_examples)
    rows = np.asarray(rows)
    if rows.dtype.kind not in "iu" and rows.size:
        raise UsageError(f"{name} must be integers, the places of images, got {rows.dtype}")
    if rows.ndim != 1:
        raise UsageError(f"{name} must be a list of places, got an array of shape {list(rows.shape)}")
    rows = rows.astype(np.int64)
    wrong = rows[(rows < 0) | (rows >= images.num_examples)]
    if wrong.size or not rows.size:
        found = f"got {wrong[0]}" if wrong.size else "got none"
        raise UsageError(f"{name} must be at least one place from 0 to {images.num_examples - 1}, {found}")
    return rows
