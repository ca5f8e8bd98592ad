"""Whether one condition has many images: the spread of samples over the noise."""

import keras
import numpy as np

from kgan.errors import UsageError


class Spread(keras.callbacks.Callback):
    """Adds `spread` to the logs: how far samples of one condition lie apart, by the noise alone.

    It is the standard deviation of a pixel over samples of the same condition, in units of the whole grey
    scale, averaged over conditions and pixels (those under a mask only). Near 0 the generator ignores its
    noise, and makes one answer where many are right. The conditions are the classes, or the model's bank.

    Args:
        samples: samples of each condition, >= 2.
        conditions: conditions that are looked at, >= 1; at most as many as there are.
        every_epochs: epochs between measurements, >= 1; the last epoch always has one.
        seed: int >= 0, seeds the noise.

    Raises:
        UsageError: an argument breaks its rule, or the model has neither classes nor a bank.

    Example:

    >>> Spread(samples=4).conditions
    16
    """

    def __init__(self, samples=8, conditions=16, every_epochs=1, seed=1):
        super().__init__()
        limits = (("samples", samples, 2), ("conditions", conditions, 1), ("every_epochs", every_epochs, 1))
        for name, value, low in limits:
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        self.samples, self.conditions = samples, conditions
        self.every_epochs, self.seed = every_epochs, seed

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_epochs and epoch + 1 != self.params.get("epochs"):
            return
        if logs is not None:
            logs["spread"] = self.measure(self.model)

    def measure(self, model):
        """The spread of a model, a float."""
        given = {name: rows[: self.conditions] for name, rows in model.banks().items()}
        for spec in model.sampling_inputs():
            if spec.num_classes and not given:
                given[spec.name] = np.arange(min(spec.num_classes, self.conditions))
        if not given:
            raise UsageError("spread needs a model with classes or a bank of conditions, this one has none")
        count = len(next(iter(given.values())))
        repeated = {name: np.repeat(rows, self.samples, axis=0) for name, rows in given.items()}
        images = model.sample(count * self.samples, seed=self.seed, **repeated).astype(np.float64)
        deviation = images.reshape(count, self.samples, *model.image_shape).std(axis=1)
        deviation /= 255.0 if len(model.image_shape) == 3 else 1.0
        hidden = np.ones_like(deviation)
        if "mask" in given:
            hidden = hidden * (given["mask"] == 0)
        return float((deviation * hidden).sum() / max(hidden.sum(), 1.0))
