"""Learning-rate schedules for single players."""

import math

import keras

from kgan.errors import UsageError


class PlayerSchedule(keras.callbacks.Callback):
    """Sets the learning rate of one player before each epoch and leaves the others alone.

    Args:
        player: the player's name, such as `"discriminator"`.
        schedule: called with the epoch, counted from 0; returns the learning rate, finite and >= 0.

    Raises:
        UsageError: when training begins, if the model has no such player; before an epoch, if the
            schedule returns something else or the player's optimizer has a schedule of its own.

    Example:

    >>> PlayerSchedule("generator", lambda epoch: 2e-4 * 0.99**epoch).player
    'generator'
    """

    def __init__(self, player, schedule):
        super().__init__()
        self.player, self.schedule = player, schedule

    def on_train_begin(self, logs=None):
        players = getattr(self.model.optimizer, "players", {})
        if self.player not in players:
            raise UsageError(f"player must be one of {', '.join(players) or 'none'}, got {self.player!r}")

    def on_epoch_begin(self, epoch, logs=None):
        rate = self.schedule(epoch)
        if not isinstance(rate, int | float) or not math.isfinite(rate) or rate < 0:
            raise UsageError(
                f"the learning rate of {self.player} must be a finite number >= 0, "
                f"got {rate!r} for epoch {epoch}"
            )
        try:
            self.model.optimizer.players[self.player].learning_rate = rate
        except TypeError as error:  # Keras refuses where a LearningRateSchedule is at work
            raise UsageError(
                f"the optimizer of {self.player} must have a plain learning rate, got a schedule of its own"
            ) from error
