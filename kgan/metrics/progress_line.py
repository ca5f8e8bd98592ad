"""Progress of one pass over images, with the time left."""

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn


class ProgressLine:
    """Shows how much is done and the time left: a bar on a terminal, a line every ten seconds elsewhere.

    Args:
        file: where to write, default `sys.stderr`.
        every_seconds: between updates, >= 0; default 0.2 on a terminal and 10 elsewhere.

    Example:

    >>> import io
    >>> text = io.StringIO()
    >>> with ProgressLine(text, every_seconds=0) as progress:
    ...     progress("real images", 50, 100)
    ...     progress("samples", 100, 100)
    >>> text.getvalue().splitlines()[-1]
    'samples: 100 %, 0:00:00 left'
    """

    def __init__(self, file=None, every_seconds=None):
        self._console = Console(file=file or sys.stderr)
        terminal = self._console.is_terminal
        self.every_seconds = (0.2 if terminal else 10.0) if every_seconds is None else every_seconds
        self._start = self._shown = time.monotonic()
        self._bar: Any = None
        if terminal:
            columns = (TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, console=self._console, auto_refresh=False, transient=True)
            self._task = self._bar.add_task("", total=1.0, text="")

    def __enter__(self):
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, what, done, total):
        """Notes that `done` of `total` images are seen; `what` is being looked at now."""
        now = time.monotonic()
        if now - self._shown < self.every_seconds or not done:
            return
        self._shown = now
        left = round((now - self._start) / done * (total - done))
        text = f"{100 * done // total} %, {left // 3600}:{left // 60 % 60:02d}:{left % 60:02d} left"
        if self._bar is None:
            print(f"{what}: {text}", file=self._console.file, flush=True)
        else:
            self._bar.update(self._task, description=what, completed=done / total, text=text)
            self._bar.refresh()
