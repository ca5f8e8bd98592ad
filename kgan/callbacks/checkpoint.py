"""Checkpoints from which a run continues as if it had never stopped."""

import hashlib
import json
import pathlib
import sys
import time

import keras

from kgan.callbacks import generations
from kgan.callbacks.stop_on_non_finite import raise_if_non_finite
from kgan.errors import CheckpointError, UsageError


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizers, averages, seeds and metrics after every epoch, and within epochs.

    A checkpoint appears whole or not at all, and the last two are kept, so a kill at any moment and a
    full disk leave one to continue from. `restore` checks it by SHA-256 and takes the one before when it
    is damaged.

    Args:
        folder: where checkpoints are; it is created.
        every_steps: train steps between checkpoints within an epoch, >= 1, or `None`.
        every_seconds: seconds between checkpoints within an epoch, >= 0, or `None`.
        settings: a JSON-able description of the run, compared by `restore`, or `None`.
        data: the data set, whose `fingerprint` is compared by `restore`, or `None`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import keras, numpy as np, pathlib, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> checkpoint = Checkpoint(pathlib.Path(tempfile.mkdtemp()) / "checkpoint")
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), callbacks=[checkpoint], verbose=0)
    >>> checkpoint.restore(model).epoch
    1
    """

    # No hook at the end of a batch: Keras would read the losses back from the device for it every step.
    async_safe = True

    def __init__(self, folder, every_steps=None, every_seconds=None, *, settings=None, data=None):
        super().__init__()
        if every_steps is not None and every_steps < 1:
            raise UsageError(f"every_steps must be at least 1, got {every_steps}")
        if every_seconds is not None and every_seconds < 0:
            raise UsageError(f"every_seconds must be at least 0, got {every_seconds}")
        self.folder = pathlib.Path(folder)
        self.every_steps, self.every_seconds = every_steps, every_seconds
        self.settings = None if settings is None else _hash(settings)
        self.data = getattr(data, "fingerprint", None)
        self.epoch = self.batch = self._first = 0
        self._saved_batch, self._saved_time = 0, time.monotonic()
        self._resumed, self._damaged = None, []

    def restore(self, model):
        """Loads the newest good checkpoint into a compiled model of the same kind.

        Args:
            model: the model to be trained on.

        Returns:
            A `State` whose `epoch` and `batch` say where to continue, or `None` when there is no checkpoint.

        Raises:
            CheckpointError: all checkpoints are damaged, or they are of another model, run or data set.
        """
        found = generations.listed(self.folder)
        errors = []
        for path in found:
            try:
                state = generations.read(path)
            except CheckpointError as error:
                errors.append(error)
                continue
            self._load(model, path, state)
            for error in errors:
                print(f"kgan: {error}; continuing from {path}", file=sys.stderr)
            self._damaged = found[: len(errors)]
            self._resumed = state, [keras.ops.convert_to_numpy(v.value) for v in model.metrics_variables]
            return state
        if errors:
            raise errors[0]
        return None

    def _load(self, model, path, state):
        ours = {
            "system": type(model).__name__,
            "structure": _structure(model),
            "settings": self.settings,
            "data": self.data,
        }
        for name, value in ours.items():
            theirs = getattr(state, name)
            if None not in (value, theirs) and value != theirs:
                what = {"system": f"of a {theirs}", "structure": f"of a {theirs} of other sizes"}
                raise CheckpointError(
                    f"the checkpoint {path} must be of this {ours['system']} and its {name}, "
                    f"it is {what.get(name, f'of other {name}')}"
                )
        try:
            model.load_weights(path / generations.WEIGHTS)
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"the checkpoint {path} does not fit this model: {error}") from error

    def newest_step(self):
        """The train step of the newest checkpoint, good or damaged, or -1 when there is none."""
        found = generations.listed(self.folder)
        return generations.step_of(found[0]) if found else -1

    def on_train_begin(self, logs=None):
        for path in self._damaged:
            generations.set_aside(path)
        self._damaged = []
        found = generations.listed(self.folder)
        step = self._step(self.model)
        if found and generations.step_of(found[0]) != step:
            raise UsageError(
                f"the checkpoint folder must be empty or be continued by restore(model), "
                f"got {found[0]} and a model at step {step}"
            )

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.batch, self._first = epoch, 0, 0
        if self._resumed is not None and self._resumed[0].epoch == epoch:
            state, metrics = self._resumed
            self.batch = self._first = state.batch
            # fit has just set the metrics to zero: the epoch's means go on from where they were.
            for variable, value in zip(self.model.metrics_variables, metrics, strict=True):
                variable.assign(value)
        self._resumed = None
        self._saved_batch = self.batch

    def on_train_batch_begin(self, batch, logs=None):
        self.batch = self._first + batch
        steps = self.batch - self._saved_batch
        enough = self.every_steps is not None and steps >= self.every_steps
        seconds = time.monotonic() - self._saved_time
        if steps and (enough or (self.every_seconds is not None and seconds >= self.every_seconds)):
            self.save()

    def on_epoch_end(self, epoch, logs=None):
        self.epoch, self.batch = epoch + 1, 0
        self.save()

    def save(self):
        """Writes a checkpoint of the present step.

        Raises:
            CheckpointError: it could not be written; the earlier ones are as they were.
            NonFiniteLossError: a loss became NaN or infinite, so nothing is written.
        """
        model = self.model
        raise_if_non_finite(model, self.folder)
        fields = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self._step(model),
            "system": type(model).__name__,
            "structure": _structure(model),
            "settings": self.settings,
            "data": self.data,
        }
        generations.write(self.folder, fields, model.save_weights)
        self._saved_batch, self._saved_time = self.batch, time.monotonic()

    @staticmethod
    def _step(model):
        return int(keras.ops.convert_to_numpy(model.optimizer.iterations.value))


def _hash(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _structure(model):
    # Names of layers count up within a process, so only shapes and types identify a model.
    return _hash([[list(variable.shape), str(variable.dtype)] for variable in model.variables])
