"""Scores while a model trains: as a table, as a curve, in the logs, and the best model kept."""

import csv
import math
import pathlib
from typing import Any

import keras

from kgan.callbacks.score_curve import score_curve
from kgan.errors import UsageError
from kgan.files import replacing
from kgan.metrics import chosen_metrics
from kgan.metrics import evaluate as measure

# What is better when it is higher; of a distance, less is better.
_HIGHER = ("inception_score", "precision", "recall", "density", "coverage", "parzen", "memorization_ratio")


class Evaluate(keras.callbacks.Callback):
    """Scores a generator every so many images shown, and keeps the best model.

    Writes `scores.csv`, `scores.png` and `best.keras` into the folder and puts the last scores into the logs
    of each epoch, so that `EarlyStopping(monitor="fid[fashion_mnist]")` after it in the list of callbacks
    works. It draws nothing from the training's random numbers: training is the same with and without it. A
    run that resumes goes on with the table and the best so far.

    Args:
        data: real images, see `kgan.metrics.evaluate`.
        metrics: names of metrics, or functions without arguments that make the one-pass objects: each
            evaluation needs new ones.
        every_images: training images shown between evaluations, >= 1; the end of the training has one too.
        n: number of samples, >= 1.
        batch_size: images of a training step; default that of `data`.
        extractor: a feature network; default the one that ships with kgan, for 28x28 grey images.
        real_n: number of real images, default all.
        seed: int >= 0.
        best: the score that chooses `best.keras`, such as `"fid"`, or `None` to keep none.
        folder: where the files go; under `kgan run`, by default, the run folder.

    Attributes:
        results: the last list of `kgan.metrics.Result`, or `None`.
        best_value: the best value so far, or `None`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((4, 28, 28, 1), np.uint8)
    >>> Evaluate(images, ["fid"], every_images=10_000, n=1000, batch_size=64, folder="run").best
    'fid'
    """

    # Evaluates before a step, not after one: Keras would read the losses back from the device every step.
    async_safe = True

    def __init__(
        self,
        data,
        metrics=("fid", "kid"),
        *,
        every_images,
        n,
        batch_size=None,
        extractor=None,
        real_n=None,
        seed=0,
        best="fid",
        folder=None,
    ):
        super().__init__()
        batch_size = getattr(data, "batch_size", None) if batch_size is None else batch_size
        if batch_size is None:
            raise UsageError("batch_size must be given where the data do not have one, got None")
        for name, value in (("every_images", every_images), ("n", n), ("batch_size", batch_size)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.metrics = [metrics] if isinstance(metrics, str) else list(metrics)
        if any(hasattr(metric, "update_fake") and not callable(metric) for metric in self.metrics):
            raise UsageError("metrics must be names or functions that make new ones, got one made already")
        names = [metric.name for metric in chosen_metrics(self._new_metrics())]
        chooser = None if best is None else best.partition("[")[0]
        if best and not any(chooser.startswith(name) or chooser in name.split("_") for name in names):
            raise UsageError(f"best must be a score of {', '.join(names)}, or None, got {best!r}")
        self.data, self.every_images, self.n, self.batch_size = data, every_images, n, batch_size
        self.extractor, self.real_n, self.seed, self.best = extractor, real_n, seed, best
        self.folder: Any = None if folder is None else pathlib.Path(folder)
        self.results: Any = None
        self.best_value: Any = None
        self._rows: Any = None
        self._epochs: Any = None
        self._first = self._done = 0

    def join_run(self, folder, epochs):
        """Tells what `kgan run` knows.

        Args:
            folder: the run folder, which is the place of the files unless the callback was made with another.
            epochs: epochs of the whole run; a run that resumes within an epoch has two fits.
        """
        self._epochs = epochs
        if self.folder is None:
            self.folder = pathlib.Path(folder)

    def _new_metrics(self):
        return [metric if isinstance(metric, str) else metric() for metric in self.metrics]

    def on_train_begin(self, logs=None):
        if self.folder is None:
            raise UsageError("folder must be given outside `kgan run`, got None")

    def on_epoch_begin(self, epoch, logs=None):
        self._first = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations.value))
        if self._rows is None:
            self._continue(self._first * self.batch_size)

    def _continue(self, shown):
        """Takes up what an earlier part of the run has written, up to the images shown by now."""
        path, self._rows = self.folder / "scores.csv", []
        if path.exists() and shown:
            with open(path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if str(row.get("images")).isdigit()]
            self._rows = [row for row in rows if int(row["images"]) <= shown]
        self._done = max([int(row["images"]) for row in self._rows], default=0)
        for row in self._rows:
            name = self._best_name(row)
            if name is not None and self._is_better(float(row[name])):
                self.best_value = float(row[name])

    def on_train_batch_begin(self, batch, logs=None):
        # With more than one step per execution, `batch` is the first of them.
        shown = (self._first + batch) * self.batch_size
        if shown // self.every_images > self._done // self.every_images:
            self.evaluate(shown)

    def on_epoch_end(self, epoch, logs=None):
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations.value))
        shown, last = step * self.batch_size, epoch + 1 == (self._epochs or self.params.get("epochs"))
        if shown // self.every_images > self._done // self.every_images or (last and shown > self._done):
            self.evaluate(shown)
        if logs is not None and self._rows:
            scores = {name: self._rows[-1][name] for name in self._rows[-1] if "[" in name}
            logs.update({name: float(value) for name, value in scores.items()})

    def evaluate(self, shown):
        """Scores the model as it is.

        Args:
            shown: number of training images that it was shown.

        Returns:
            A list of `kgan.metrics.Result`.
        """
        model = self.model
        self.results = measure(
            model,
            self.data,
            self._new_metrics(),
            extractor=self.extractor,
            n=self.n,
            real_n=self.real_n,
            seed=self.seed,
        )
        row: dict[str, Any] = {"images": shown}
        for result in self.results:
            row[result.name] = result.value
        self._rows.append(row)
        self._done = shown
        self._write()
        name = self._best_name(row)
        if name is not None and self._is_better(row[name]):
            self.best_value = row[name]
            with replacing(self.folder / "best.keras") as temporary:
                model.save(temporary)
        return self.results

    def _best_name(self, row):
        """The score that chooses, by its name with or without its network."""
        found = [name for name in row if self.best in (name, name.partition("[")[0])]
        if self.best is not None and not found:
            known = ", ".join(name for name in row if "[" in name)
            raise UsageError(f"best must be one of {known}, got {self.best!r}")
        return found[0] if found else None

    def _is_better(self, value):
        if not math.isfinite(value):
            return False
        sign = -1.0 if str(self.best).partition("[")[0] in _HIGHER else 1.0
        return self.best_value is None or sign * value < sign * self.best_value

    def _write(self):
        columns = list(dict.fromkeys(name for row in self._rows for name in row))
        path = self.folder / "scores.csv"
        with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns, restval="", lineterminator="\n")
            table.writeheader()
            table.writerows(self._rows)
        score_curve(path, self.folder / "scores.png")
