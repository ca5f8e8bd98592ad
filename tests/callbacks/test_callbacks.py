import io

import keras
import numpy as np

from kgan.callbacks import Checkpoint, HistoryCSV, PlayerSchedule, Progress, SampleSheet, StopOnNonFinite
from kgan.pictures import read_history


def test_watching_does_not_change_training(tmp_path, make_gan, dots, fit, state_of):
    plain, watched = make_gan(), make_gan()
    fit(plain, dots, [], epochs=2)
    callbacks = [
        StopOnNonFinite(every_steps=1),
        SampleSheet(tmp_path, n=2),
        HistoryCSV(tmp_path / "history.csv"),
        Checkpoint(tmp_path / "checkpoint", every_steps=1),
        Progress(every_seconds=0, file=io.StringIO()),
    ]
    history = fit(watched, dots, callbacks, epochs=2).history
    for a, b in zip(state_of(plain), state_of(watched), strict=True):
        np.testing.assert_array_equal(a, b)
    table = read_history(tmp_path / "history.csv")
    assert list(table) == ["epoch", "discriminator_loss", "generator_loss"]
    assert table.pop("epoch").tolist() == [1, 2]
    assert {name: values.tolist() for name, values in table.items()} == history


def test_a_schedule_acts_on_the_named_player_alone(make_gan, dots, fit):
    model = make_gan()
    players = model.optimizer.players
    before = float(players["discriminator"].learning_rate)
    weights = {name: networks[0].get_weights() for name, networks in model.players().items()}
    rates = []

    def note(epoch, logs):
        rates.append([float(players[name].learning_rate) for name in ("discriminator", "generator")])
        if epoch == 0:
            same = [np.array_equal(a, b) for a, b in zip(weights["generator"], model.generator.get_weights())]
            assert all(same)  # its rate was 0

    watch = keras.callbacks.LambdaCallback(on_epoch_end=note)
    fit(model, dots, [PlayerSchedule("generator", lambda epoch: 0.1 * epoch), watch], epochs=2)
    np.testing.assert_allclose(rates, [[before, 0.0], [before, 0.1]], rtol=1e-6)
    for name, networks in model.players().items():
        moved = [not np.array_equal(a, b) for a, b in zip(weights[name], networks[0].get_weights())]
        assert all(moved), name
