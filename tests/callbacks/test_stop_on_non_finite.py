import keras
import numpy as np
import pytest

from kgan.callbacks import Checkpoint, HistoryCSV, StopOnNonFinite
from kgan.errors import NonFiniteLossError, UsageError


@pytest.fixture
def poisoned(dots):
    """A data set whose tenth batch holds a NaN: step 9, counted from 0."""

    class Poisoned(type(dots)):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            if (self.epoch, index) == (1, 3):
                batch[0, 0, 0, 0] = np.nan
            return batch

    return Poisoned()


def test_training_stops_and_says_where(tmp_path, make_gan, poisoned, fit):
    folder = tmp_path / "checkpoint"
    callbacks = [
        StopOnNonFinite(every_steps=100, checkpoints=folder),
        HistoryCSV(tmp_path / "history.csv", curve=False),
        Checkpoint(folder, every_steps=2),
    ]
    with pytest.raises(NonFiniteLossError) as error:
        fit(make_gan(), poisoned, callbacks, epochs=3)
    # Found before the checkpoint of step 10 was written.
    assert str(error.value) == (
        "the discriminator's loss became NaN or infinite at step 9; "
        f"the last good checkpoint: {folder / 'step-000000008'}"
    )
    assert (tmp_path / "history.csv").read_text().count("\n") == 2


class Broken(keras.Model):
    """Tells of a loss that broke, without training."""

    def first_non_finite(self):
        return "generator", 7


@pytest.mark.once
def test_looks_at_intervals_and_at_the_end_of_an_epoch():
    callback = StopOnNonFinite(every_steps=3)
    callback.set_model(Broken())
    callback.on_train_batch_begin(0)
    callback.on_train_batch_begin(1)
    for hook in (callback.on_train_batch_begin, callback.on_epoch_end):
        with pytest.raises(NonFiniteLossError, match=r"generator's loss .* at step 7; .*checkpoint: none"):
            hook(2)


@pytest.mark.once
def test_other_models_and_finite_losses_pass(make_gan, play):
    play(make_gan(), [StopOnNonFinite(every_steps=1)])(0, 1)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    play(model, [StopOnNonFinite(1)])(0, 1)


@pytest.mark.once
def test_arguments_out_of_range():
    with pytest.raises(UsageError, match="every_steps must be at least 1, got 0"):
        StopOnNonFinite(every_steps=0)
