"""The drawing surface of all figures: Agg without pyplot's global state, written whole or not at all."""

import pathlib

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kgan.errors import UsageError
from kgan.files import replacing

REAL, FAKE, FAR, CRITIC = "#222222", "#2a9d3f", "#c2399b", "#2b62c4"
DPI = 110


def blank(width, height):
    """An empty figure of a size in inches."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def check_png(path):
    """Raises unless the file's name ends in `.png`; called before anything that takes time.

    Args:
        path: the picture's file.

    Raises:
        UsageError: another suffix.

    Example:

    >>> check_png("toy.png")
    """
    if pathlib.Path(path).suffix.lower() != ".png":
        raise UsageError(f"a figure's file must end in .png, got {str(path)!r}")


def save(figure, path):
    """Writes the figure; the same figure gives the same bytes."""
    with replacing(path) as temporary:
        # Without the version of the program, which would change the file at each of its releases.
        FigureCanvasAgg(figure).print_png(str(temporary), metadata={"Software": None})
