"""Inception score: how sure a classifier is of each image, and how varied it finds all of them."""

import itertools

import numpy as np

from kgan.errors import DataError
from kgan.metrics import checks
from kgan.metrics.score import Score, Value


def inception_score(probabilities, splits=10, seed=0):
    """`exp(mean_x KL(p(y|x) || p(y)))` in each split, then mean and std over the splits: from 1 to K.

    No real images are involved; it sees neither memorised images nor modes missing inside a class, and means
    nothing outside data like ImageNet. Salimans et al. 2016, with 50,000 samples in 10 splits.

    Args:
        probabilities: float `[n, K]`, rows that sum to 1.
        splits: how many, from 1 to n.
        seed: int >= 0 of the shuffle, in which every split gets one of each `splits` rows that follow each
            other, so that the order of a stream does not matter; None keeps the order, in contiguous splits,
            as the authors' code does.

    Returns:
        `Value(mean, std)`, the std over splits.

    Raises:
        UsageError: a setting out of its range.
        DataError: not probabilities, or fewer rows than splits.

    Example:
        >>> inception_score(np.eye(4), splits=1).value
        4.0
    """
    probabilities = checks.matrix("probabilities", probabilities).astype(np.float64)
    sums = probabilities.sum(axis=1)
    if (probabilities < 0.0).any() or (np.abs(sums - 1.0) > 1e-3).any():
        raise DataError(
            "probabilities must be >= 0 and sum to 1 in each row, "
            f"got sums from {sums.min():.6g} to {sums.max():.6g}"
        )
    if seed is not None:
        score = InceptionScore(splits, seed)
        score.update_probabilities(probabilities)
        return score.result()["inception_score"]
    splits = checks.count("splits", splits)
    checks.enough("samples", len(probabilities), splits, f"{splits} splits")
    bounds = np.arange(splits + 1) * len(probabilities) // splits
    return _value(_terms(probabilities[a:b]) for a, b in itertools.pairwise(bounds))


def _terms(p):
    """Rows, sum of p(y|x), and sum of the negative entropies."""
    return len(p), p.sum(axis=0), float((p * np.log(np.where(p > 0.0, p, 1.0))).sum())


def _value(terms):
    scores = []
    for rows, total, negative_entropy in terms:
        # mean KL(p(y|x) || p(y)) = H(p(y)) - mean H(p(y|x)); no pair of rows meets, so it can be streamed.
        marginal = total / rows
        entropy = -(marginal * np.log(np.where(marginal > 0.0, marginal, 1.0))).sum()
        scores.append(np.exp(entropy + negative_entropy / rows))
    return Value(float(np.mean(scores)), float(np.std(scores)))


class InceptionScore(Score):
    """`inception_score` in one pass, from logits; memory does not grow with the number of images.

    Args:
        splits: how many, >= 1.
        seed: int >= 0 of the shuffle.

    Raises:
        UsageError: a setting out of its range.

    Example:
        >>> score = InceptionScore(splits=1)
        >>> score.update_fake({"logits": 100.0 * np.eye(3)})
        >>> round(score.result()["inception_score"].value, 6)
        3.0
    """

    name = "inception_score"
    needs = frozenset({"logits"})
    needs_real = False

    def __init__(self, splits=10, seed=0):
        self.splits, self.seed = checks.count("splits", splits), checks.count("seed", seed, 0)
        self._rng = np.random.default_rng(self.seed)
        self._turns = np.zeros(0, np.int64)  # splits of the next rows
        self._rows = np.zeros(self.splits, np.int64)
        self._sums = np.zeros((self.splits, 0))
        self._entropies = np.zeros(self.splits)

    def update_real(self, batch):
        """Does nothing: the reals play no part."""

    def update_fake(self, batch):
        logits = checks.matrix("logits", checks.part(batch, "logits")).astype(np.float64)
        if not len(logits):
            return
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.update_probabilities(powers / powers.sum(axis=1, keepdims=True))

    def update_probabilities(self, p):
        """Takes in one batch of rows that sum to 1, float `[n, K]`."""
        p = checks.matrix("probabilities", p, self._sums.shape[1] or None)
        if not self._sums.shape[1]:
            self._sums = np.zeros((self.splits, p.shape[1]))
        while len(self._turns) < len(p):
            self._turns = np.concatenate([self._turns, self._rng.permutation(self.splits)])
        turns, self._turns = self._turns[: len(p)], self._turns[len(p) :]
        for split in np.unique(turns):
            rows, total, negative_entropy = _terms(p[turns == split])
            self._rows[split] += rows
            self._sums[split] += total
            self._entropies[split] += negative_entropy

    def result(self):
        checks.enough("samples", int(self._rows.sum()), self.splits, f"{self.splits} splits")
        return {"inception_score": _value(zip(self._rows, self._sums, self._entropies))}

    def settings(self):
        return {"splits": self.splits, "seed": self.seed}
