"""How often a semi-supervised classifier errs: each epoch on a validation part, once on the test split."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kgan.errors import UsageError
from kgan.files import replacing


def error_rate(model, images, batch_size=500):
    """The share of images whose most probable class is not their label.

    Args:
        model: a `kgan.models.SemiSupervisedGAN`.
        images: `kgan.data.Images` with labels; those labelled -1 do not count.
        batch_size: images judged at a time, >= 1.

    Returns:
        `(wrong, counted)`, two ints.

    Raises:
        UsageError: no image has a label.
    """
    labels = getattr(images, "labels", None)
    known = np.flatnonzero(np.asarray(labels) >= 0) if labels is not None else np.zeros(0, int)
    if not len(known):
        raise UsageError("images must have labels: load them with label=COLUMN")
    wrong = 0
    for start in range(0, len(known), batch_size):
        rows = known[start : start + batch_size]
        found = model.classify(images.uint8(rows), batch_size).argmax(axis=1)
        wrong += int(np.sum(found != labels[rows]))
    return wrong, len(known)


class ClassifierError(keras.callbacks.Callback):
    """Adds `validation_error` to the logs of each epoch, and writes the test error when the training ends.

    The test split is loaded and seen once, after the last epoch, so it cannot choose anything. `test.json`
    then holds its error and the places of the labelled training images.

    Args:
        validation: `kgan.data.Images` with labels.
        test: function without arguments that returns the labelled test images, or `None` for no test.
        epochs: the number of epochs after which the training has ended, >= 1; default the run's own.
        labelled: places of the labelled training images, `kgan.data.FewLabels.rows`, to be recorded.
        every_epochs: epochs between looks at the validation part, >= 1; the last epoch always has one.
        folder: where `test.json` goes; under `kgan run`, by default, the run folder.

    Attributes:
        result: what `test.json` holds, or `None` before.

    Raises:
        UsageError: an argument breaks its rule, or training begins without a folder or a number of epochs.

    Example:

    >>> from kgan.data import load_images
    >>> from kgan.recipes import FASHION_MNIST_MINI
    >>> images = load_images(FASHION_MNIST_MINI, "test[:100]", label="label")
    >>> ClassifierError(images, epochs=3).every_epochs
    1
    """

    async_safe = True

    def __init__(
        self,
        validation,
        test: Callable | None = None,
        *,
        epochs=None,
        labelled=(),
        every_epochs=1,
        folder=None,
    ):
        super().__init__()
        for name, value in (("epochs", epochs), ("every_epochs", every_epochs)):
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.validation, self.test = validation, test
        self.epochs, self.every_epochs = epochs, every_epochs
        self.labelled = [int(row) for row in labelled]
        self.folder: Any = None if folder is None else pathlib.Path(folder)
        self.result = None

    def join_run(self, folder, epochs):
        """Takes over the run folder and the number of epochs, where none were given."""
        self.folder = pathlib.Path(folder) if self.folder is None else self.folder
        self.epochs = epochs if self.epochs is None else self.epochs

    def on_train_begin(self, logs=None):
        for name, value in (("epochs", self.epochs), ("folder", self.folder)):
            if value is None and self.test is not None:
                raise UsageError(f"{name} must be given outside of kgan run, got None")

    def on_epoch_end(self, epoch, logs=None):
        number, last = epoch + 1, epoch + 1 == self.epochs
        if number % self.every_epochs == 0 or last:
            wrong, count = error_rate(self.model, self.validation)
            if logs is not None:
                logs["validation_error"] = wrong / count
        if last and self.test is not None:
            self._write(number)

    def _write(self, epochs):
        wrong, count = error_rate(self.model, self.test())
        self.result = {
            "test_error": wrong / count,
            "wrong": wrong,
            "of": count,
            "epochs": epochs,
            "labelled": self.labelled,
        }
        with replacing(self.folder / "test.json") as temporary:
            temporary.write_text(json.dumps(self.result, indent=2) + "\n", encoding="utf-8")
