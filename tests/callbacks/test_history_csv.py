import pytest

from kgan.callbacks import HistoryCSV

pytestmark = pytest.mark.once


@pytest.fixture
def run(make_gan, play):
    """Plays epochs to a `HistoryCSV`."""
    model = make_gan()
    return lambda callback, first, last, logs=None: play(model, [callback], steps=1)(first, last, logs)


def test_resuming_keeps_the_rows_before_it(tmp_path, run):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    run(HistoryCSV(whole, curve=False), 0, 5)
    run(HistoryCSV(parts, curve=False), 0, 4)
    with open(parts, "a") as file:
        file.write("5,0.")  # a line that a kill cut off
    run(HistoryCSV(parts, curve=False), 2, 5)
    assert parts.read_text() == whole.read_text()
    assert not (tmp_path / "loss.png").exists()


def test_a_new_run_begins_a_new_table(tmp_path, run):
    path = tmp_path / "history.csv"
    run(HistoryCSV(path), 0, 3)
    run(HistoryCSV(path), 0, 1)
    assert path.read_text() == "epoch,loss\n1,0.0\n"
    assert (tmp_path / "loss.png").exists()


def test_columns_may_come_later(tmp_path, run):
    path = tmp_path / "history.csv"
    callback = HistoryCSV(path, curve=tmp_path / "curve.png")
    run(callback, 0, 1)
    run(callback, 1, 2, {"loss": 1.0, "r1": 2.0})
    assert path.read_text() == "epoch,loss,r1\n1,0.0,\n2,1.0,2.0\n"
    assert (tmp_path / "curve.png").exists()
