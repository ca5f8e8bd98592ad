import errno
import os
import resource

import keras
import numpy as np
import pytest

from kgan.callbacks import Checkpoint, generations
from kgan.errors import CheckpointError, UsageError
from kgan.models import DCGAN
from kgan.run import Rest


class StopError(Exception):
    """Ends a fit from within."""


class StopAt(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch:
            raise StopError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.once
def test_the_last_two_are_kept(tmp_path, make_gan, play):
    folder = tmp_path / "checkpoint"
    play(make_gan(), [Checkpoint(folder, every_steps=2)])(0, 2)
    # Within an epoch after 2 and 4 steps, then at its end after 6.
    assert names(folder) == ["step-000000010", "step-000000012"]
    assert names(folder / "step-000000012") == ["model.weights.h5", "state.json"]
    state = generations.read(folder / "step-000000010")
    assert (state.epoch, state.batch, state.step, state.system) == (1, 4, 10, "GAN")


def test_resume_within_an_epoch_is_exact(tmp_path, make_gan, dots, fit, state_of):
    stop = 4
    whole, half, rest = make_gan(), make_gan(), make_gan(seed=9)
    expected = fit(whole, dots, [], epochs=2).history
    first = Checkpoint(tmp_path, every_steps=1, data=dots)
    with pytest.raises(StopError):
        fit(half, dots, [first, StopAt(stop)], epochs=2)
    second = Checkpoint(tmp_path, data=dots)
    state = second.restore(rest)
    assert (state.epoch, state.batch, state.step) == (0, stop, stop)
    history = fit(rest, Rest(dots, stop), [second], epochs=1).history
    # The mean over the epoch includes the batches before the stop.
    assert {name: values[:1] for name, values in expected.items()} == history
    fit(rest, dots, [second], initial_epoch=1, epochs=2)
    for a, b in zip(state_of(whole), state_of(rest), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.once
def test_seconds(tmp_path, make_gan, play):
    play(make_gan(), [Checkpoint(tmp_path, every_seconds=0.0)])(0, 1)
    assert names(tmp_path) == ["step-000000005", "step-000000006"]


@pytest.mark.once
def test_restore_without_checkpoints(tmp_path, make_gan):
    assert Checkpoint(tmp_path / "none").restore(make_gan()) is None


@pytest.mark.once
@pytest.mark.parametrize("settings", [{"every_steps": 0}, {"every_seconds": -1}])
def test_arguments_out_of_range(tmp_path, settings):
    with pytest.raises(UsageError, match="must be at least"):
        Checkpoint(tmp_path, **settings)


@pytest.fixture
def two_checkpoints(tmp_path, make_gan, dots, play):
    play(make_gan(), [Checkpoint(tmp_path, settings={"a": 1}, data=dots)])(0, 2)
    assert names(tmp_path) == ["step-000000006", "step-000000012"]
    return tmp_path


def change_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.once
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: change_byte(path / "model.weights.h5"),
        lambda path: (path / "model.weights.h5").write_bytes(b""),
        lambda path: (path / "model.weights.h5").unlink(),
        lambda path: (path / "state.json").unlink(),
        lambda path: (path / "state.json").write_text("{"),
        lambda path: (path / "state.json").write_text("[]"),
        lambda path: (path / "state.json").write_text('{"epoch": 1}'),
        lambda path: (path / "state.json").write_text(
            (path / "state.json").read_text().replace('"step": 12', '"step": 13')
        ),
    ],
)
def test_the_one_before_stands_in_for_a_damaged_one(two_checkpoints, make_gan, play, capsys, damage):
    damage(two_checkpoints / "step-000000012")
    model, checkpoint = make_gan(), Checkpoint(two_checkpoints)
    assert checkpoint.restore(model).step == 6
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "step-000000012 is damaged" in message
    assert message.endswith(f"continuing from {two_checkpoints / 'step-000000006'}\n")
    # The damaged one is not mistaken for the newest again.
    play(model, [checkpoint])(1, 2)
    assert Checkpoint(two_checkpoints).restore(make_gan()).step == 12


