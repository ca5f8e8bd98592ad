"""What noise adds at which layers: all, none, the fine ones, the coarse ones."""

import numpy as np

from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid

_PARTS = ("all", "none", "fine", "coarse")


def draw_noise_components(path, model, *, n=4, seed=0, label=None):
    """Draws the same latents with fixed noise at all layers, at none, at the fine and at the coarse ones.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        n: latents, >= 1.
        seed: int >= 0, draws them.
        label: class number, where there are classes.

    Returns:
        dict from "all", "none", "fine" and "coarse" to uint8 `[n, height, width, channels]`.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 5.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "noise.png"
    >>> list(draw_noise_components(path, StyleGAN.tiny(), n=1))
    ['all', 'none', 'fine', 'coarse']
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(n=n)
    w = model.map(drawn_z(model, n, seed), label)
    drawn = {part: model.images_of(w, model.noise(n, "fixed", part)) for part in _PARTS}
    canvas.save(grid([list(row) for row in np.stack(list(drawn.values()), axis=1)], _PARTS), path)
    return drawn
