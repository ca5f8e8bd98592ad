"""What the figures of styles share: the check of the model, and labelled grids of images."""

import keras
import numpy as np

from kgan import checks, latents
from kgan.errors import UsageError
from kgan.figures import tiles
from kgan.models.style_edits import StyleEdits

_LEFT, _TOP, _PAD = 90, 24, 4


def check_styles(model):
    """The model; raises UsageError unless it has styles."""
    if not isinstance(model, StyleEdits):
        raise UsageError(
            f"the figure needs the run of a model with styles, such as StyleGAN, got {_kind(model)}"
        )
    return model


def _kind(source):
    """A bundle's generator makes images, but has no weights to ask for their parts."""
    name = type(source).__name__
    return f"a {name}" if isinstance(source, keras.Model) else f"a bundle's {name}"


def check_counts(**counts):
    """Raises UsageError unless all are integers of at least 1."""
    for name, value in counts.items():
        checks.count(name, value)


def drawn_z(model, n, seed):
    """z of a seed, float32 `[n, latent_dim]`."""
    return latents.draw(model.sampling_inputs()[:1], n, seed)["z"]


def grid(rows, titles=(), names=()):
    """A figure with a title above each column and a name left of each row.

    Args:
        rows: list of lists of uint8 images of one size, or `None` for an empty place.
        titles: of the columns.
        names: of the rows.
    """
    columns = max(map(len, rows))
    images = [image for row in rows for image in row if image is not None]
    shown = iter(tiles.fitted(np.stack(images)))
    size = tiles.fitted(np.stack(images)).shape[1]
    left, top = (_LEFT if any(names) else _PAD), (_TOP if any(titles) else _PAD)
    figure = tiles.surface(left + columns * (size + _PAD), top + len(rows) * (size + _PAD))
    for number, row in enumerate(rows):
        y = top + number * (size + _PAD)
        for column, image in enumerate(row):
            if image is not None:
                one = next(shown)
                colours = np.broadcast_to(one, (*one.shape[:2], 3))
                tiles.place(figure, colours, left + column * (size + _PAD), y)
    for column, title in enumerate(titles):
        tiles.write(figure, left + column * (size + _PAD) + size / 2, top / 2, title, fontsize=8)
    for number, name in enumerate(names):
        tiles.write(figure, left - 6, top + number * (size + _PAD) + size / 2, name, ha="right", fontsize=8)
    return figure
