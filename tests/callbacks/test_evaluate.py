"""Scores during training: when, where they go, which model is kept, and that training does not notice."""

import csv
import pathlib

import keras
import numpy as np
import pytest

from kgan import catalog
from kgan.callbacks import Checkpoint, Evaluate
from kgan.errors import UsageError
from kgan.metrics import FID, KID
from kgan.metrics.features import Extractor
from kgan.pictures import loss_curve
from kgan.run import train


class Means(Extractor):
    """Features that need no network: the means of the image and of two halves."""

    def __init__(self):
        super().__init__("means", "0" * 64, (4, 4), 1, ["features"], "means")

    def run(self, images):
        parts = images, images[:, :2], images[:, :, :2]
        return {"features": np.stack([part.mean(axis=(1, 2, 3)) for part in parts], 1)}


REALS = np.random.default_rng(9).integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)


def watch(folder=None, every_images=8, **options):
    options = {"metrics": ["fid"], "n": 30, "batch_size": 4, **options}
    return Evaluate(REALS, every_images=every_images, extractor=Means(), folder=folder, **options)


def table(folder):
    with open(folder / "scores.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_scores_are_written_every_so_many_images(make_gan, dots, fit, tmp_path):
    gan, callback = make_gan(), watch(tmp_path)
    history = fit(gan, dots, [callback], epochs=2).history
    rows = table(tmp_path)
    assert [int(row["images"]) for row in rows] == [8, 16, 24, 32, 40, 48]
    values = [float(row["fid[means]"]) for row in rows]
    assert len(set(values)) > 3
    assert history["fid[means]"] == [values[2], values[5]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.keras", "scores.csv", "scores.png"]
    assert callback.best_value == min(values)
    assert callback.results[0].protocol.fake == 30
    best = keras.models.load_model(tmp_path / "best.keras")
    callback.set_model(best)
    assert callback.evaluate(99)[0].value == pytest.approx(min(values), rel=1e-6)


def test_the_end_has_a_score_of_its_own(make_gan, dots, fit, tmp_path):
    fit(make_gan(), dots, [watch(tmp_path, 20)], epochs=2)
    assert [int(row["images"]) for row in table(tmp_path)] == [20, 40, 48]


def test_training_is_the_same_with_and_without(make_gan, dots, fit, state_of, tmp_path):
    states = []
    for callbacks in ([], [watch(tmp_path, metrics=["fid", lambda: KID(subset_size=10, subsets=2)])]):
        gan = make_gan()
        fit(gan, dots, callbacks, epochs=2)
        states.append(state_of(gan))
    for a, b in zip(*states, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_resumed_run_goes_on_with_the_best_so_far(make_gan, dots, fit, state_of, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    gan, callback = make_gan(), watch(whole)
    fit(gan, dots, [callback], epochs=3)
    first = make_gan()
    fit(first, dots, [watch(parts), Checkpoint(parts / "checkpoint")], epochs=2)
    # What was written after the checkpoint is not part of the resumed run.
    with open(parts / "scores.csv", "a", encoding="utf-8") as file:
        file.write("56,-1.0\n")
    second, resumed = make_gan(seed=1), watch(parts)
    checkpoint = Checkpoint(parts / "checkpoint")
    state = checkpoint.restore(second)
    fit(second, dots, [resumed, checkpoint], initial_epoch=state.epoch, epochs=3)
    for a, b in zip(state_of(gan), state_of(second), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (whole / "scores.csv").read_text() == (parts / "scores.csv").read_text()
    assert resumed.best_value == callback.best_value
    models = [keras.models.load_model(folder / "best.keras") for folder in (whole, parts)]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_callbacks_can_watch_the_score(make_gan, dots, fit, tmp_path):
    stop = keras.callbacks.EarlyStopping("fid[means]", mode="min", min_delta=1e9, patience=1)
    assert len(fit(make_gan(), dots, [watch(tmp_path), stop], epochs=5).epoch) == 2


def test_higher_is_better_for_precision(make_gan, tmp_path):
    callback = watch(tmp_path, metrics=["precision_recall"], best="precision")
    callback.set_model(make_gan())
    callback.best_value = 0.5
    assert callback._is_better(0.6)
    assert not callback._is_better(0.4)
    assert not callback._is_better(float("nan"))


def test_a_recipe_needs_no_folder(tmp_path, monkeypatch):
    recipe = catalog.load(pathlib.Path(__file__).parents[1] / "recipes" / "tiny_gan.py")
    monkeypatch.setattr(recipe.module, "callbacks", lambda cfg: [watch(), watch(tmp_path / "own")])
    train(recipe, recipe.configure({"epochs": 2}), tmp_path / "run", "any")
    assert [int(row["images"]) for row in table(tmp_path / "run")] == [8, 16, 24, 32, 40, 48]
    for name in ("scores.csv", "scores.png", "best.keras"):
        assert (tmp_path / "run" / name).exists()
        assert (tmp_path / "own" / name).exists()


@pytest.mark.once
def test_losses_are_drawn_without_scores(tmp_path):
    (tmp_path / "a.csv").write_text("epoch,loss\n1,0.5\n2,0.4\n")
    (tmp_path / "b.csv").write_text("epoch,loss,fid[net]\n1,0.5,900\n2,0.4,800\n")
    for name in "ab":
        loss_curve(tmp_path / f"{name}.csv", tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"every_images": 0}, "every_images must be at least 1, got 0"),
        ({"n": 0}, "n must be at least 1, got 0"),
        ({"batch_size": None}, "batch_size must be given"),
        ({"metrics": ["fdi"]}, "metrics must be among"),
        ({"metrics": [FID()]}, "metrics must be names or functions that make new ones"),
        ({"metrics": ["kid"]}, "best must be a score of kid, or None, got 'fid'"),
    ],
)
def test_rules(options, rule):
    with pytest.raises(UsageError, match=rule):
        watch(**options)


def test_a_folder_is_needed(make_gan, dots, fit):
    with pytest.raises(UsageError, match="folder must be given outside `kgan run`"):
        fit(make_gan(), dots, [watch()])
