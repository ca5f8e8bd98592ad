"""What a trained translation makes of held-out images, beside the truth."""

import json
import pathlib

import keras
import numpy as np

from kgan import checks
from kgan.errors import UsageError
from kgan.files import replacing
from kgan.metrics.paired import paired_scores
from kgan.pictures import save_sheet


class TranslationReport(keras.callbacks.Callback):
    """Writes `translation.json` and `translation.png` after the last epoch, and prints the scores.

    The picture has rows of an image of A, its translation, what comes back, the true partner, and what the
    same generator makes of this partner, which needs no translation; below, the same from B.
    `translation.json` holds `kgan.metrics.paired_scores` of both directions for each group of pairs, and the
    errors of what comes back (`reconstruction`) and of the last column (`identity`, where both sets have
    images of one shape).

    Args:
        images_a, images_b: held-out images, uint8 `[n, height, width, channels]`, n >= 2; image i of both a
            true pair.
        extractor: a feature network such as `kgan.metrics.ONNXFeatures`, or `None` for pixels alone.
        groups: dict of a name to the places of some pairs, at least 2, to be scored by themselves, or `None`
            for all.
        shown: rows of each direction in the picture, >= 1.
        epochs: the number of epochs after which the training has ended, >= 1; default the run's own, and the
            end of `fit` outside of `kgan run`.
        folder: where to; `kgan run` says its own by `join_run`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> from kgan.models import CycleGAN
    >>> import tempfile
    >>> images = np.zeros((2, 16, 16, 3), "uint8")
    >>> report = TranslationReport(images, images, folder=tempfile.mkdtemp())
    >>> sorted(report.write(CycleGAN.tiny())["all"]["ab"]["l1"])
    ['input', 'output', 'shuffled']
    """

    def __init__(self, images_a, images_b, extractor=None, *, groups=None, shown=10, epochs=None, folder="."):
        super().__init__()
        self.epochs = None if epochs is None else checks.count("epochs", epochs)
        self.images = {"ab": np.asarray(images_a), "ba": np.asarray(images_b)}
        if len(images_a) != len(images_b) or len(images_a) < 2:
            raise UsageError(f"images must be pairs, at least 2, got {len(images_a)} and {len(images_b)}")
        checks.count("shown", shown)
        self.extractor, self.shown, self.folder = extractor, shown, pathlib.Path(folder)
        groups = {"all": np.arange(len(images_a))} if groups is None else groups
        self.groups = {name: _places(name, rows, len(images_a)) for name, rows in groups.items()}

    def join_run(self, folder, epochs):
        """Makes the run's folder the one to write into, after its last epoch unless another was given."""
        self.folder = pathlib.Path(folder)
        self.epochs = epochs if self.epochs is None else self.epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            self._report()

    def on_train_end(self, logs=None):
        if self.epochs is None:
            self._report()

    def _report(self):
        for name, directions in self.write(self.model).items():
            for direction, scores in directions.items():
                for kind, values in scores.items():
                    line = ", ".join(f"{what} {value:.4f}" for what, value in values.items())
                    print(f"{name}, {direction}, {kind}: {line}", flush=True)

    def write(self, model):
        """Writes both files for a model and returns the scores: group, direction, kind, value."""
        made = {way: model.translate(images, way) for way, images in self.images.items()}
        back = {"ab": model.translate(made["ab"], "ba"), "ba": model.translate(made["ba"], "ab")}
        truth = {"ab": self.images["ba"], "ba": self.images["ab"]}
        again = {"reconstruction": (back, self.images)}
        if self.images["ab"].shape == self.images["ba"].shape:
            kept = {way: model.translate(images, way) for way, images in truth.items()}
            again["identity"] = kept, truth
            self._draw(self.images, made, back, truth, kept)
        found = {}
        for name, rows in self.groups.items():
            found[name] = {}
            for way, images in self.images.items():
                scores = paired_scores(made[way][rows], images[rows], truth[way][rows], self.extractor)
                for what, (one, other) in again.items():
                    gap = np.abs(one[way][rows].astype(int) - other[way][rows]).mean() / 255.0
                    scores[what] = {"l1": float(gap)}
                found[name][way] = scores
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "translation.json") as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return found

    def _draw(self, *columns):
        self.folder.mkdir(parents=True, exist_ok=True)
        places = np.linspace(0, len(self.images["ab"]) - 1, min(self.shown, len(self.images["ab"])))
        places = places.astype(int)
        rows = [np.stack([column[way][places] for column in columns], axis=1) for way in ("ab", "ba")]
        images = np.concatenate(rows).reshape(-1, *self.images["ab"].shape[1:])
        save_sheet(self.folder / "translation.png", images, len(columns))


def _places(name, rows, count):
    """The places of a group of pairs as an array."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or len(rows) < 2:
        raise UsageError(f"group {name!r} must hold the places of at least 2 pairs, got {rows.size}")
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= count:
        found = checks.shown(rows.tolist())
        raise UsageError(f"group {name!r} must be places from 0 to {count - 1}, got {found}")
    return rows
