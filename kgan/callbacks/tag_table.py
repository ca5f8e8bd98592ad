"""Predicted and true tags of test images, after the last epoch."""

import csv
import json
import pathlib

import keras
import numpy as np

from kgan.errors import UsageError
from kgan.files import replacing
from kgan.metrics.tags import decode_tags, tag_scores


class TagTable(keras.callbacks.Callback):
    """Writes `tags.csv` and `tags.json` of a game whose samples are word vectors.

    For each test image `samples` vectors are drawn and decoded (`kgan.metrics.decode_tags`). `tags.json`
    holds precision, recall and average precision; the same with the images' conditions shuffled and with
    the most frequent training tags for every image; and `spread`, the variance of a word vector's numbers
    over the noise of one image divided by that over all, which is 0 when z is ignored.

    Args:
        features: conditions of the test images `[n, d]`.
        true: their tags, lists of str.
        vocabulary: `kgan.data.WordVectors` of the candidates.
        frequent: the most frequent training tags, the best first.
        condition: name of the generator's input.
        samples: vectors drawn for each image, >= 2.
        nearest: words listed for each sample.
        keep: tags predicted for each image.
        seed: int >= 0.
        folder: where to; `kgan run` says its own by `join_run`.

    Raises:
        UsageError: an argument breaks its rule.
    """

    def __init__(
        self,
        features,
        true,
        vocabulary,
        frequent,
        *,
        condition="features",
        samples=100,
        nearest=20,
        keep=10,
        seed=1,
        folder=".",
    ):
        super().__init__()
        if samples < 2:
            raise UsageError(f"samples must be at least 2, got {samples}")
        if len(features) != len(true):
            raise UsageError(f"features and true must be as many, got {len(features)} and {len(true)}")
        self.features, self.true = np.asarray(features, "float32"), [list(tags) for tags in true]
        self.vocabulary, self.frequent, self.condition = vocabulary, list(frequent), condition
        self.samples, self.nearest, self.keep = samples, nearest, keep
        self.seed, self.folder = seed, pathlib.Path(folder)

    def join_run(self, folder, epochs):
        """Makes the run's folder the one to write into."""
        self.folder = pathlib.Path(folder)

    def on_train_end(self, logs=None):
        self.write(self.model)

    def write(self, model):
        """Writes both files for a model and returns what `tags.json` holds."""
        predicted, drawn = self._predict(model, self.features)
        order = np.random.default_rng(self.seed).permutation(len(self.features))
        # Each image keeps its true tags and gets the features of another one.
        shuffled, _ = self._predict(model, self.features[order])
        frequent = [self.frequent[: self.keep]] * len(self.true)
        lists = {"conditional": predicted, "shuffled": shuffled, "frequent": frequent}
        within = drawn.var(axis=1).mean()
        result: dict = {name: vars(tag_scores(tags, self.true)) for name, tags in lists.items()}
        result["spread"] = float(within / drawn.reshape(-1, drawn.shape[-1]).var(axis=0).mean())
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "tags.csv") as temporary, open(temporary, "w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["image", "true", "predicted"])
            for number, (tags, guesses) in enumerate(zip(self.true, predicted)):
                table.writerow([number, "; ".join(tags), "; ".join(guesses)])
        with replacing(self.folder / "tags.json") as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n")
        return result

    def _predict(self, model, features):
        repeated = np.repeat(features, self.samples, axis=0)
        drawn = model.sample(len(repeated), seed=self.seed, **{self.condition: repeated})
        drawn = np.asarray(drawn).reshape(len(features), self.samples, -1)
        words, vectors = self.vocabulary.words, self.vocabulary.vectors
        return [decode_tags(x, words, vectors, self.nearest, self.keep) for x in drawn], drawn
