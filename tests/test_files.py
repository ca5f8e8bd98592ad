import pathlib

import pytest

from kgan.files import replacing

pytestmark = pytest.mark.once


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fill():
        with replacing(target) as temporary:
            temporary.write_text("new")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "bundle"
    for word in ("old", "new"):
        with replacing(target) as temporary:
            temporary.mkdir()
            (temporary / word).touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_the_old_folder_returns_when_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    target = tmp_path / "bundle"
    target.mkdir()
    (target / "old").touch()
    rename = pathlib.Path.rename

    def refuse(self, other):
        if pathlib.Path(other) == target and not (self / "old").exists():
            raise OSError("no")
        return rename(self, other)

    monkeypatch.setattr(pathlib.Path, "rename", refuse)
    with pytest.raises(OSError, match="no"), replacing(target) as temporary:
        temporary.mkdir()
    assert (target / "old").exists()