@pytest.mark.once
def test_all_damaged(two_checkpoints, make_gan):
    for path in generations.listed(two_checkpoints):
        change_byte(path / "model.weights.h5")
    with pytest.raises(CheckpointError, match="step-000000012 is damaged: the SHA-256"):
        Checkpoint(two_checkpoints).restore(make_gan())


@pytest.mark.once
def test_checkpoints_of_something_else(two_checkpoints, make_gan, dots):
    other = DCGAN.tiny()
    other.compile()
    with pytest.raises(
        CheckpointError, match=r"must be of this DCGAN and its run, .*step-000000012 is of a GAN"
    ):
        Checkpoint(two_checkpoints).restore(other)
    with pytest.raises(CheckpointError, match="is of a run with other settings"):
        Checkpoint(two_checkpoints, settings={"a": 2}).restore(make_gan())
    dots.fingerprint = "other"
    with pytest.raises(CheckpointError, match="is of a run on other data"):
        Checkpoint(two_checkpoints, data=dots).restore(make_gan())
    larger = make_gan()
    larger.generator.add_weight(shape=(2,))
    with pytest.raises(CheckpointError, match="is of a GAN with networks of other sizes"):
        Checkpoint(two_checkpoints).restore(larger)


@pytest.mark.once
def test_weights_that_do_not_fit(two_checkpoints, make_gan, monkeypatch):
    def broken(path):
        raise ValueError("Layer 'dense' expected 2 variables.\nMore.")

    model = make_gan()
    monkeypatch.setattr(model, "load_weights", broken)
    with pytest.raises(CheckpointError, match="does not fit this model: Layer 'dense'"):
        Checkpoint(two_checkpoints).restore(model)


@pytest.mark.once
def test_a_folder_of_another_run_is_not_written_to(two_checkpoints, make_gan, play):
    before = names(two_checkpoints)
    with pytest.raises(UsageError, match="must be empty or be continued by restore"):
        play(make_gan(), [Checkpoint(two_checkpoints)])(0, 1)
    assert names(two_checkpoints) == before


@pytest.mark.once
def test_saving_again_where_the_run_resumed_changes_nothing(two_checkpoints, make_gan):
    model, checkpoint = make_gan(), Checkpoint(two_checkpoints, settings={"a": 1})
    checkpoint.data = "dots"
    checkpoint.restore(model)
    checkpoint.set_model(model)
    checkpoint.epoch = 2
    before = (two_checkpoints / "step-000000012").stat().st_mtime_ns
    checkpoint.save()
    assert (two_checkpoints / "step-000000012").stat().st_mtime_ns == before


def more(folder, make_gan, play):
    model, checkpoint = make_gan(), Checkpoint(folder)
    checkpoint.restore(model)
    play(model, [checkpoint])(2, 3)


@pytest.mark.once
@pytest.mark.parametrize("room", [0, 20_000, 1_000_000])
def test_a_full_disk_leaves_the_previous_ones(two_checkpoints, make_gan, play, room):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(CheckpointError) as error:
            more(two_checkpoints, make_gan, play)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"the last good one: {two_checkpoints / 'step-000000012'}" in str(error.value)
    assert names(two_checkpoints) == ["step-000000006", "step-000000012"]
    assert Checkpoint(two_checkpoints).restore(make_gan()).step == 12


@pytest.mark.once
def test_no_space_left_is_said_in_one_line(two_checkpoints, make_gan, play, monkeypatch):
    def full(self, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save_weights", full)
    with pytest.raises(CheckpointError) as error:
        more(two_checkpoints, make_gan, play)
    assert str(error.value) == (
        f"cannot write the checkpoint {two_checkpoints / 'step-000000018'}: {os.strerror(errno.ENOSPC)}; "
        f"the last good one: {two_checkpoints / 'step-000000012'}"
    )
    assert names(two_checkpoints) == ["step-000000006", "step-000000012"]
