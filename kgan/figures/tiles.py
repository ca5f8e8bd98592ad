"""Sheets of images with words beside them, placed to the pixel so that nothing blurs an image."""

import math

import numpy as np
from PIL import Image

from kgan import pictures
from kgan.figures import canvas

# Pixels that the longer side of an image may take.
_SIDE = 64
# Bytes of all images of a figure before they are magnified: PNG makes less than 300 KB of them, unless they
# are noise.
_BYTES = 350_000
_PAD = 2


def surface(width, height):
    """An empty figure of a size in pixels, without a layout of its own."""
    # Half a pixel more, as Agg rounds down.
    figure = canvas.blank((width + 0.5) / canvas.DPI, (height + 0.5) / canvas.DPI)
    figure.set_layout_engine("none")
    return figure


def fitted(images):
    """All images of one figure, magnified or shrunk by one integer factor to 64 pixels or less.

    Args:
        images: uint8 `[n, height, width, channels]` with 1 or 3 channels, n >= 1.

    Returns:
        uint8 array `[n, new height, new width, channels]`.

    Example:

    >>> fitted(np.zeros((6, 28, 28, 1), "uint8")).shape, fitted(np.zeros((6, 96, 96, 3), "uint8")).shape
    ((6, 56, 56, 1), (6, 48, 48, 3))
    """
    factor = math.ceil(max(max(images.shape[1:3]) / _SIDE, math.sqrt(images.size / _BYTES)))
    if factor > 1:
        images = np.stack([_shrunk(image, factor) for image in images])
    factor = max(1, _SIDE // max(images.shape[1:3]))
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def sheet(images, columns):
    """Images side by side, row by row.

    Args:
        images: uint8 `[n, height, width, channels]`, `fitted`.
        columns: images in a row, >= 1.

    Returns:
        uint8 array `[height, width, 3]`.
    """
    return np.asarray(pictures.sheet(images, columns, _PAD).convert("RGB"))


def place(figure, picture, left, top):
    """Puts an array `[height, width, 3]` on the figure, by the place of its upper left corner."""
    bottom = int(figure.bbox.height) - top - picture.shape[0]
    figure.figimage(picture, left, bottom, origin="upper")


def write(figure, x, y, text, **style):
    """Writes a text at a place in pixels from the upper left corner; centred unless the style says else."""
    width, height = figure.bbox.size
    figure.text(x / width, 1.0 - y / height, text, **{"ha": "center", "va": "center", "fontsize": 9, **style})


def _shrunk(image, factor):
    """Each pixel is the mean of `factor` x `factor`."""
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).reduce(factor)
    return np.asarray(picture).reshape(picture.height, picture.width, -1)
