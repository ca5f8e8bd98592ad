"""Tags from generated word vectors, and how many of them are right."""

import collections
import dataclasses

import numpy as np

from kgan.errors import DataError, UsageError


def cosines(a, b):
    """Cosine of each row of `a` with each row of `b`; 0 where a row is zero.

    Args:
        a: array `[n, d]`.
        b: array `[m, d]`.

    Example:
        >>> cosines(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 1.0]])).round(4).tolist()
        [[0.0], [0.7071]]
    """
    a, b = (np.asarray(x, np.float64) for x in (a, b))
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b)]
    a, b = (x / np.where(length == 0.0, 1.0, length) for x, length in zip((a, b), lengths))
    return a @ b.T


def decode_tags(samples, words, vectors, nearest=20, keep=10):
    """The words that most samples of one image are close to.

    For each sample the `nearest` words by cosine are listed; the `keep` words on most lists are the tags.
    Words on equally many lists are ordered by their mean cosine with the samples.

    Args:
        samples: word vectors `[samples >= 1, d]` generated for one image; 100 in the paper.
        words: the n candidates.
        vectors: their vectors `[n, d]`.
        nearest: words listed for each sample, from 1 to n.
        keep: tags wanted, >= 1.

    Returns:
        At most `keep` words, the most frequent first.

    Raises:
        UsageError: `nearest` or `keep` out of range.
        DataError: not finite, or different widths.

    Reference: Mirza, Osindero, Conditional Generative Adversarial Nets, 2014, section 4.2.

    Example:
        >>> decode_tags(np.array([[0.0, 3.0]] * 5), ["a", "b", "c"], np.eye(2)[[0, 1, 0]], nearest=1)
        ['b']
    """
    samples, vectors = np.asarray(samples), np.asarray(vectors)
    if not 1 <= nearest <= len(words):
        raise UsageError(f"nearest must be from 1 to {len(words)}, the words there are, got {nearest}")
    if keep < 1:
        raise UsageError(f"keep must be at least 1, got {keep}")
    if samples.ndim != 2 or not len(samples) or samples.shape[1:] != vectors.shape[1:]:
        raise DataError(f"samples must be [n >= 1, {vectors.shape[1]}], got {list(samples.shape)}")
    if not np.isfinite(samples).all():
        raise DataError("samples must be finite, some are not")
    close = cosines(samples, vectors)
    listed = np.argsort(-close, axis=1, kind="stable")[:, :nearest]
    counts = collections.Counter(listed.ravel().tolist())
    means = close.mean(axis=0)
    best = sorted(counts, key=lambda place: (-counts[place], -means[place]))
    return [words[place] for place in best[:keep]]


@dataclasses.dataclass(frozen=True)
class TagScores:
    """Agreement of predicted and true tags, each a mean over images.

    Args:
        precision: share of the predicted tags that are true.
        recall: share of the true tags that were predicted.
        average_precision: mean over the ranks of true predictions of the precision up to there, divided by
            the number of true tags or of predictions, whichever is less.
        images: how many images were scored.
    """

    precision: float
    recall: float
    average_precision: float
    images: int


def tag_scores(predicted, true):
    """Scores lists of predicted tags against the true ones.

    Args:
        predicted: for each image a list of tags, the best first.
        true: for each image its tags; images without any are left out.

    Returns:
        `TagScores`.

    Raises:
        DataError: different lengths, or no image with tags.

    Example:
        >>> tag_scores([["cat", "car"]], [["cat", "face", "pet"]]).precision
        0.5
    """
    if len(predicted) != len(true):
        raise DataError(f"predicted and true must be as many, got {len(predicted)} and {len(true)}")
    rows = []
    for guesses, tags in zip(predicted, true):
        if tags:
            hits = [guess in set(tags) for guess in guesses]
            ranks = np.flatnonzero(hits)
            precisions = [(place + 1) / (rank + 1) for place, rank in enumerate(ranks)]
            best = max(1, min(len(set(tags)), len(guesses)))
            rows.append((np.mean(hits or [0]), sum(hits) / len(set(tags)), sum(precisions) / best))
    if not rows:
        raise DataError("at least one image must have tags, none has")
    precision, recall, average = np.mean(rows, axis=0).tolist()
    return TagScores(precision, recall, average, len(rows))
