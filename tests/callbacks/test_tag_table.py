"""The table of tags: a model that copies its condition names every image, a shuffled one does not."""

import csv
import json

import numpy as np
import pytest

from kgan.callbacks import TagTable
from kgan.data import WordVectors
from kgan.errors import UsageError

pytestmark = pytest.mark.once
WORDS = ["ant", "bee", "cat", "dog"]
TABLE = WordVectors(WORDS, np.eye(4))


class Copier:
    """Its word vector is its condition, plus noise of some size."""

    def __init__(self, size=0.0):
        self.size = size

    def sample(self, n, seed, features):
        return features + self.size * np.random.default_rng(seed).standard_normal(features.shape)


def table(folder, **settings):
    true = [[word] for word in WORDS]
    settings = {"nearest": 1, "keep": 1, "samples": 8, "seed": 3, "folder": folder, **settings}
    return TagTable(np.eye(4), true, TABLE, ["ant"], **settings)


def test_scores_of_right_shuffled_and_frequent_tags(tmp_path):
    found = table(tmp_path).write(Copier())
    assert (found["conditional"]["precision"], found["conditional"]["recall"]) == (1.0, 1.0)
    order = np.random.default_rng(3).permutation(4)
    assert found["shuffled"]["precision"] == np.mean(order == np.arange(4)) < 1.0
    assert found["frequent"]["precision"] == 0.25
    assert found["spread"] == 0.0
    assert json.loads((tmp_path / "tags.json").read_text()) == found
    with open(tmp_path / "tags.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["true"], row["predicted"]) for row in rows] == [(word, word) for word in WORDS]


def test_spread_is_the_share_of_the_noise(tmp_path):
    # Of each number: variance 3/16 over the conditions, 9 over the noise.
    assert table(tmp_path, samples=1000).write(Copier(3.0))["spread"] == pytest.approx(
        9 / (9 + 3 / 16), rel=0.1
    )


def test_arguments_out_of_range():
    with pytest.raises(UsageError, match="samples must be at least 2, got 1"):
        TagTable(np.eye(4), [[]] * 4, TABLE, [], samples=1)
    with pytest.raises(UsageError, match="features and true must be as many, got 4 and 1"):
        TagTable(np.eye(4), [[]], TABLE, [])
