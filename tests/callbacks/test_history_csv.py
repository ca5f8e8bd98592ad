import pytest

from kgan.callbacks import HistoryCSV
from kgan.pictures import read_history


def test_rows_are_the_epochs_losses(tmp_path, make_gan, dots, fit):
    history = fit(make_gan(), dots, [HistoryCSV(tmp_path / "history.csv")], epochs=2).history
    table = read_history(tmp_path / "history.csv")
    assert list(table) == ["epoch", "discriminator_loss", "generator_loss"]
    assert table["epoch"].tolist() == [1, 2]
    for name, values in history.items():
        assert table[name].tolist() == [float(value) for value in values]
    assert (tmp_path / "loss.png").exists()


class Run:
    """Plays a fit of given epochs to a callback."""

    def __init__(self, callback):
        self.callback = callback

    def __call__(self, first, last, logs=None):
        self.callback.set_params({"epochs": last})
        self.callback.on_train_begin()
        for epoch in range(first, last):
            self.callback.on_epoch_begin(epoch)
            self.callback.on_epoch_end(epoch, logs or {"loss": 0.1 * epoch})


@pytest.mark.once
def test_resuming_keeps_the_rows_before_it(tmp_path):
    whole, parts = tmp_path / "whole.csv", tmp_path / "parts.csv"
    Run(HistoryCSV(whole, curve=False))(0, 5)
    Run(HistoryCSV(parts, curve=False))(0, 4)
    with open(parts, "a") as file:
        file.write("5,0.")  # a line that a kill cut off
    Run(HistoryCSV(parts, curve=False))(2, 5)
    assert parts.read_text() == whole.read_text()
    assert not (tmp_path / "loss.png").exists()


@pytest.mark.once
def test_a_new_run_begins_a_new_table(tmp_path):
    path = tmp_path / "history.csv"
    Run(HistoryCSV(path, curve=False))(0, 3)
    Run(HistoryCSV(path, curve=False))(0, 1)
    assert path.read_text() == "epoch,loss\n1,0.0\n"


@pytest.mark.once
def test_columns_may_come_later(tmp_path):
    path = tmp_path / "history.csv"
    callback = HistoryCSV(path, curve=tmp_path / "curve.png")
    Run(callback)(0, 1)
    Run(callback)(1, 2, {"loss": 1.0, "r1": 2.0})
    assert path.read_text() == "epoch,loss,r1\n1,0.0,\n2,1.0,2.0\n"
    assert (tmp_path / "curve.png").exists()
