"""Ends training when a loss became NaN or infinite."""

import keras

from kgan.callbacks import generations
from kgan.errors import NonFiniteLossError, UsageError


def raise_if_non_finite(model, checkpoints=None):
    """Raises if a loss of an adversarial model was not finite at some step.

    Args:
        model: a model with `first_non_finite() -> (player, step) or None`; others pass.
        checkpoints: the folder of the run's checkpoints, or `None`.

    Raises:
        NonFiniteLossError: the message names the player, the step and the last good checkpoint.
    """
    found = model.first_non_finite() if hasattr(model, "first_non_finite") else None
    if found is not None:
        player, step = found
        raise NonFiniteLossError(
            f"the {player}'s loss became NaN or infinite at step {step}; "
            f"the last good checkpoint: {generations.newest(checkpoints)}"
        )


class StopOnNonFinite(keras.callbacks.Callback):
    """Ends training when a loss became NaN or infinite, instead of training on.

    The model notes the step by itself; this callback looks every `every_steps` steps, because looking
    waits for the device, and at the end of each epoch. `Checkpoint` looks before it writes.

    Args:
        every_steps: train steps between looks, >= 1.
        checkpoints: the folder of the run's checkpoints, named in the message, or `None`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> StopOnNonFinite(every_steps=50).every_steps
    50
    """

    async_safe = True

    def __init__(self, every_steps=100, checkpoints=None):
        super().__init__()
        if every_steps < 1:
            raise UsageError(f"every_steps must be at least 1, got {every_steps}")
        self.every_steps, self.checkpoints = every_steps, checkpoints
        self._steps = 0

    def on_train_batch_begin(self, batch, logs=None):
        self._steps += 1
        if self._steps % self.every_steps == 0:
            raise_if_non_finite(self.model, self.checkpoints)

    def on_epoch_end(self, epoch, logs=None):
        raise_if_non_finite(self.model, self.checkpoints)
