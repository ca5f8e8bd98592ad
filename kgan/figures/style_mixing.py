"""Style mixing: the styles of some layers from one latent, those of the others from another."""

import dataclasses

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid

_ROWS = (("coarse", 3), ("middle", 2), ("fine", 1))


@dataclasses.dataclass(frozen=True)
class StyleMixing:
    """What one figure shows.

    Args:
        sources: uint8 `[columns, height, width, channels]`.
        destinations: uint8 `[rows, height, width, channels]`.
        mixed: uint8 `[rows, columns, height, width, channels]`.
        layers: for each row the (first, last) layer that is taken from the source.
    """

    sources: np.ndarray
    destinations: np.ndarray
    mixed: np.ndarray
    layers: tuple[tuple[int, int], ...]


def style_bands(layers):
    """(first, last) of the coarse, the middle and the fine layers, without those that there are none of.

    Args:
        layers: of the network, at least 4.

    Raises:
        UsageError: fewer layers.

    Example:

    >>> style_bands(18)
    {'coarse': (0, 3), 'middle': (4, 7), 'fine': (8, 17)}
    >>> style_bands(8)
    {'coarse': (0, 3), 'middle': (4, 5), 'fine': (6, 7)}
    """
    if layers < 4:
        raise UsageError(f"style mixing needs at least 4 layers, which is 8x8, got {layers}")
    # The published borders, 8x8 and 32x32, where the network is large enough.
    first, second = min(4, 2 * (layers // 4)), min(8, layers - 2)
    ends = {"coarse": (0, first - 1), "middle": (first, second - 1), "fine": (second, layers - 1)}
    return {name: span for name, span in ends.items() if span[0] <= span[1]}


def draw_style_mixing(path, model, *, sources=5, psi=0.7, seed=0, label=None):
    """Draws a grid: each column has the styles of its source in some layers, each row its destination's.

    Three rows take the coarse layers from the source, two the middle ones, one the fine ones; noise is fixed.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN` of at least 8x8.
        sources: columns, >= 1.
        psi: truncation, in [-1, 1].
        seed: int >= 0, draws the latents.
        label: class number, where there are classes.

    Returns:
        `StyleMixing`, what is shown.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 3.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "mixing.png"
    >>> draw_style_mixing(path, StyleGAN.tiny(), sources=2).layers
    ((0, 1), (0, 1), (0, 1), (2, 3))
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(sources=sources)
    bands = style_bands(model.num_layers)
    rows = [(name, bands[name]) for name, count in _ROWS if name in bands for _ in range(count)]
    w = model.styles(model.map(drawn_z(model, sources + len(rows), seed), label), psi)
    images = model.images_of(w)
    mixed = np.stack(
        [
            model.images_of(model.mix(w[:sources], w[sources + row][None], span))
            for row, (_, span) in enumerate(rows)
        ]
    )
    drawn = StyleMixing(images[:sources], images[sources:], mixed, tuple(span for _, span in rows))
    table = [[None, *drawn.sources]]
    table += [[one, *row] for one, row in zip(drawn.destinations, drawn.mixed)]
    names = ["source", *(f"{name}\n{span[0]} to {span[1]}" for name, span in rows)]
    canvas.save(grid(table, names=names), path)
    return drawn
