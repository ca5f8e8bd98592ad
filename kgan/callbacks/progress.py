"""A progress bar for the whole run, with the time left."""

import atexit
import itertools
import sys
import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar


class Progress(keras.callbacks.Callback):
    """Shows how far the whole run is, the time left and the losses; use it with `fit(verbose=0)`.

    On a terminal it is one moving line; elsewhere it is a plain line every ten seconds or so. The time
    left counts everything that epochs cost, except the first step, which compiles.

    Args:
        epochs: epochs of the whole run, default those of `fit`.
        steps_per_epoch: steps of a whole epoch, default those of `fit`; a model whose epochs differ says so
            by `steps_of_epoch`.
        every_seconds: seconds between updates, >= 0; default 0.5 on a terminal and 10 elsewhere.
        file: where to write, default `sys.stdout`.

    Example:

    >>> import io, keras, numpy as np
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> text = io.StringIO()
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), callbacks=[Progress(file=text)], verbose=0)
    >>> text.getvalue()
    'epoch 1/1, step 1/1, 100 %, 0:00:00 left, loss 1.0000\\n'
    """

    async_safe = True

    def __init__(self, epochs=None, steps_per_epoch=None, every_seconds=None, file=None):
        super().__init__()
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self.every_seconds: Any = every_seconds
        self.file = file
        self._bar: Any = None
        self._console: Any = None
        self._begins = [0]
        self._origin: Any = None
        self._done = self._total = self._epoch = self._first = 0
        self._shown = float("-inf")
        self._losses = ""

    def on_train_begin(self, logs=None):
        if self._console is None:
            self._start()

    def _start(self):
        same = self.steps_per_epoch or self.params["steps"] or 0
        self._epochs = self.epochs or self.params["epochs"]
        steps = getattr(self.model, "steps_of_epoch", lambda epoch: same)
        # Where each epoch begins, and where the last one ends.
        self._begins = [0, *itertools.accumulate(steps(epoch) for epoch in range(self._epochs))]
        self._total = self._begins[-1]
        self._console = Console(file=self.file or sys.stdout)
        if self.every_seconds is None:
            self.every_seconds = 0.5 if self._console.is_terminal else 10.0
        if self._console.is_terminal:
            columns = (
                TextColumn("epoch {task.fields[epoch]}"),
                BarColumn(30),
                TextColumn("{task.fields[text]}"),
            )
            self._bar = Bar(*columns, console=self._console, auto_refresh=False)
            self._task = self._bar.add_task("", total=self._total, epoch="", text="")
            self._bar.start()
            atexit.register(self.close)  # an exception in fit would leave the terminal without a cursor
        else:
            self._shown = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        # A run that resumes within an epoch has a first epoch that is shorter.
        whole = self._begins[epoch + 1] - self._begins[epoch]
        self._first = max(0, whole - (self.params["steps"] or 0))

    def on_train_batch_begin(self, batch, logs=None):
        self._done = self._begins[self._epoch] + self._first + batch
        if batch and self._origin is None:
            self._origin = self._done, time.monotonic()
        if time.monotonic() - self._shown >= self.every_seconds:
            # Reading the losses waits for the device: at this interval only.
            if batch:  # else the means of the new epoch are still empty
                self._read(self.model.get_metrics_result())
            self._show()

    def on_epoch_end(self, epoch, logs=None):
        self._done = self._begins[epoch + 1]
        self._read(logs or {})
        if self._done == self._total or time.monotonic() - self._shown >= self.every_seconds:
            self._show()

    def on_train_end(self, logs=None):
        if self._epoch + 1 == self._epochs:
            self.close()

    def close(self):
        """Ends the bar and gives the terminal back; may be called more than once."""
        if self._bar is not None:
            self._bar.stop()
            atexit.unregister(self.close)
        self._bar = self._console = self._origin = None

    def seconds_left(self):
        """The time left in seconds, or `None` before there is anything to judge by."""
        if self._done >= self._total:
            return 0.0
        if self._origin is None or self._done <= self._origin[0]:
            return None
        done, start = self._origin
        return (time.monotonic() - start) / (self._done - done) * (self._total - self._done)

    def _read(self, logs):
        self._losses = "".join(f", {name} {float(value):.4f}" for name, value in logs.items())

    def _show(self):
        self._shown = time.monotonic()
        left = self.seconds_left()
        left = "--:--" if left is None else _clock(left)
        epoch = f"{self._epoch + 1}/{self._epochs}"
        if self._bar is not None:
            text = f"{_share(self._done, self._total)}, {left} left{self._losses}"
            self._bar.update(self._task, completed=self._done, epoch=epoch, text=text)
            self._bar.refresh()
        else:
            share = f"step {self._done}/{self._total}, {_share(self._done, self._total)}"
            print(f"epoch {epoch}, {share}, {left} left{self._losses}", file=self._console.file, flush=True)


def _share(done, total):
    return f"{100 * done // total if total else 0} %"


def _clock(seconds):
    seconds = round(seconds)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
