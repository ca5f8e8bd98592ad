"""The pool of earlier fakes that a discriminator is also shown."""

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.layers.seeds import seed_generator


@keras.saving.register_keras_serializable("kgan")
class ImagePool(keras.layers.Layer):
    """Keeps earlier images and gives back, for each new one, either itself or an old one.

    Until the pool is full each image is stored and returned. Then, with probability 1/2, a new image is
    returned as it is; otherwise it takes the place of a random stored image, which is returned. The images
    are the layer's saved state, so that a resumed training sees the same ones.

    Args:
        capacity: images kept, int >= 0; 0 returns every image as it is.
        seed: int >= 0 of the draws.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: `capacity` is out of range.

    Reference: Shrivastava et al., Learning from Simulated and Unsupervised Images through Adversarial
    Training, 2016; capacity 50 in Zhu et al., 2017.

    Example:
        >>> pool = ImagePool(capacity=50)
        >>> pool.build((None, 8, 8, 3))
        >>> tuple(pool.query(ops.zeros((2, 8, 8, 3))).shape), int(pool.stored)
        ((2, 8, 8, 3), 2)
    """

    def __init__(self, capacity=50, seed=0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 0:
            raise UsageError(f"capacity must be an integer of at least 0, got {capacity!r}")
        self.capacity, self.seed = capacity, int(seed)
        self.seed_generator = seed_generator(self.seed)
        self.images = self.stored = None

    def build(self, input_shape):
        if self.capacity:
            shape = (self.capacity, *input_shape[1:])
            state = {"initializer": "zeros", "trainable": False, "autocast": False}
            self.images = self.add_weight(name="images", shape=shape, **state)
            self.stored = self.add_weight(name="stored", shape=(), dtype="int32", **state)

    def query(self, images):
        """Exchanges a batch with the pool, one image after the other.

        Args:
            images: `[batch, height, width, channels]`.

        Returns:
            As many images; no gradient reaches those that went in.
        """
        images = ops.stop_gradient(images)
        if not self.capacity:
            return images
        count = ops.shape(images)[0]
        stored = ops.convert_to_tensor(self.stored)
        kept = keras.random.uniform((count,), seed=self.seed_generator) < 0.5
        drawn = keras.random.randint((count,), 0, self.capacity, seed=self.seed_generator)
        place = stored + ops.arange(count, dtype="int32")
        filling = place < self.capacity
        slots = ops.where(filling, place, drawn)
        enters = ops.logical_or(filling, ops.logical_not(kept))
        returned, occupants = self._exchange(slots, enters, filling, count)
        # Numbers below `capacity` mean the images that were stored before, the others the new ones.
        known = ops.concatenate([ops.convert_to_tensor(self.images), ops.cast(images, self.images.dtype)])
        self.images.assign(ops.take(known, occupants, axis=0))
        self.stored.assign(ops.minimum(stored + count, self.capacity))
        return ops.cast(ops.take(known, returned, axis=0), images.dtype)

    def _exchange(self, slots, enters, filling, count):
        """Plays the batch's queries one by one on image numbers, which are quicker to move than images."""
        own = self.capacity + ops.arange(count, dtype="int32")

        def one(i, state):
            returned, occupants = state
            slot = ops.take(slots, i)
            old = ops.take(occupants, slot)
            new = ops.take(own, i)
            here = ops.arange(self.capacity, dtype="int32") == slot
            occupants = ops.where(ops.logical_and(here, ops.take(enters, i)), new, occupants)
            swapped = ops.logical_and(ops.take(enters, i), ops.logical_not(ops.take(filling, i)))
            mine = ops.arange(count, dtype="int32") == i
            return ops.where(ops.logical_and(mine, swapped), old, returned), occupants

        return ops.fori_loop(0, count, one, (own, ops.arange(self.capacity, dtype="int32")))

    def get_config(self):
        return {**super().get_config(), "capacity": self.capacity, "seed": self.seed}
