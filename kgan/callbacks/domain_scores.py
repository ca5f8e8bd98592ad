"""Whether translated images reach their domain and keep their content, after the last epoch."""

import json
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kgan import checks
from kgan.errors import UsageError
from kgan.files import replacing


def domain_scores(model, images, classify, counterparts=None):
    """Scores of a model on held-out images, each translated to every domain.

    Args:
        model: a `kgan.models.StarGAN` of classes, or any object with such a `translate(images, domain)`,
            of one domain for all images or an array of one for each.
        images: `kgan.data.Images` with labels and class names, not trained on.
        classify: function from uint8 images to logits `[n, domains]`, of a classifier of real images alone.
        counterparts: int array `[n, domains]`, the place in `images` of each image's true counterpart, or
            `None` where there are no pairs.

    Returns:
        Dict: `real_accuracy`, how often the classifier is right on the images themselves; `domain_accuracy`,
        how often a translation to another domain is judged to be of it; `untouched_accuracy`, the same of
        the images as they are; `reconstruction`, the mean distance of pixels in [0, 1] between an image and
        its translation, as 8-bit pictures, to another domain and back to its own; `per_domain` by name, and
        `confusion`, rows the targets. With counterparts,
        over the same translations: `l1`, the mean distance to the truth, `l1_untouched`
        of the image itself and `l1_shuffled` to the truth of another; `identity`, how often no image of the
        target domain is nearer than the truth.

    Raises:
        UsageError: images without labels, or counterparts of another shape.
    """
    own, names = images.labels, images.class_names
    if own is None or names is None:
        raise UsageError("images must have labels and class names: load them with label=COLUMN")
    n, k = len(own), len(names)
    if counterparts is not None and np.shape(counterparts) != (n, k):
        raise UsageError(f"counterparts must be [{n}, {k}], got {list(np.shape(counterparts))}")
    pixels = images.uint8(np.arange(n))
    guesses = classify(pixels).argmax(axis=1)
    confusion, gaps, untouched, back = np.zeros((k, k), int), [], [], []
    for target in range(k):
        others = np.flatnonzero(own != target)
        made = model.translate(pixels[others], target)
        confusion[target] = np.bincount(classify(made).argmax(axis=1), minlength=k)
        untouched.append(guesses[others] == target)
        back.append(_distances(model.translate(made, own[others]), pixels[others]))
        if counterparts is not None:
            gaps.append(_gaps(made, pixels, others, np.asarray(counterparts)[:, target]))
    shares = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    result: dict[str, Any] = {
        "images": n,
        "real_accuracy": float(np.mean(guesses == own)),
        "domain_accuracy": float(np.trace(confusion) / max(1, confusion.sum())),
        "untouched_accuracy": float(np.mean(np.concatenate(untouched))),
        "reconstruction": float(np.mean(np.concatenate(back))),
        "per_domain": dict(zip(map(str, names), shares.tolist())),
        "confusion": confusion.tolist(),
    }
    if gaps:
        columns = np.concatenate(gaps, axis=1).mean(axis=1).tolist()
        result |= dict(zip(("l1", "l1_untouched", "l1_shuffled", "identity"), columns))
    return result


def _distances(a, b):
    """Mean distance of the pixels of each pair of pictures, in [0, 1]."""
    return np.abs(a.astype("float32") - b.astype("float32")).reshape(len(a), -1).mean(axis=1) / 255.0


def _gaps(made, pixels, rows, truth):
    """`[4, rows]`: distance to the truth, that of the image itself, distance to another's truth, identity."""
    made = made.reshape(len(made), -1).astype("float32") / 255.0
    flat = pixels.reshape(len(pixels), -1).astype("float32") / 255.0
    candidates, place = np.unique(truth, return_inverse=True)
    # To every image of the target domain; several share a truth.
    table = np.stack([np.abs(flat[candidates] - one).mean(axis=1) for one in made])
    right = table[np.arange(len(rows)), place[rows]]
    untouched = np.abs(flat[rows] - flat[truth[rows]]).mean(axis=1)
    other = table[np.arange(len(rows)), (place[rows] + 1) % len(candidates)]
    return np.stack([right, untouched, other, right <= table.min(axis=1)])


class DomainScores(keras.callbacks.Callback):
    """Writes `domains.json` with `domain_scores` after the last epoch, and prints its first numbers.

    Args:
        images: `kgan.data.Images` with labels and class names, not trained on.
        classifier: function without arguments that returns the classifier, a function from uint8 images to
            logits; it is called once, at the end.
        counterparts: as in `domain_scores`.
        epochs: the number of epochs after which the training has ended, >= 1; default the run's own.
        folder: where to; under `kgan run`, by default, the run folder.

    Attributes:
        result: what `domains.json` holds, or `None` before.

    Raises:
        UsageError: an argument breaks its rule, or training begins without a folder or a number of epochs.
    """

    async_safe = True

    def __init__(self, images, classifier: Callable, counterparts=None, *, epochs=None, folder=None):
        super().__init__()
        if epochs is not None:
            checks.count("epochs", epochs)
        self.images, self.classifier, self.counterparts = images, classifier, counterparts
        self.epochs: Any = epochs
        self.folder: Any = None if folder is None else pathlib.Path(folder)
        self.result = None

    def join_run(self, folder, epochs):
        """Takes over the run folder and the number of epochs, where none were given."""
        self.folder = pathlib.Path(folder) if self.folder is None else self.folder
        self.epochs = epochs if self.epochs is None else self.epochs

    def on_train_begin(self, logs=None):
        for name, value in (("epochs", self.epochs), ("folder", self.folder)):
            if value is None:
                raise UsageError(f"{name} must be given outside of kgan run, got None")

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            self.write(self.model)

    def write(self, model):
        """Writes the file for a model, prints what it says, and returns it."""
        found = domain_scores(model, self.images, self.classifier(), self.counterparts)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "domains.json") as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        self.result = found
        numbers = [f"{name} {value:.3f}" for name, value in found.items() if isinstance(value, float)]
        print(f"{found['images']} held-out images: {', '.join(numbers)}", flush=True)
        return found
