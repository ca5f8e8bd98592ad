import csv

import numpy as np
import pytest

from kgan import mode_table
from kgan.errors import UsageError
from kgan.figures import draw_mode_scatter
from kgan.mode_table import ModeRun

SMALL = {"epochs": 1, "steps": 2, "batch_size": 4, "width": 4}


@pytest.fixture
def quick(monkeypatch):
    """One loss and few points, so that the table takes a second."""
    recipe = mode_table.catalog.load(mode_table.RECIPE)
    monkeypatch.setattr(recipe.module, "GAMES", ("lsgan",))
    monkeypatch.setattr(mode_table, "POINTS", 50)
    monkeypatch.setattr(mode_table, "SHOWN", 20)


def test_runs_are_kept_and_not_repeated(quick, tmp_path, monkeypatch):
    told = []
    runs = mode_table.run_table(tmp_path, seeds=2, report=told.append, **SMALL)
    assert [(run.data, run.seed, run.modes) for run in runs] == [
        ("ring", 0, 8), ("ring", 1, 8), ("grid", 0, 25), ("grid", 1, 25)
    ]  # fmt: skip
    assert told == runs
    assert runs[0].points.shape == (20, 2)
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        assert [row["seed"] for row in csv.DictReader(file)] == ["0", "1", "0", "1"]
    trained = []
    original = mode_table.build
    monkeypatch.setattr(mode_table, "build", lambda *a: trained.append(a[1]) or original(*a))
    (tmp_path / "grid-lsgan-1.npz").write_bytes(b"cut off")
    again = mode_table.run_table(tmp_path, seeds=2, **SMALL)
    assert [(cell.data, cell.seed) for cell in trained] == [("grid", 1)]
    for one, other in zip(runs, again):
        np.testing.assert_array_equal(one.points, other.points)
    trained.clear()
    mode_table.run_table(tmp_path, seeds=1, **{**SMALL, "steps": 3})
    assert len(trained) == 2  # other settings are other runs


@pytest.mark.once
def test_table_and_panels_of_known_runs(tmp_path):
    points = np.zeros((5, 2))
    runs = [
        ModeRun(data, "lsgan", seed, covered, modes, quality, 1.0, points + seed)
        for data, modes in (("ring", 8), ("grid", 25))
        for seed, covered, quality in ((0, 7, 0.5), (1, 8, 0.7))
    ]
    (covered, quality) = mode_table.summaries(runs)["ring", "lsgan"]
    assert covered == pytest.approx((7.5, np.sqrt(0.5)))
    assert quality == pytest.approx((0.6, np.sqrt(0.02)))
    assert mode_table.lines(runs) == [
        "| loss | ring: modes of 8 | ring: high quality | grid: modes of 25 | grid: high quality |",
        "|---|---|---|---|---|",
        "| lsgan | 7.5 ± 0.7 | 0.600 ± 0.141 | 7.5 ± 0.7 | 0.600 ± 0.141 |",
    ]
    panels = mode_table.panels(runs)
    assert [(panel.row, panel.title, panel.below) for panel in panels] == [
        ("ring", "lsgan", "7.5 of 8, 60 % good"),
        ("grid", "lsgan", "7.5 of 25, 60 % good"),
    ]
    assert (panels[0].points == 0).all()  # of the first seed
    draw_mode_scatter(tmp_path / "modes.png", panels)
    assert (tmp_path / "modes.png").stat().st_size < 300_000
    with pytest.raises(UsageError, match=r"as many in each row, got \[2, 1\]"):
        draw_mode_scatter(tmp_path / "wrong.png", [panels[0], *panels])
    assert not (tmp_path / "wrong.png").exists()
