"""Scores of a translation against true pairs, written when a training ends."""

import json

import numpy as np
import pytest
from PIL import Image

from kgan.callbacks import TranslationReport
from kgan.data import scene_pairs
from kgan.errors import UsageError
from kgan.metrics import paired_scores
from kgan.models import CycleGAN

pytestmark = pytest.mark.once


def test_both_directions_of_each_group_are_scored(tmp_path, capsys):
    a, b = scene_pairs(6)
    model = CycleGAN.tiny()
    groups = {"all": np.arange(6), "some": np.array([1, 3, 4])}
    report = TranslationReport(a, b, groups=groups, shown=2)
    report.set_model(model)
    report.join_run(tmp_path, 1)
    report.on_train_end()  # of the first part of a resumed training
    assert not (tmp_path / "translation.json").exists()
    report.on_epoch_end(0)
    found = json.loads((tmp_path / "translation.json").read_text())
    assert set(found) == {"all", "some"}
    made, rows = model.translate(b, "ba"), groups["some"]
    assert found["some"]["ba"]["l1"] == paired_scores(made[rows], b[rows], a[rows])["l1"]
    back = model.translate(made, "ab").astype(int)
    assert found["all"]["ba"]["reconstruction"]["l1"] == pytest.approx(np.abs(back - b).mean() / 255)
    kept = model.translate(a, "ba").astype(int)
    assert found["all"]["ba"]["identity"]["l1"] == pytest.approx(np.abs(kept - a).mean() / 255)
    assert "some, ba, l1: output 0." in capsys.readouterr().out
    with Image.open(tmp_path / "translation.png") as sheet:
        assert sheet.size == (5 * 18 + 2, 4 * 18 + 2)  # two rows of each direction, five columns
        assert np.array_equal(np.asarray(sheet)[2:18, 2:18], a[0])
        assert np.array_equal(np.asarray(sheet)[2:18, 56:72], b[0])
        assert np.array_equal(np.asarray(sheet)[2:18, 74:90], model.translate(b[:1], "ab")[0])


def test_outside_of_runs_it_is_written_when_a_training_ends(tmp_path):
    report = TranslationReport(*scene_pairs(2), folder=tmp_path)
    report.set_model(CycleGAN.tiny())
    report.on_epoch_end(0)
    assert not (tmp_path / "translation.json").exists()
    report.on_train_end()
    assert (tmp_path / "translation.json").exists()


def test_wrong_arguments():
    a, b = scene_pairs(3)
    with pytest.raises(UsageError, match="images must be pairs, at least 2, got 3 and 2"):
        TranslationReport(a, b[:2])
    with pytest.raises(UsageError, match="shown must be an integer >= 1, got 0"):
        TranslationReport(a, b, shown=0)
    for rows, message in (
        ([1], "group 'some' must hold the places of at least 2 pairs, got 1"),
        ([], "group 'some' must hold the places of at least 2 pairs, got 0"),
        ([0, 3], r"group 'some' must be places from 0 to 2, got \[0, 3\]"),
    ):
        with pytest.raises(UsageError, match=message):
            TranslationReport(a, b, groups={"some": rows})
    with pytest.raises(UsageError, match="epochs must be an integer >= 1, got 0"):
        TranslationReport(a, b, epochs=0)
    with pytest.raises(UsageError, match="n must be at least 1, got 0"):
        scene_pairs(0)
    with pytest.raises(UsageError, match="image_size must be at least 8, got 4"):
        scene_pairs(1, 4)
