"""The truncation sweep: from all variety through the mean to the opposite."""

from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid
from kgan.models.style_edits import SWEEP, swept
from kgan.styles import check_psi


def draw_truncation(path, model, *, n=4, psis=SWEEP, cutoff=None, seed=0, label=None):
    """Draws latents at several truncations, all layers truncated unless a cutoff says else.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        n: latents, >= 1.
        psis: at least one number in [-1, 1].
        cutoff: layers that are truncated, 0 to their number.
        seed: int >= 0, draws the latents.
        label: class number, where there are classes.

    Returns:
        uint8 `[psis, n, height, width, channels]`.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 8.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> draw_truncation(pathlib.Path(tempfile.mkdtemp()) / "psi.png", StyleGAN.tiny(), n=2).shape
    (6, 2, 8, 8, 1)
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(n=n)
    psis = swept("psis", check_psi(psis))
    images = model.truncation_sweep(drawn_z(model, n, seed), psis, cutoff, label=label)
    titles = [rf"$\psi$ = {psi:g}" for psi in psis]
    canvas.save(grid([list(row) for row in images.swapaxes(0, 1)], titles), path)
    return images
