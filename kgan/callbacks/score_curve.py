"""The scores of a training as a picture."""

import math

from kgan.files import replacing
from kgan.pictures import read_history


def score_curve(scores_csv, png):
    """Draws every score of a `scores.csv` over the images shown, each in a panel of its own.

    Args:
        scores_csv: a file as `kgan.callbacks.Evaluate` writes it: `images`, then one column per score.
        png: the picture's file; it appears whole or not at all.

    Example:

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "scores.csv").write_text("images,fid[net]\\n1000,90.5\\n2000,61.0\\n")
    >>> score_curve(folder / "scores.csv", folder / "scores.png")
    >>> (folder / "scores.png").exists()
    True
    """
    # Matplotlib is slow to import, and pyplot would choose a window system: this is Agg without pyplot.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = read_history(scores_csv)
    images = columns.pop("images")
    wide = min(3, len(columns))
    high = math.ceil(len(columns) / wide)
    figure = Figure(figsize=(4.0 * wide, 3.0 * high), layout="constrained")
    panels = figure.subplots(high, wide, squeeze=False, sharex=True).ravel()
    for panel, (name, values) in zip(panels, columns.items()):
        panel.plot(images / 1000.0, values, marker="." if len(images) < 30 else None)
        panel.set(title=name, xlabel="thousand images shown")
        panel.grid(alpha=0.3)
    for panel in panels[len(columns) :]:
        panel.remove()
    with replacing(png) as temporary:
        FigureCanvasAgg(figure).print_png(str(temporary))
