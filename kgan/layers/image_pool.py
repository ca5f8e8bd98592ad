"""The pool of earlier fakes that a discriminator is also shown."""

import keras
from keras import ops

from kgan import _backend
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
        turn = ops.arange(count, dtype="int32")
        place = stored + turn
        filling = place < self.capacity
        slots = ops.where(filling, place, drawn)
        numbers = self._exchange(slots, filling | ~kept, filling, turn)
        old = ops.take(self.images, numbers % self.capacity, axis=0)
        new = ops.take(images, (numbers - self.capacity) % count, axis=0)
        found = ops.where((numbers < self.capacity)[:, None, None, None], old, ops.cast(new, old.dtype))
        # Images that share a slot all write what stays in it; the rest of the pool is left where it is.
        _backend.put_rows(self.images, slots, found[count:])
        self.stored.assign(ops.minimum(stored + count, self.capacity))
        return ops.cast(found[:count], images.dtype)

    def _exchange(self, slots, enters, filling, turn):
        """The images that come back, and then those that are in their slots after the whole batch.

        A number below `capacity` is that of a stored image, the others are the new ones.
        """
        own = self.capacity + turn
        # Where image j enters the slot of image i: the latest has the greatest number.
        entered = ops.where((slots[:, None] == slots) & enters, own, -1)
        earlier = ops.where(turn[:, None] > turn, entered, -1)
        before, after = (ops.maximum(ops.max(one, axis=1), slots) for one in (earlier, entered))
        return ops.concatenate([ops.where(enters & ~filling, before, own), after])

    def get_config(self):
        return {**super().get_config(), "capacity": self.capacity, "seed": self.seed}
