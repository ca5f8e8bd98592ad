"""Seeds that give unrelated streams on every backend."""

import keras
import numpy as np

from kgan.errors import UsageError


def spread_seed(seed, stream=0):
    """Hash a seed, so that neighbouring seeds are far apart.

    On torch a `SeedGenerator` adds its seed and its count of draws: with seeds 7 and 8 the second draw of
    one is the first draw of the other.

    Args:
        seed: int of at least 0.
        stream: int of at least 0; one seed serves several purposes with one stream each.

    Returns:
        An int in [0, 2**31).

    Raises:
        UsageError: anything but ints of at least 0.

    Example:
        >>> abs(spread_seed(7) - spread_seed(8)) > 1_000_000
        True
    """
    for name, value in (("seed", seed), ("stream", stream)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise UsageError(f"{name} must be an integer of at least 0, got {value!r}")
    state = np.random.SeedSequence([int(seed), int(stream)]).generate_state(1, np.uint32)
    return int(state[0]) >> 1  # torch keeps seeds as int32


def seed_generator(seed, stream=0, name=None):
    """A `keras.random.SeedGenerator` on a spread seed.

    Args:
        seed: int of at least 0.
        stream: int of at least 0; see `spread_seed`.
        name: name of the generator.

    Raises:
        UsageError: anything but ints of at least 0.

    Example:
        >>> noise = keras.random.normal((2, 3), seed=seed_generator(0))
    """
    return keras.random.SeedGenerator(spread_seed(seed, stream), name=name)
