"""Attribute edits: latents moved along the direction of an attribute, and what else moves with it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from kgan import checks
from kgan.directions import Direction
from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid
from kgan.models.style_edits import EditEffect, swept
from kgan.styles import as_floats


def _light(images):
    return images.astype("float32").mean(axis=(1, 2, 3))


def _contrast(images):
    return images.astype("float32").std(axis=(1, 2, 3))


def _redness(images):
    shade = images.astype("float32").mean(axis=(1, 2))
    return shade[:, 0] - shade[:, -1]


def _filled(images):
    """Share of the pixels that differ from the corners."""
    pixels = images.astype("float32")
    corners = pixels[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1)
    return (np.abs(pixels - corners[:, None, None]).max(axis=-1) > 32.0).mean(axis=(1, 2))


def _height(images):
    """How far up the darkness is, of the height."""
    dark = 255.0 - images.astype("float32").mean(axis=-1)
    rows = np.linspace(1.0, 0.0, images.shape[1])
    return (dark.mean(axis=2) * rows).sum(axis=1) / np.maximum(dark.mean(axis=2).sum(axis=1), 1e-6)


ATTRIBUTES: dict[str, Callable] = {
    "light": _light,
    "contrast": _contrast,
    "redness": _redness,
    "filled": _filled,
    "height": _height,
}


@dataclasses.dataclass(frozen=True)
class AttributeEdits:
    """What the figure shows.

    Args:
        images: uint8 `[n, strengths, height, width, channels]`.
        directions: dict of "z" and "w" to the `kgan.directions.Direction` of the attribute there.
        effects: dict of the same to the `EditEffect` of a move by 2 standard deviations.
    """

    images: np.ndarray
    directions: dict[str, Direction]
    effects: dict[str, EditEffect]


def judges(attribute, channels):
    """The function of an attribute and those of the others.

    Args:
        attribute: one of `ATTRIBUTES`, or a function from uint8 images to numbers `[n]`.
        channels: image channels; grey images have no redness.

    Returns:
        `(target, others)`, the second a dict by name.

    Raises:
        UsageError: there is no such attribute.

    Example:

    >>> sorted(judges("light", 1)[1])
    ['contrast', 'filled', 'height']
    """
    known = {name: judge for name, judge in ATTRIBUTES.items() if name != "redness" or channels == 3}
    if callable(attribute):
        return attribute, known
    if not isinstance(attribute, str) or attribute not in known:
        raise UsageError(f"attribute must be one of {', '.join(known)}, got {checks.shown(attribute)}")
    return known[attribute], {name: judge for name, judge in known.items() if name != attribute}


def draw_attribute_edit(
    path,
    model,
    *,
    attribute="light",
    n=4,
    strengths=(-3.0, -1.5, 0.0, 1.5, 3.0),
    layers=None,
    samples=1000,
    seed=0,
    label=None,
):
    """Draws latents moved in W along the direction of an attribute, and measures the same in Z.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        attribute: "light", "contrast", "redness", "filled", "height", or a function from uint8 images
            `[n, height, width, channels]` to numbers `[n]`, such as the logits of one class.
        n: latents, >= 1.
        strengths: how far, in standard deviations along the direction.
        layers: (first, last) of those that move, or `None` for all.
        samples: images that the direction is fitted on, >= 2.
        seed: int >= 0, draws the latents.
        label: class number, where there are classes.

    Returns:
        `AttributeEdits`.

    Raises:
        UsageError: an argument breaks its rule.
        DataError: the attribute is the same in all samples.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, section 4.2.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "light.png"
    >>> draw_attribute_edit(path, StyleGAN.tiny(), n=2, samples=50).images.shape
    (2, 5, 8, 8, 1)
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(n=n)
    checks.count("samples", samples, 2)
    checks.count("seed", seed, 0)
    strengths = swept("strengths", as_floats("strengths", strengths))
    target, others = judges(attribute, model.image_shape[-1])
    conditions = {"seed": seed, "label": label}
    fitted = {space: model.fit_attribute(target, samples, space, **conditions) for space in ("z", "w")}
    # Other latents than those of the fit.
    again = {"n": max(2, samples // 4), "seed": seed + 1, "label": label}
    effects = {
        space: model.edit_effect(direction, 2.0, target, others, space=space, **again)
        for space, direction in fitted.items()
    }
    w = model.map(drawn_z(model, n, seed), label)
    moved = [model.images_of(model.edit(w, fitted["w"], strength, layers)) for strength in strengths]
    images = np.stack(moved, axis=1)
    canvas.save(grid([list(row) for row in images], [f"{strength:+g}" for strength in strengths]), path)
    return AttributeEdits(images, fitted, effects)
