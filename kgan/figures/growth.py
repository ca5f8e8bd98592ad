"""How a growing generator draws: one latent at every side, and before, during and after a fade."""

import dataclasses

import numpy as np

from kgan.callbacks.keep_growth import ALPHAS, fade_key, growth_image, read_growth, side_key
from kgan.engine import GrowingModel
from kgan.errors import UsageError
from kgan.figures import canvas, tiles
from kgan.pictures import drawable

_SIDE = 96  # pixels of a picture, at least
_GAP, _PANEL = 10, 34  # pixels between pictures, and between panels
_ROW = 56  # pixels of words above and below a row of pictures


@dataclasses.dataclass(frozen=True)
class Growth:
    """What one figure shows.

    Args:
        side: that is added.
        sides: dict from each side to the image of the latent, uint8 `[side, side, channels]`.
        faded: dict from each alpha to the blend at the added side, uint8 `[side, side, channels]`.
        stale: what is not as the training made it at its time but drawn from the present weights: sides
            before the present one and "fade".
    """

    side: int
    sides: dict[int, np.ndarray]
    faded: dict[float, np.ndarray]
    stale: tuple


def draw_growth(path, model, side=None, seed=None, folder=None):
    """Draws one latent at every side, and what it was before a side was added, during its fade and after it.

    The images are those that `kgan.callbacks.KeepGrowth` kept while the model was trained. What it has not
    kept is drawn from the present weights, whose layers of smaller sides have changed since for larger ones.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.engine.GrowingModel`, such as a PGGAN.
        side: that is added, 8 or more; default the present one.
        seed: int >= 0, draws the latent; default that of the kept images, or 0. Another one than theirs
            draws everything from the present weights.
        folder: the run folder with the kept images, or `None`.

    Returns:
        `Growth`, what is shown.

    Raises:
        UsageError: the model does not grow, has not grown to this side or makes no pictures.
        DataError: the file of kept images is damaged.

    Reference: Karras et al., Progressive Growing of GANs for Improved Quality, Stability, and Variation,
    2017, figures 1 and 2.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import PGGAN
    >>> drawn = draw_growth(pathlib.Path(tempfile.mkdtemp()) / "growth.png", PGGAN.tiny())
    >>> list(drawn.sides), list(drawn.faded), drawn.stale
    ([4, 8], [0.0, 0.25, 0.5, 0.75, 1.0], (4, 'fade'))
    """
    canvas.check_png(path)
    side = _side(model, side)
    kept = {} if folder is None else read_growth(folder)
    own = int(kept.pop("seed", 0))
    seed = own if seed is None else seed
    kept = kept if seed == own else {}
    names = {s: side_key(s) for s in model.generator.sides if s <= model.phase.side}
    sides = {s: kept[name] if name in kept else growth_image(model, s, seed) for s, name in names.items()}
    names_of_fade = {alpha: fade_key(side, alpha) for alpha in ALPHAS}
    whole = set(names_of_fade.values()) <= set(kept)
    faded = {
        alpha: kept[name] if whole else growth_image(model, side, seed, alpha)
        for alpha, name in names_of_fade.items()
    }
    stale = [s for s, name in names.items() if name not in kept and s < model.phase.side]
    drawn = Growth(side, sides, faded, (*stale, *([] if whole else ["fade"])))
    canvas.save(_figure(drawn), path)
    return drawn


def _side(model, side):
    """The side that is added, checked together with the model."""
    if not isinstance(model, GrowingModel):
        raise UsageError(f"the figure needs a model that grows, got a {type(model).__name__}")
    if not drawable(model.image_shape):
        raise UsageError(f"the figure needs images of 1 or 3 channels, got {model.image_shape[2]}")
    known = [known for known in model.generator.sides[1:] if known <= model.phase.side]
    if not known:
        raise UsageError("the figure needs a model that has grown to 8x8, got one at 4x4")
    side = model.phase.side if side is None else side
    if side not in known:
        raise UsageError(f"side must be one of {known}, got {side}")
    return side


def _figure(drawn):
    size = max(_SIDE, *drawn.sides)
    old, new = drawn.side // 2, drawn.side
    # Each panel: its title, and names and images.
    rows = (
        [("one latent at every side", [(f"{s}x{s}", image) for s, image in drawn.sides.items()])],
        [
            ("before", [(f"{old}x{old}", drawn.sides[old])]),
            (
                f"during: {new}x{new} fades in",
                [(rf"$\alpha$ = {alpha:g}", image) for alpha, image in drawn.faded.items()],
            ),
            ("after", [(f"{new}x{new}", drawn.sides[new])]),
        ],
    )
    widths = [
        sum(len(images) * (size + _GAP) for _, images in row) + (len(row) - 1) * _PANEL + _GAP for row in rows
    ]
    figure = tiles.surface(max(widths), len(rows) * (size + _ROW))
    for number, row in enumerate(rows):
        left, top = _GAP, number * (size + _ROW)
        for title, images in row:
            tiles.write(figure, left, top + 12, title, ha="left", fontweight="bold")
            for name, image in images:
                tiles.place(figure, _enlarged(image, size), left, top + 24)
                tiles.write(figure, left + size / 2, top + 24 + size + 10, name)
                left += size + _GAP
            left += _PANEL
    return figure


def _enlarged(image, size):
    factor = size // image.shape[0]
    image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.broadcast_to(image, (*image.shape[:2], 3))
