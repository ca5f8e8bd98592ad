"""Walks between the same two latents through Z and through W."""

import numpy as np

from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid


def draw_style_interpolation(path, model, *, pairs=2, steps=8, psi=1.0, seed=0, label=None):
    """Draws for each pair of latents the way through Z, a great circle, and below it that through W, a line.

    Both rows begin and end with the same images; noise is the generator's own, so that styles alone change.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        pairs: pairs of latents, >= 1.
        steps: images in a row with both ends, >= 2.
        psi: truncation of all of them, in [-1, 1].
        seed: int >= 0, draws the latents.
        label: class number, where there are classes.

    Returns:
        uint8 `[pairs, 2, steps, height, width, channels]`, Z first.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, section 4.1.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "walk.png"
    >>> draw_style_interpolation(path, StyleGAN.tiny(), pairs=1, steps=3).shape
    (1, 2, 3, 8, 8, 1)
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(pairs=pairs)
    z = drawn_z(model, 2 * pairs, seed)
    walks = [
        [model.interpolate(start, end, steps, space, label=label, psi=psi) for space in ("z", "w")]
        for start, end in zip(z[::2], z[1::2])
    ]
    rows = [list(walk) for pair in walks for walk in pair]
    canvas.save(grid(rows, names=["Z", "W"] * pairs), path)
    return np.array(walks)
