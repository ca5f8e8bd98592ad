"""Samples and losses of several runs side by side."""

import dataclasses
import itertools

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas, tiles

# Pixels: between columns, of the words above, and the height of the curves below.
_GAP, _TITLE, _CURVES = 36, 24, 150
_COLORS = (canvas.CRITIC, canvas.FAKE, canvas.FAR, canvas.REAL)


@dataclasses.dataclass(frozen=True)
class Run:
    """One column.

    Args:
        title: above the samples.
        samples: uint8 `[n, height, width, channels]`.
        history: dict from a loss's name to its value in each epoch.
    """

    title: str
    samples: np.ndarray
    history: dict


def draw_compare_runs(path, runs, columns=4):
    """Draws a sheet of samples of each run over the curves of its losses.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        runs: list of `Run`, with images of one shape and as many for each.
        columns: images in a row of each sheet, >= 1.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "runs.png"
    >>> images = np.zeros((8, 28, 28, 1), "uint8")
    >>> draw_compare_runs(path, [Run("gan", images, {"generator_loss": [1.0, 0.8]})] * 2)
    >>> path.exists()
    True
    """
    canvas.check_png(path)
    shapes = sorted({run.samples.shape for run in runs})
    if len(shapes) != 1 or columns < 1:
        raise UsageError(
            f"runs must have images of one shape and columns be at least 1, got {shapes} and {columns}"
        )
    count = shapes[0][0]
    images = tiles.fitted(np.concatenate([run.samples for run in runs]))
    sheets = [tiles.sheet(images[i * count : (i + 1) * count], columns) for i in range(len(runs))]
    height, width = sheets[0].shape[:2]
    size = (len(runs) * (width + _GAP) + _GAP, _TITLE + height + _CURVES + _GAP)
    figure = tiles.surface(*size)
    # One scale of the losses' values for each run: a critic's has no common one.
    for column, (run, sheet) in enumerate(zip(runs, sheets)):
        left = _GAP + column * (width + _GAP)
        tiles.write(figure, left + width / 2, _TITLE / 2, run.title)
        tiles.place(figure, sheet, left, _TITLE)
        top = _TITLE + height + 4
        place = (left / size[0], 1 - (top + _CURVES) / size[1], width / size[0], _CURVES / size[1])
        _curves(figure.add_axes(place), run.history)
    canvas.save(figure, path)


def _curves(axes, history):
    for color, (name, values) in zip(itertools.cycle(_COLORS), history.items()):
        label = name.replace("_", " ").removesuffix(" loss")
        axes.plot(np.arange(1, len(values) + 1), values, color=color, lw=1.2, label=label)
    axes.tick_params(labelsize=6, length=2, pad=1, direction="in")
    axes.set_xlabel("losses by epoch", fontsize=7, labelpad=1)
    if history:
        axes.legend(fontsize=6, frameon=False)
