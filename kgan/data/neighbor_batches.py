"""Batches for instance-conditioned training: an instance's features, a neighbour of it as the real image."""

import hashlib

import numpy as np

from kgan.data.epoch_batches import EpochBatches
from kgan.errors import UsageError


class NeighborBatches(EpochBatches):
    """Pairs of instance features h_i and a real image x_j, j among the k nearest neighbours of i.

    Fakes get an independent draw of i (and of j for the label). Batch b of epoch e is a function of
    (seed, e, b) and nothing else. The instance itself is never the real image: that would teach copying.

    Args:
        images: `kgan.data.Images`; its `batch_size` is that of the batches.
        store: `kgan.data.FeatureStore` of these images.
        k: neighbours of each instance, from 1 to n - 1.
        labels: whether batches carry the neighbour's class y_j, for a class-conditional game.
        mirror: whether real images are mirrored with probability 1/2.
        augment_features: whether instances have the features of their mirrored image with probability 1/2,
            independently of `mirror`; the store must hold them.
        class_balance: for long-tailed classes: draw the class first, then an image of it as the real one,
            then an instance among that image's neighbours.
        seed: int of at least 0.

    Attributes:
        image_shape, num_examples, class_names: those of `images`.
        labels: int array, the classes of the images, or `None` where batches carry none.
        fingerprint: hash of the images, the features and all settings.

    Raises:
        UsageError: an argument breaks its rule.
        DataError: the store is of other images.

    Reference: Casanova et al., Instance-Conditioned GAN, 2021, section 3.

    Example: `model.fit(NeighborBatches(images, FeatureStore.build(images, extractor), k=20), epochs=10)`.
    """

    def __init__(
        self,
        images,
        store,
        k,
        *,
        labels=False,
        mirror=True,
        augment_features=False,
        class_balance=False,
        seed=0,
    ):
        super().__init__()
        store.check(images=images)
        if (labels or class_balance) and images.labels is None:
            raise UsageError("labels and class_balance need images with labels: load them with label=COLUMN")
        if augment_features and store.mirrored is None:
            raise UsageError(
                "augment_features needs a store with mirrored features: build(..., mirrored=True)"
            )
        if seed < 0:
            raise UsageError(f"seed must be at least 0, got {seed}")
        self.images, self.store, self.k, self.seed = images, store, int(k), int(seed)
        self.labels, self.mirror = images.labels if labels else None, bool(mirror)
        self.augment_features, self.class_balance = bool(augment_features), bool(class_balance)
        self.neighbors, _ = store.neighbors(k)
        self.batch_size, self.image_shape = images.batch_size, images.image_shape
        self.num_examples, self.class_names = images.num_examples, images.class_names
        self._classes = _rows_by_class(images.labels) if class_balance else None
        self._order = (None, None)
        state = hashlib.sha256(images.fingerprint.encode())
        settings = (store.extractor, self.k, bool(labels), self.mirror, augment_features, class_balance, seed)
        state.update(repr(settings).encode() + store.features.tobytes())
        self.fingerprint = state.hexdigest()

    def __getitem__(self, index):
        """A dict of arrays with the batch as first axis.

        `"images"` float32 in [-1, 1], `"instance"` and `"fake_instance"` unit vectors, and with labels
        `"label"` and `"fake_label"` int32.
        """
        part = self.part(index)
        rng = np.random.default_rng([self.seed, 1, self.epoch, index])
        instance, real = self._pairs(part, rng)
        fake_instance, fake_real = self._pairs(None, rng)
        batch = {
            "images": self._pixels(real, rng),
            "instance": self._features(instance, rng),
            "fake_instance": self._features(fake_instance, rng),
        }
        if self.labels is not None:
            batch |= {"label": self.labels[real], "fake_label": self.labels[fake_real]}
        return batch

    def _pairs(self, part, rng):
        """Places of instances and of neighbours; `part` is the reals' in the order, `None` for fakes."""
        count = self.batch_size
        if self._classes is not None:
            chosen = rng.integers(0, len(self._classes), count)
            real = np.array([self._classes[c][rng.integers(0, len(self._classes[c]))] for c in chosen])
            return self._neighbor(real, rng), real
        if part is None:
            instance = rng.integers(0, self.num_examples, count)
        else:  # each epoch shows every instance once
            instance = self._of(self.epoch)[part]
        return instance, self._neighbor(instance, rng)

    def _neighbor(self, rows, rng):
        return self.neighbors[rows, rng.integers(0, self.k, len(rows))]

    def _features(self, rows, rng):
        features = self.store.features[rows]
        if self.augment_features:
            flipped = rng.random(len(rows)) < 0.5
            features[flipped] = self.store.mirrored[rows[flipped]]
        return features

    def _pixels(self, rows, rng):
        pixels = self.images.uint8(rows).astype(np.float32)
        pixels -= np.float32(127.5)
        pixels *= np.float32(1 / 127.5)
        if self.mirror:
            flipped = rng.random(len(rows)) < 0.5
            pixels[flipped] = pixels[flipped, :, ::-1]
        return pixels

    def _of(self, epoch):
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, order = self._order
        if order is None or known != epoch:
            order = np.random.default_rng([self.seed, 0, epoch]).permutation(self.num_examples)
            self._order = (epoch, order)
        return order


def _rows_by_class(labels):
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]
