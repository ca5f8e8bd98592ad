import keras
import numpy as np
import pytest

from kgan.callbacks import PlayerSchedule
from kgan.errors import UsageError


def rates(model):
    players = model.optimizer.players
    return {name: float(players[name].learning_rate) for name in players}


def test_it_acts_on_the_named_player_alone(make_gan, dots, fit):
    model = make_gan()
    before = rates(model)
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(rates(model)))
    fit(model, dots, [PlayerSchedule("generator", lambda epoch: 0.1 / (epoch + 1)), watch], epochs=2)
    assert [s["discriminator"] for s in seen] == [before["discriminator"]] * 2
    np.testing.assert_allclose([s["generator"] for s in seen], [0.1, 0.05], rtol=1e-6)


def test_a_rate_of_zero_stops_that_player_alone(make_gan, dots, fit):
    model = make_gan()
    before = {p: [w.copy() for w in n[0].get_weights()] for p, n in model.players().items()}
    fit(model, dots, [PlayerSchedule("generator", lambda epoch: 0.0)], epochs=1)
    same = {
        player: all(np.array_equal(a, b) for a, b in zip(before[player], networks[0].get_weights()))
        for player, networks in model.players().items()
    }
    assert same == {"generator": True, "discriminator": False}


def test_mistakes(make_gan, dots, fit):
    with pytest.raises(UsageError, match="one of discriminator, generator, got 'critic'"):
        fit(make_gan(), dots, [PlayerSchedule("critic", lambda epoch: 0.1)])
    with pytest.raises(UsageError, match="finite number >= 0, got -1 for epoch 0"):
        fit(make_gan(), dots, [PlayerSchedule("generator", lambda epoch: -1)])
    with pytest.raises(UsageError, match="finite number >= 0, got None"):
        fit(make_gan(), dots, [PlayerSchedule("generator", lambda epoch: None)])
    model = make_gan()
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile({"generator": keras.optimizers.SGD(decay), "discriminator": "sgd"})
    with pytest.raises(UsageError, match="got a schedule of its own"):
        fit(model, dots, [PlayerSchedule("generator", lambda epoch: 0.1)])
    plain = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(UsageError, match="one of none, got 'generator'"):
        plain.fit(np.ones((2, 1)), np.ones((2, 1)), callbacks=[PlayerSchedule("generator", float)], verbose=0)
