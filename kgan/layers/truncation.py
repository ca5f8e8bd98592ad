"""Truncation: styles pulled towards their mean, which is tracked while the network trains."""

import keras
import numpy as np
from keras import ops

from kgan import checks
from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class Truncation(keras.layers.Layer):
    """One copy of w per layer, of which the first ones are pulled towards the mean of all w.

    Takes `[w, psi]`, w `[batch, d]` and psi `[batch]`; gives `[batch, layers, d]`, with
    `mean + psi * (w - mean)` in rows below `cutoff` and w in the others. psi = 1 changes nothing and psi = 0
    gives the mean, both exactly. `track` moves the mean. Karras et al. 2019, appendix B.

    Args:
        layers: rows, at least 1.
        cutoff: how many of them are truncated, at least 0; those that there are, if there are fewer.
        decay: of the mean, per batch, in [0, 1).
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> layer = Truncation(layers=3, cutoff=2)
        >>> rows = layer([ops.full((1, 1), 8.0), ops.full((1,), 0.5)])
        >>> [float(n) for n in ops.ravel(rows)]
        [4.0, 4.0, 8.0]
    """

    def __init__(self, layers, cutoff=8, decay=0.995, **kwargs):
        super().__init__(**kwargs)
        if not 0.0 <= decay < 1.0:
            raise UsageError(f"decay must be in [0, 1), got {decay}")
        self.layers, self.cutoff = checks.count("layers", layers), checks.count("cutoff", cutoff, 0)
        self.decay = float(decay)

    def build(self, input_shape):
        self.mean = self.add_weight(
            name="mean", shape=(input_shape[0][-1],), initializer="zeros", trainable=False, autocast=False
        )

    def track(self, w):
        """Moves the mean by a batch of w `[batch, d]`: `mean <- decay * mean + (1 - decay) * E[w]`."""
        batch = ops.cast(ops.mean(ops.stop_gradient(w), axis=0), self.mean.dtype)
        self.mean.assign(self.decay * self.mean + (1.0 - self.decay) * batch)

    def call(self, inputs):
        w, psi = inputs
        truncated = (np.arange(self.layers) < self.cutoff)[None, :, None]
        psi = ops.where(ops.convert_to_tensor(truncated), ops.cast(psi, w.dtype)[:, None, None], 1.0)
        psi = ops.cast(psi, w.dtype)
        # Not mean + psi (w - mean), which rounds at psi = 1.
        return (1.0 - psi) * ops.cast(self.mean, w.dtype) + psi * w[:, None, :]

    def compute_output_shape(self, input_shape):
        batch, dim = input_shape[0]
        return (batch, self.layers, dim)

    def get_config(self):
        own = {"layers": self.layers, "cutoff": self.cutoff, "decay": self.decay}
        return {**super().get_config(), **own}
