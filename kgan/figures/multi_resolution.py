"""An uncurated sheet: few samples large, more of them small."""

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas, tiles
from kgan.figures.style_panels import check_counts

_LARGEST = 192  # pixels of the largest pictures, about
_HALVINGS = (0, 1, 2, 2)  # of each column


def draw_multi_resolution(path, source, *, rows=3, seed=0, **conditions):
    """Draws samples as they come, one column at full size, the next ones at half and a quarter of it.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        source: a `kgan.engine.AdversarialModel` or a `kgan.export.runtime.Generator` of square images whose
            side is a multiple of 4.
        rows: of the largest pictures, >= 1.
        seed: int >= 0, draws the samples.
        **conditions: of `sample`, such as `truncation_psi`.

    Returns:
        uint8 `[samples, height, width, channels]`, all that is shown.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 2.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "sheet.png"
    >>> len(draw_multi_resolution(path, StyleGAN.tiny(), rows=1))
    11
    """
    canvas.check_png(path)
    check_counts(rows=rows)
    height, width = source.image_shape[:2]
    if height != width or height % 4:
        raise UsageError(f"images must be square with a side that is a multiple of 4, got {height}x{width}")
    # A power of two times the side, so that a half and a quarter are multiples or whole parts of it.
    size = height << max(0, (_LARGEST // height).bit_length() - 1)
    counts = [rows * 2**halvings for halvings in _HALVINGS]
    images = source.sample(sum(counts), seed=seed, **conditions)
    figure = tiles.surface(sum(size >> halvings for halvings in _HALVINGS), rows * size)
    left, first = 0, 0
    for halvings, count in zip(_HALVINGS, counts):
        side = size >> halvings
        for place, image in enumerate(images[first : first + count]):
            tiles.place(figure, _at(image, side), left, place * side)
        left, first = left + side, first + count
    canvas.save(figure, path)
    return images


def _at(image, side):
    """The image at another side, a multiple or a whole part of its own, in three channels."""
    own = image.shape[0]
    if side >= own:
        image = image.repeat(side // own, axis=0).repeat(side // own, axis=1)
    else:
        step = own // side
        squares = image.reshape(side, step, side, step, -1).astype("float32")
        image = np.rint(squares.mean(axis=(1, 3))).astype("uint8")
    return np.broadcast_to(image, (side, side, 3))
