import io
import re

import numpy as np
import pytest

from kgan.callbacks import Progress
from kgan.callbacks import progress as module
from kgan.run import Rest


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_plain_lines(make_gan, dots, fit):
    text = io.StringIO()
    fit(make_gan(), dots, [Progress(every_seconds=0, file=text)], epochs=2)
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("epoch 1/2, step 0/12, 0 %, --:-- left")
    steps = [int(re.search(r"step (\d+)/12", line)[1]) for line in lines]
    assert steps == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12]
    pattern = r"epoch 2/2, step 12/12, 100 %, 0:00:00 left, discriminator_loss [\d.]+, generator_loss [\d.]+"
    assert re.fullmatch(pattern, lines[-1])


def test_few_lines_by_default(make_gan, dots, fit):
    text = io.StringIO()
    fit(make_gan(), dots, [Progress(every_seconds=1e9, file=text)], epochs=2)
    assert text.getvalue().count("\n") == 1


def test_a_bar_on_a_terminal(make_gan, dots, fit, monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "200"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    text = Terminal()
    fit(make_gan(), dots, [Progress(every_seconds=0, file=text)], epochs=2)
    shown = text.getvalue()
    assert "epoch 2/2" in shown
    assert "50 %" in shown
    assert "generator_loss" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # the cursor is back


def test_the_bar_gives_the_terminal_back_after_an_error(make_gan, dots, fit, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    text = Terminal()
    progress = Progress(every_seconds=0, file=text)
    progress.set_model(make_gan())
    progress.set_params({"epochs": 2, "steps": 6})
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_begin(0)
    progress.close()
    progress.close()
    assert text.getvalue().rindex("\x1b[?25h") > text.getvalue().rindex("\x1b[?25l")


def test_a_resumed_run_counts_from_where_it_is(make_gan, dots, fit):
    text = io.StringIO()
    progress = Progress(3, len(dots), every_seconds=0, file=text)
    model = make_gan()
    fit(model, Rest(dots, 4), [progress], initial_epoch=1, epochs=2)
    fit(model, dots, [progress], initial_epoch=2, epochs=3)
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("epoch 2/3, step 10/18")
    assert lines[-1].startswith("epoch 3/3, step 18/18, 100 %")
    steps = [int(re.search(r"step (\d+)/18", line)[1]) for line in lines]
    assert steps == sorted(steps)


def test_watching_does_not_change_training(make_gan, dots, fit, state_of):
    plain, watched = make_gan(), make_gan()
    fit(plain, dots, [], epochs=2)
    fit(watched, dots, [Progress(every_seconds=0, file=io.StringIO())], epochs=2)
    for a, b in zip(state_of(plain), state_of(watched), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.once
def test_time_left(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    progress = Progress(2, 10, every_seconds=1e9, file=io.StringIO())
    progress.set_params({"epochs": 2, "steps": 10})
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    assert progress.seconds_left() is None
    progress.on_train_batch_begin(0)
    now[0] += 50  # the first step compiles and does not count
    progress.on_train_batch_begin(1)
    now[0] += 8
    progress.on_train_batch_begin(5)
    assert progress.seconds_left() == pytest.approx(2.0 * 15)


@pytest.mark.once
@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"), (360000, "100:00:00")]
)
def test_clock(seconds, text):
    assert module._clock(seconds) == text
