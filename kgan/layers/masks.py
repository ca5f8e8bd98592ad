"""Random masks of images, and the completion of an image under a mask."""

import keras
from keras import ops

from kgan.errors import UsageError

MASK_KINDS = ("half", "box", "pixels")


def random_masks(shape, seed, kinds=MASK_KINDS):
    """Draw masks of images, 1 where a pixel is seen and 0 where it is hidden, one kind per image.

    `"half"` hides the left, right, upper or lower half; `"box"` a box of a quarter to three quarters of each
    side; `"pixels"` all but a share of 5 % to 50 % of single pixels.

    Args:
        shape: `(batch, height, width, channels)` of the images.
        seed: `keras.random.SeedGenerator`, or an int to draw the same masks at each call.
        kinds: some of `"half"`, `"box"`, `"pixels"`, each as likely as the others.

    Returns:
        float32 tensor `[batch, height, width, 1]`.

    Raises:
        UsageError: an unknown kind, or none.

    Example:
        >>> mask = random_masks((2, 8, 8, 3), seed=0, kinds=("half",))
        >>> [int(n) for n in ops.sum(mask, axis=(1, 2, 3))]
        [32, 32]
    """
    kinds = tuple(kinds)
    if not kinds or set(kinds) - set(MASK_KINDS):
        raise UsageError(f"kinds of masks must be some of {', '.join(MASK_KINDS)}, got {list(kinds)}")
    count, height, width = shape[:3]
    u = keras.random.uniform((count, 6), dtype="float32", seed=seed)
    u = [ops.reshape(u[:, place], (-1, 1, 1, 1)) for place in range(6)]
    rows = ops.reshape((ops.arange(height, dtype="float32") + 0.5) / height, (1, -1, 1, 1))
    columns = ops.reshape((ops.arange(width, dtype="float32") + 0.5) / width, (1, 1, -1, 1))
    noise = keras.random.uniform((count, height, width, 1), dtype="float32", seed=seed)
    seen = {
        "half": _half(u[1], rows, columns),
        "box": _outside_box(u[1:5], rows, columns),
        "pixels": noise < 0.05 + 0.45 * u[1],
    }
    chosen = ops.floor(u[0] * len(kinds))
    masks = [
        ops.logical_and(ops.equal(ops.minimum(chosen, len(kinds) - 1), place), seen[kind])
        for place, kind in enumerate(kinds)
    ]
    return sum(ops.cast(mask, "float32") for mask in masks)


def _half(u, rows, columns):
    # One direction for each quarter of [0, 1).
    along = ops.where(u < 0.5, rows, columns) - 0.5
    sign = ops.where(ops.equal(ops.floor(u * 4.0) % 2.0, 0.0), 1.0, -1.0)
    return along * sign > 0


def _outside_box(u, rows, columns):
    inside = []
    for size, place, axis in ((u[0], u[1], rows), (u[2], u[3], columns)):
        side = 0.25 + 0.5 * size
        start = place * (1.0 - side)
        inside.append(ops.logical_and(axis >= start, axis < start + side))
    return ops.logical_not(ops.logical_and(*inside))


@keras.saving.register_keras_serializable("kgan")
class Complete(keras.layers.Layer):
    """The image `m * x + (1 - m) * made`: seen pixels as they are, hidden ones as a network makes them.

    Inputs are `[made, x, m]`: two images `[batch, height, width, channels]` and a mask of one channel with
    1 where a pixel is seen. Goodfellow et al. 2014, section 7.

    Args:
        **kwargs: arguments of `keras.layers.Layer`.

    Example:
        >>> made, x, m = ops.zeros((1, 2, 2, 1)), ops.ones((1, 2, 2, 1)), ops.ones((1, 2, 2, 1))
        >>> float(ops.sum(Complete()([made, x, m])))
        4.0
    """

    def build(self, input_shape):
        pass

    def call(self, inputs):
        made, seen, mask = inputs
        return mask * seen + (1.0 - mask) * made

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])
