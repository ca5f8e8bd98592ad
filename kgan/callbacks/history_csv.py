"""The losses of each epoch as a table and as a picture."""

import csv
import pathlib
import time
from typing import Any

import keras

from kgan.files import replacing
from kgan.pictures import loss_curve


class HistoryCSV(keras.callbacks.Callback):
    """Writes the logs of each epoch to a CSV file, and the loss curve beside it.

    The first column, `epoch`, counts finished epochs. A run that starts at `initial_epoch` keeps the rows
    up to it, so a resumed run ends with the same file as one that was never stopped.

    Args:
        path: the table, such as `history.csv`; it is replaced as a whole after each epoch.
        curve: the picture's file, default `loss.png` beside the table; `False` for none.

    Example:

    >>> import keras, numpy as np, pathlib, tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.csv"
    >>> _ = model.fit(np.ones((4, 2)), np.ones(4), callbacks=[HistoryCSV(path)], verbose=0)
    >>> path.read_text()
    'epoch,loss\\n1,1.0\\n'
    """

    def __init__(self, path, curve=None):
        super().__init__()
        self.path = pathlib.Path(path)
        self.curve = self.path.with_name("loss.png") if curve is None else curve
        self._rows: Any = None
        self._drawn, self._cost = float("-inf"), 0.0

    def on_train_begin(self, logs=None):
        self._rows = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._rows is None:
            self._rows = self._kept(epoch)

    def _kept(self, epochs):
        if not self.path.exists():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if str(row.get("epoch")).isdigit()]
        return [row for row in rows if int(row["epoch"]) <= epochs]

    def on_epoch_end(self, epoch, logs=None):
        self._rows.append({"epoch": epoch + 1, **(logs or {})})
        columns = list(dict.fromkeys(name for row in self._rows for name in row))
        with replacing(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            table.writeheader()
            table.writerows(self._rows)
        # Drawing may cost more than an epoch: it gets a twentieth of the time, and the last word.
        due = time.monotonic() - self._drawn > 20 * self._cost
        if self.curve and (due or epoch + 1 == self.params.get("epochs")):
            start = time.monotonic()
            loss_curve(self.path, self.curve)
            self._drawn = time.monotonic()
            self._cost = self._drawn - start
