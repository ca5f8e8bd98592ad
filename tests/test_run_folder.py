import json

import pytest

from kgan import run_folder
from kgan.errors import UsageError

pytestmark = pytest.mark.once

ABOUT = run_folder.RunConfig("toy", "toy.py", "0" * 64, {"epochs": 1, "seed": 3}, "jax", 3, {"keras": "3"})


def test_config_round_trip(tmp_path):
    run_folder.write_config(tmp_path, ABOUT)
    assert run_folder.read_config(tmp_path) == ABOUT
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (None, "a run folder must hold config.json"),
        ("{", "must be as kgan wrote it"),
        ("[]", "must be as kgan wrote it"),
        ('{"recipe": "toy"}', "must be as kgan wrote it"),
        (json.dumps({**vars(ABOUT), "extra": 1}), "must be as kgan wrote it"),
        (json.dumps({**vars(ABOUT), "settings": []}), "wrong types"),
        (json.dumps({**vars(ABOUT), "file": 7}), "wrong types"),
        (json.dumps({**vars(ABOUT), "format": 99}), "must be of format 1, got format 99"),
    ],
)
def test_configs_that_cannot_be_read(tmp_path, text, rule):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=rule):
        run_folder.read_config(tmp_path)


def test_identity_leaves_out_what_may_change():
    more = run_folder.RunConfig(**{**vars(ABOUT), "settings": {"epochs": 9, "seed": 3}, "versions": {}})
    other = run_folder.RunConfig(**{**vars(ABOUT), "settings": {"epochs": 1, "seed": 4}})
    assert more.identity() == ABOUT.identity() != other.identity()


def test_numbered_folders(tmp_path):
    assert run_folder.next_folder("toy", tmp_path / "runs") == tmp_path / "runs" / "toy-1"
    for name in ("toy-1", "toy-9", "toy-10", "toy-x", "toy_2-11", "atoy-12"):
        (tmp_path / name).mkdir()
    assert run_folder.next_folder("toy", tmp_path).name == "toy-11"
    assert run_folder.latest_folder("toy", tmp_path).name == "toy-10"
    with pytest.raises(UsageError, match="found no folder"):
        run_folder.latest_folder("other", tmp_path)


def test_vacant_folders(tmp_path):
    assert run_folder.is_vacant(tmp_path / "absent")
    assert run_folder.is_vacant(tmp_path)
    (tmp_path / ".config.json.abcd_123").mkdir()
    assert run_folder.is_vacant(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    assert not run_folder.is_vacant(tmp_path)
    with pytest.raises(UsageError, match="must be a folder"):
        run_folder.is_vacant(tmp_path / "notes.txt")


def test_sweep_removes_only_half_written_files(tmp_path):
    kept = ["history.csv", "samples/epoch_0001.png", "checkpoint/step-000000001/state.json", ".hidden"]
    for name in (*kept, ".history.csv.abcd1234/history.csv", "samples/.a.png.abcd1234/a.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    run_folder.sweep(tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == sorted(kept)
