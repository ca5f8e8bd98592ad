import io
import re

import pytest

from kgan.callbacks import Progress
from kgan.callbacks import progress as module

pytestmark = pytest.mark.once
LOGS = {"discriminator_loss": 1.25, "generator_loss": 0.5}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def gan(make_gan):
    return make_gan()


def steps_in(text, total):
    return [int(step) for step in re.findall(rf"step (\d+)/{total}", text.getvalue())]


def test_plain_lines(gan, play):
    text = io.StringIO()
    play(gan, [Progress(every_seconds=0, file=text)])(0, 2, LOGS)
    lines = text.getvalue().splitlines()
    # At the first step of an epoch there is no mean yet: the last epoch's is shown, at the start none.
    assert lines[0] == "epoch 1/2, step 0/12, 0 %, --:-- left"
    assert lines[7].endswith("discriminator_loss 1.2500, generator_loss 0.5000")
    assert steps_in(text, 12) == [0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 10, 11, 12]
    end = "epoch 2/2, step 12/12, 100 %, 0:00:00 left, discriminator_loss 1.2500, generator_loss 0.5000"
    assert lines[-1] == end


def test_few_lines_by_default(gan, play):
    text = io.StringIO()
    play(gan, [Progress(every_seconds=1e9, file=text)])(0, 2, LOGS)
    assert text.getvalue().count("\n") == 1


def cursor_is_back(text):
    return text.getvalue().rfind("\x1b[?25h") > text.getvalue().rfind("\x1b[?25l")


def test_a_bar_on_a_terminal(gan, play, monkeypatch):
    for name, value in (("TERM", "xterm"), ("COLUMNS", "200"), ("FORCE_COLOR", "1")):
        monkeypatch.setenv(name, value)
    text = Terminal()
    play(gan, [Progress(every_seconds=0, file=text)])(0, 2, LOGS)
    for part in ("epoch 2/2", "50 %", "generator_loss 0.5000"):
        assert part in text.getvalue()
    assert cursor_is_back(text)


def test_the_bar_gives_the_terminal_back_after_an_error(gan, play, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    text = Terminal()
    progress = Progress(every_seconds=0, file=text)
    progress.set_model(gan)
    progress.set_params({"epochs": 2, "steps": 6})
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_begin(0)
    assert not cursor_is_back(text)
    progress.close()
    progress.close()
    assert cursor_is_back(text)


def test_a_resumed_run_counts_from_where_it_is(gan, play):
    text = io.StringIO()
    progress = Progress(3, 6, every_seconds=0, file=text)
    play(gan, [progress], steps=2)(1, 2, LOGS)  # the rest of epoch 2
    play(gan, [progress], steps=6)(2, 3, LOGS)
    assert steps_in(text, 18) == [10, 11, 12, 12, 13, 14, 15, 16, 17, 18]


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


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"), (360000, "100:00:00")]
)
def test_clock(seconds, text):
    assert module._clock(seconds) == text
