"""Dropout that always has a seed."""

import keras

from kgan.layers.seeds import spread_seed


@keras.saving.register_keras_serializable("kgan")
class Dropout(keras.layers.Dropout):
    """`keras.layers.Dropout` whose seed is required, and spread so that neighbouring seeds do not overlap.

    Without a seed, torch draws from its global generator, which no checkpoint holds: a resumed run would
    differ. Kept values are divided by `1 - rate`.

    Args:
        rate: share of values set to 0 in training, in [0, 1].
        seed: int of at least 0, another one for each layer.
        noise_shape: shape of the mask, broadcast to the input; None for the input's own.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: a seed that is not an int of at least 0.

    Example:
        >>> layer = Dropout(0.5, seed=3)
        >>> layer.get_config()["seed"]
        3
    """

    def __init__(self, rate, seed, noise_shape=None, **kwargs):
        super().__init__(rate, noise_shape=noise_shape, seed=spread_seed(seed), **kwargs)
        self.seed = int(seed)
