"""Three digits as the channels of one image: 1,000 classes from ten."""

import hashlib

import numpy as np

from kgan.data.epoch_batches import EpochBatches
from kgan.errors import UsageError


class StackedDigits(EpochBatches):
    """Images whose three channels are grey images drawn at random, others in each epoch.

    Of MNIST this is the data set of 1,000 modes on which missing modes are counted: the class of an image is
    100 r + 10 g + b. Batch i of epoch e is a function of (seed, e, i) and the source.

    Args:
        source: a `kgan.data.Images` of one channel.
        num_examples: images of an epoch.
        batch_size: images per batch, from 1 to `num_examples`.
        seed: int >= 0.

    Attributes:
        image_shape: (height, width, 3).
        fingerprint: hash of the source and the arguments.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Metz et al., Unrolled Generative Adversarial Networks, 2017, section 3.3.1.

    Example:

    >>> import pathlib, tempfile, PIL.Image
    >>> from kgan.data import load_images
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> PIL.Image.new("L", (8, 8), 255).save(folder / "one.png")
    >>> data = StackedDigits(load_images(folder, batch_size=1), num_examples=4, batch_size=2)
    >>> data[0].shape, data[0].max()
    ((2, 8, 8, 3), np.float32(1.0))
    """

    def __init__(self, source, *, num_examples=60_000, batch_size=64, seed=0):
        super().__init__()
        if source.image_shape[-1] != 1:
            raise UsageError(f"source must be images of 1 channel, got {source.image_shape[-1]}")
        for name, value, low in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        if num_examples < batch_size:
            raise UsageError(f"num_examples must be at least batch_size, {batch_size}, got {num_examples}")
        self.source, self.num_examples = source, num_examples
        self.batch_size, self.seed = batch_size, seed
        self.image_shape = (*source.image_shape[:2], 3)
        self._drawn = (None, None)
        about = f"{source.fingerprint},{num_examples},{batch_size},{seed}"
        self.fingerprint = hashlib.sha256(about.encode()).hexdigest()

    def __getitem__(self, index):
        rows = self.rows(self.epoch)[self.part(index)]
        images = self.source.uint8(rows.ravel()).reshape(len(rows), 3, *self.image_shape[:2])
        return images.transpose(0, 2, 3, 1).astype("float32") / np.float32(127.5) - np.float32(1.0)

    def rows(self, epoch):
        """Which images of the source are the channels of an epoch's images, int64 `[num_examples, 3]`."""
        # Read and replaced as one object: on TensorFlow batches are drawn in another thread.
        known, rows = self._drawn
        if rows is None or known != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            rows = rng.integers(0, self.source.num_examples, (self.num_examples, 3))
            self._drawn = (epoch, rows)
        return rows
