import keras
import pytest

from kgan.callbacks import PlayerSchedule
from kgan.errors import UsageError

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("player", "rate", "rule"),
    [
        ("critic", 0.1, "one of discriminator, generator, got 'critic'"),
        ("generator", -1, "finite number >= 0, got -1 for epoch 0"),
        ("generator", None, "finite number >= 0, got None"),
        ("generator", float("nan"), "finite number >= 0, got nan"),
    ],
)
def test_mistakes(make_gan, play, player, rate, rule):
    with pytest.raises(UsageError, match=rule):
        play(make_gan(), [PlayerSchedule(player, lambda epoch: rate)])(0, 1)


def test_an_optimizer_with_a_schedule_of_its_own(make_gan, play):
    model = make_gan()
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model.compile({"generator": keras.optimizers.SGD(decay), "discriminator": "sgd"})
    with pytest.raises(UsageError, match="got a schedule of its own"):
        play(model, [PlayerSchedule("generator", lambda epoch: 0.1)])(0, 1)


def test_a_model_without_players(play):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(UsageError, match="one of none, got 'generator'"):
        play(model, [PlayerSchedule("generator", float)])(0, 1)
