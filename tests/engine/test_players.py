import keras
import numpy as np
import pytest
from keras import ops

from kgan.callbacks import PlayerSchedule
from kgan.contract import difference
from kgan.engine import PlayerOptimizers
from kgan.errors import UsageError
from kgan.models import GAN

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}


def compiled(optimizer=None, **options):
    keras.utils.set_random_seed(0)
    model = GAN.tiny()
    model.compile(optimizer, **options)
    return model


@pytest.mark.parametrize("steps", [1, 3])
def test_k_discriminator_steps_for_each_generator_step(steps):
    model = GAN(GAN.tiny().generator, GAN.tiny().discriminator, discriminator_steps=steps)
    model.compile({"generator": keras.optimizers.Adam(1e-3), "discriminator": keras.optimizers.SGD(0.1)})
    model.fit(model.example_data(8), epochs=2, **FIT)
    players = model.optimizer.players
    assert int(players["generator"].iterations) == 4
    assert int(players["discriminator"].iterations) == 4 * steps
    assert int(model.optimizer.iterations) == 4


def test_each_player_keeps_its_own_kind_of_optimizer_through_a_file(tmp_path):
    model = compiled({"generator": keras.optimizers.RMSprop(1e-3), "discriminator": "adam"})
    model.fit(model.example_data(4), **FIT)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert type(again.optimizer.players["generator"]).__name__ == "RMSprop"
    assert type(again.optimizer.players["discriminator"]).__name__ == "Adam"
    assert difference(model, again) == 0.0


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ({"generator": "adam"}, "must name the players"),
        ({"generator": "adam", "critic": "adam"}, "must name the players"),
    ],
)
def test_wrong_players_are_refused(optimizer, message):
    with pytest.raises(UsageError, match=message):
        compiled(optimizer)


def test_one_optimizer_for_two_players_is_refused():
    adam = keras.optimizers.Adam()
    with pytest.raises(UsageError, match="an optimizer of its own"):
        compiled({"generator": adam, "discriminator": adam})


def test_one_name_serves_all_players_with_separate_optimizers():
    players = compiled("rmsprop").optimizer.players
    assert players["generator"] is not players["discriminator"]


def test_common_learning_rate_is_refused_and_says_what_to_do():
    model = compiled()
    with pytest.raises(UsageError, match="PlayerSchedule"):
        _ = model.optimizer.learning_rate
    with pytest.raises(UsageError, match="each player has a learning rate"):
        model.optimizer.learning_rate = 0.1
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(UsageError, match="each player has a learning rate"):
        model.fit(model.example_data(4), callbacks=[callback], **FIT)


def test_schedule_callback_acts_on_the_named_player_only():
    model = compiled("adam")
    rate = float(model.optimizer.players["discriminator"].learning_rate)
    model.fit(
        model.example_data(4),
        epochs=3,
        callbacks=[PlayerSchedule("generator", lambda epoch: 0.25 / 2**epoch)],
        **FIT,
    )
    assert float(model.optimizer.players["generator"].learning_rate) == pytest.approx(0.0625)
    assert float(model.optimizer.players["discriminator"].learning_rate) == pytest.approx(rate)


def test_learning_rate_of_zero_freezes_the_named_player_only():
    model = compiled({"generator": keras.optimizers.SGD(0.0), "discriminator": keras.optimizers.SGD(0.1)})
    before = [np.array(w) for w in model.generator.get_weights()], model.discriminator.get_weights()
    model.fit(model.example_data(8), **FIT)
    assert all(np.array_equal(a, b) for a, b in zip(before[0], model.generator.get_weights()))
    assert not all(np.array_equal(a, b) for a, b in zip(before[1], model.discriminator.get_weights()))


def test_keras_schedules_count_the_players_own_steps():
    # D moves twice per round, so it is twice as far along its schedule.
    def decay():
        return keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.0])

    model = compiled(
        {"generator": keras.optimizers.SGD(decay()), "discriminator": keras.optimizers.SGD(decay())}
    )
    model.fit(model.example_data(8), **FIT)
    rates = {name: float(o.learning_rate) for name, o in model.optimizer.players.items()}
    assert rates == {"discriminator": 0.0, "generator": pytest.approx(0.1)}


def test_variables_are_sorted_by_player_and_complete():
    optimizers = {"b": keras.optimizers.Adam(), "a": keras.optimizers.SGD(momentum=0.9)}
    composite = PlayerOptimizers(optimizers)
    x, y = keras.Variable(ops.ones(2)), keras.Variable(ops.ones(3))
    composite.bind({"a": [x], "b": [y]})
    count = sum(len(o.variables) for o in composite.players.values())
    assert len(composite.variables) == 1 + count
    assert list(composite.players) == ["a", "b"]
