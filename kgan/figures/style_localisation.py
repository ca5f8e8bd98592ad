"""Where the style of one layer acts: what changes when another latent gives it."""

import dataclasses

import numpy as np

from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid


@dataclasses.dataclass(frozen=True)
class StyleLocalisation:
    """What one figure shows.

    Args:
        image: uint8 `[height, width, channels]`.
        replaced: it with the style of one layer taken from another latent, uint8
            `[layers, height, width, channels]`.
        changes: mean absolute change over channels and all pairs of latents, in grey levels,
            `[layers, height, width]`.
    """

    image: np.ndarray
    replaced: np.ndarray
    changes: np.ndarray


def draw_style_localisation(path, model, *, pairs=50, seed=0, label=None):
    """Draws an image with one style replaced at a time, and how much each pixel changes by that, times 4.

    One row for each side, with its two layers; fixed noise, no truncation.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        pairs: of latents that the changes are averaged over, >= 1; the first one is drawn.
        seed: int >= 0, draws the latents.
        label: class number, where there are classes.

    Returns:
        `StyleLocalisation`, what is shown.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, section 2: the effects of each
    style are localised in the network.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "places.png"
    >>> draw_style_localisation(path, StyleGAN.tiny(), pairs=2).changes.shape
    (4, 8, 8)
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(pairs=pairs)
    w = model.map(drawn_z(model, 2 * pairs, seed), label)
    images = model.images_of(w[:pairs])
    replaced, changes = [], []
    for layer in range(model.num_layers):
        mixed = model.images_of(model.mix(w[pairs:], w[:pairs], (layer, layer)))
        replaced.append(mixed[0])
        changes.append(np.abs(mixed.astype("float64") - images).mean(axis=(0, 3)))
    drawn = StyleLocalisation(images[0], np.stack(replaced), np.stack(changes))
    canvas.save(_figure(drawn), path)
    return drawn


def _figure(drawn):
    maps = np.clip(4.0 * drawn.changes, 0.0, 255.0).astype("uint8")[..., None]
    maps = np.broadcast_to(maps, drawn.replaced.shape)
    both = np.stack([drawn.replaced, maps], axis=1)  # [layers, 2, ...]
    rows = [[drawn.image, *both[first], *both[first + 1]] for first in range(0, len(both), 2)]
    sides = [4 << row for row in range(len(rows))]
    titles = ["image", "1st style", "x 4", "2nd style", "x 4"]
    return grid(rows, titles, [f"{side}x{side}" for side in sides])
