"""Points that generators make of a mixture of Gaussians, one panel for each loss and data set."""

import dataclasses

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas


@dataclasses.dataclass(frozen=True)
class ScatterPanel:
    """One panel.

    Args:
        row: the data set's name; panels of one name stand in one row.
        title: above the panel, such as the loss's name.
        below: under it, such as its score.
        points: generated points, `[n, 2]`.
        centers: means of the modes, `[modes, 2]`.
    """

    row: str
    title: str
    below: str
    points: np.ndarray
    centers: np.ndarray


def draw_mode_scatter(path, panels):
    """Draws generated points over the modes that they should fill.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        panels: list of `ScatterPanel`, as many for each row.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "modes.png"
    >>> draw_mode_scatter(path, [ScatterPanel("pair", "GAN", "1 of 2", np.zeros((9, 2)), np.eye(2))])
    >>> path.exists()
    True
    """
    canvas.check_png(path)
    rows = list(dict.fromkeys(panel.row for panel in panels))
    columns = [[panel for panel in panels if panel.row == row] for row in rows]
    if not panels or len({len(line) for line in columns}) != 1:
        raise UsageError(f"panels must be as many in each row, got {[len(line) for line in columns]}")
    figure = canvas.blank(1.9 * len(columns[0]), 2.35 * len(rows))
    grid = figure.subplots(len(rows), len(columns[0]), squeeze=False)
    for axes, panel in zip(grid.flat, [panel for line in columns for panel in line]):
        reach = 1.35 * np.abs(panel.centers).max()
        axes.plot(*panel.centers.T, "o", ms=9, mfc="none", mec="0.55", mew=0.7)
        axes.plot(*panel.points.T, ".", ms=1.6, color=canvas.FAKE, alpha=0.6)
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=(), yticks=())
        axes.set_title(panel.title, fontsize=9)
        axes.set_xlabel(panel.below, fontsize=8)
    for axes, row in zip(grid[:, 0], rows):
        axes.set_ylabel(row)
    canvas.save(figure, path)
