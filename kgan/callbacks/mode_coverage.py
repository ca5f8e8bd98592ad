"""Which modes of a mixture the generator reaches, epoch after epoch."""

import keras

from kgan import latents
from kgan.errors import UsageError
from kgan.metrics import count_modes


def draw_points(model, n, seed):
    """Points of a generator, in the units of its game and not rounded to 8 bits as samples are.

    Args:
        model: a `kgan.engine.AdversarialModel` that makes images of 1x1 with two channels.
        n: how many, >= 1.
        seed: int >= 0.

    Returns:
        float array `[n, 2]`.
    """
    return model.generate(latents.draw(model.sampling_inputs(), n, seed), batch_size=n).reshape(n, -1)


class ModeCoverage(keras.callbacks.Callback):
    """Adds two columns to the logs of each epoch: the shares of modes covered and of good points.

    Args:
        data: a `kgan.data.Gaussians`, whose centres and standard deviation count.
        n: points to judge by, >= 1.
        seed: int >= 0, seeds their latents.

    Attributes:
        result: what `kgan.metrics.count_modes` said last, or None.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> from kgan.data import gaussian_ring
    >>> ModeCoverage(gaussian_ring()).n
    10000
    """

    def __init__(self, data, n=10_000, seed=1):
        super().__init__()
        for name, value, low in (("n", n, 1), ("seed", seed, 0)):
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        self.data, self.n, self.seed = data, n, seed
        self.result = None

    def on_epoch_end(self, epoch, logs=None):
        points = draw_points(self.model, self.n, self.seed)
        self.result = count_modes(points, self.data.centers, self.data.std, weights=self.data.weights)
        if logs is not None:
            logs["modes_covered"] = self.result.covered / len(self.data.centers)
            logs["high_quality"] = self.result.high_quality
