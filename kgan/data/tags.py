"""Pairs of a tag's word vector and an image's features, for games whose samples are words."""

import hashlib
import pathlib
import re
import zipfile

import numpy as np

from kgan.data.epoch_batches import EpochBatches
from kgan.data.sources import open_source
from kgan.errors import DataError, UsageError


class WordVectors:
    """A frozen table of word vectors.

    Args:
        words: sequence of n different words.
        vectors: float array `[n, d]`.

    Raises:
        UsageError: other shapes, or a word twice.

    Example:

    >>> table = WordVectors(["dark", "skin"], [[1.0, 0.0], [0.0, 1.0]])
    >>> table.vector("dark-skin").tolist(), table.vector("unknown") is None
    ([0.5, 0.5], True)
    """

    def __init__(self, words, vectors):
        self.words, self.vectors = [str(word) for word in words], np.asarray(vectors, "float32")
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors) or not self.words:
            raise UsageError(
                "vectors must be [n >= 1, d] with n words, "
                f"got {list(self.vectors.shape)} and {len(self.words)}"
            )
        self._places = {word: place for place, word in enumerate(self.words)}
        if len(self._places) < len(self.words):
            raise UsageError(f"words must be different, {len(self.words) - len(self._places)} come twice")

    @classmethod
    def load(cls, path):
        """Reads a table from an `.npz` file with the arrays `words` and `vectors`.

        Args:
            path: the file.

        Raises:
            UsageError: there is no such file.
            DataError: it is damaged, or holds something else.
        """
        if not pathlib.Path(path).is_file():
            raise UsageError(f"word vectors must be an .npz file, found no {path}")
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(stored["words"].tolist(), stored["vectors"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} must hold the arrays words and vectors: {error}") from error

    def vector(self, tag):
        """The mean vector of a tag's known words, split at spaces and hyphens; `None` if none is known."""
        places = [self._places[word] for word in re.split(r"[\s-]+", tag.strip()) if word in self._places]
        return self.vectors[places].mean(axis=0) if places else None

    def table(self, tags):
        """The tags whose vector is known, in their order and once each, and their vectors.

        Args:
            tags: iterable of tags.

        Returns:
            `WordVectors` of these tags.
        """
        found = {tag: vector for tag in dict.fromkeys(tags) if (vector := self.vector(tag)) is not None}
        if not found:
            raise UsageError("tags must have at least one known word, none has")
        return WordVectors(list(found), np.stack(list(found.values())))


def load_tags(source, split="train", column="tags"):
    """The tags of every image of a data set.

    Args:
        source: hub id or folder, as for `kgan.data.load_images`.
        split: a split or a slice of one.
        column: the column of lists of words.

    Returns:
        A list of lists of str.

    Raises:
        UsageError: there is no such column, or it holds something else.
        DataError: the data set cannot be read.
    """
    opened = open_source(source, split)
    if column not in opened.rows.features:
        known = ", ".join(opened.rows.features)
        raise UsageError(f"tags must be a column of {opened.name}, got {column!r}, it has {known}")
    values = opened.rows.select_columns([column])[:][column]
    if not all(isinstance(tags, list | tuple) for tags in values):
        raise UsageError(f"the column {column!r} of {opened.name} must hold lists of words")
    return [[str(tag) for tag in tags] for tags in values]


class TagPairs(EpochBatches):
    """Batches of (word vectors, features): an image with several tags appears once per tag.

    Batch i of epoch e is a function of (seed, e, i) and of the data alone.

    Args:
        features: float array `[images, d]`, what the game's condition is.
        tags: for each image a list of words.
        vectors: `WordVectors`; tags without a known word are left out.
        rows: the images that take part, or `None` for all.
        batch_size: pairs per batch, >= 1.
        seed: int >= 0.

    Attributes:
        num_images: images with at least one known tag.
        num_examples: pairs.
        image_shape: (d,) of a word vector.
        fingerprint: hash of all pairs.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, section 4.2.

    Example:

    >>> words = WordVectors(["cat", "face"], np.eye(2))
    >>> pairs = TagPairs(np.ones((2, 3)), [["cat", "face"], ["dog"]], words, batch_size=2)
    >>> pairs.num_images, pairs.num_examples, [part.shape for part in pairs[0]]
    (1, 2, [(2, 2), (2, 3)])
    """

    def __init__(self, features, tags, vectors, *, rows=None, batch_size=100, seed=0):
        super().__init__()
        features = np.asarray(features, "float32")
        if features.ndim != 2 or len(features) != len(tags):
            raise UsageError(
                f"features must be [images, d] with tags for each, got {features.shape}, {len(tags)}"
            )
        rows = range(len(tags)) if rows is None else [int(row) for row in rows]
        pairs = [(row, vectors.vector(tag)) for row in rows for tag in tags[row]]
        pairs = [(row, vector) for row, vector in pairs if vector is not None]
        if not 1 <= batch_size <= len(pairs):
            raise UsageError(f"batch_size must be from 1 to {len(pairs)}, all pairs, got {batch_size}")
        self._images = np.array([row for row, _ in pairs])
        self._words = np.stack([vector for _, vector in pairs]).astype("float32")
        self._features = features
        self.num_images, self.num_examples = len(set(self._images.tolist())), len(pairs)
        self.image_shape = self._words.shape[1:]
        self.batch_size, self.seed = batch_size, seed
        state = hashlib.sha256(self._words.tobytes() + self._images.tobytes() + features.tobytes())
        self.fingerprint = state.hexdigest()

    def __getitem__(self, index):
        part = self.part(index)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.num_examples)
        return self._words[order[part]], self._features[self._images[order[part]]]


def synthetic_tags(num_images=400, num_tags=24, feature_dim=32, word_dim=8, seed=0):
    """A small set of image features, tags and word vectors in which features determine the tags.

    An image has one to three tags; its features are the sum of one random vector per tag, and some noise.

    Args:
        num_images: images, >= 1.
        num_tags: words, >= 3.
        feature_dim: length of a feature vector, >= 1.
        word_dim: length of a word vector, >= 1.
        seed: int >= 0 of the images; words and their features do not depend on it.

    Returns:
        `(features [num_images, feature_dim], tags, WordVectors)`.

    Raises:
        UsageError: an argument out of range.

    Example:

    >>> features, tags, words = synthetic_tags(5, num_tags=4)
    >>> features.shape, len(tags), len(words.words)
    ((5, 32), 5, 4)
    """
    limits = {"num_images": (num_images, 1), "num_tags": (num_tags, 3), "seed": (seed, 0)}
    for name, (value, low) in {**limits, "word_dim": (word_dim, 1), "feature_dim": (feature_dim, 1)}.items():
        if value < low:
            raise UsageError(f"{name} must be at least {low}, got {value}")
    fixed, rng = np.random.default_rng(num_tags), np.random.default_rng([seed, 1])
    looks = fixed.standard_normal((num_tags, feature_dim))
    words = WordVectors([f"tag{i}" for i in range(num_tags)], fixed.standard_normal((num_tags, word_dim)))
    chosen = [rng.permutation(num_tags)[: rng.integers(1, 4)] for _ in range(num_images)]
    features = np.stack([looks[places].sum(axis=0) for places in chosen])
    features += 0.1 * rng.standard_normal(features.shape)
    return features.astype("float32"), [[words.words[i] for i in places] for places in chosen], words
