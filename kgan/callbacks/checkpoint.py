"""Checkpoints from which a run continues as if it had never stopped."""

import hashlib
import json
import pathlib
import sys
import time

import keras
import numpy as np

from kgan import _backend
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
        self._resumed, self._damaged, self._random = None, [], []

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
            self._resumed = state
            return state
        if errors:
            raise errors[0]
        return None

    def _load(self, model, path, state):
        system = type(model).__name__
        for theirs, ours, what in (
            (state.system, system, f"a {state.system}"),
            (state.structure, _structure(model), f"a {state.system} with networks of other sizes"),
            (state.settings, self.settings, "a run with other settings"),
            (state.data, self.data, "a run on other data"),
        ):
            if None not in (theirs, ours) and theirs != ours:
                raise CheckpointError(
                    f"a checkpoint must be of this {system} and its run, {path} is of {what}"
                )
        try:
            model.load_weights(path / generations.WEIGHTS)
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(f"the checkpoint {path} does not fit this model: {error}") from error
        for variable, value in zip(_unsaved_seeds(model), state.seeds):
            variable.assign(np.array(value, variable.dtype))

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
        if self._resumed is not None and self._resumed.epoch == epoch:
            self._continue(self._resumed)
        self._resumed = None
        self._saved_batch = self.batch

    def _continue(self, state):
        self._random = [bytes.fromhex(text) for text in state.random]
        if not state.batch:
            self._restore_random()
        else:
            self.batch = self._first = state.batch
            # fit has just set the metrics to zero: the epoch's means go on from where they were.
            variables = self.model.metrics_variables
            if [np.shape(value) for value in state.metrics] != [v.shape for v in variables]:
                raise CheckpointError(f"the checkpoints in {self.folder} are of a model with other metrics")
            for variable, value in zip(variables, state.metrics):
                variable.assign(np.array(value, variable.dtype))

    def _restore_random(self):
        if self._random:
            _backend.set_random_state(self._random)
        self._random = []

    def on_train_batch_begin(self, batch, logs=None):
        self._restore_random()  # not before: torch's loader draws from the generator when an epoch begins
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
        metrics = model.metrics_variables if self.batch else ()  # an epoch begins with fresh ones
        fields = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self._step(model),
            "system": type(model).__name__,
            "structure": _structure(model),
            "settings": self.settings,
            "data": self.data,
            "metrics": [keras.ops.convert_to_numpy(v.value).tolist() for v in metrics],
            "random": [state.hex() for state in _backend.random_state()],
            "seeds": [keras.ops.convert_to_numpy(seed.value).tolist() for seed in _unsaved_seeds(model)],
        }
        generations.write(self.folder, fields, model.save_weights, generations.size_of(model))
        self._saved_batch, self._saved_time = self.batch, time.monotonic()

    @staticmethod
    def _step(model):
        return int(keras.ops.convert_to_numpy(model.optimizer.iterations.value))


def _unsaved_seeds(model):
    """The seeds of a plain Keras model: Keras saves weights only, an `AdversarialModel` its seeds as well."""
    if hasattr(model, "players"):
        return []
    return [variable for variable in model.variables if variable.name == "seed_generator_state"]


def _hash(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _structure(model):
    # Names of layers count up within a process, so only shapes and types identify a model.
    return _hash([[list(variable.shape), str(variable.dtype)] for variable in model.variables])
