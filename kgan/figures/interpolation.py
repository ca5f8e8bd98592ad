"""Walks between latents, each step decoded."""

import dataclasses

import numpy as np

from kgan import latents
from kgan.errors import UsageError
from kgan.figures import canvas, decoding, tiles

_WAYS = {"lerp": "on a straight line", "slerp": "on a great circle"}


@dataclasses.dataclass(frozen=True)
class Interpolation:
    """What one figure shows.

    Args:
        latents: `[pairs, steps, *shape]`; the first and the last of a row are the two ends, exactly.
        images: uint8 `[pairs, steps, height, width, channels]`.
        largest_steps: for each row the greatest root mean square difference of two neighbouring images, in
            grey levels from 0 to 255, `[pairs]`; a jump stands out among the rows.
    """

    latents: np.ndarray
    images: np.ndarray
    largest_steps: np.ndarray


def draw_interpolation(path, source, ends=None, *, pairs=4, steps=7, kind="lerp", seed=0):
    """Draws what a generator makes of the points between two latents, one pair of latents per row.

    Smooth transitions speak against a generator that has learnt its training images by heart. Inputs other
    than the latent, such as a label, keep one value along a row.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        source: a `kgan.engine.AdversarialModel` or a `kgan.export.runtime.Generator`.
        ends: two arrays of latents `[pairs, *shape]`, where the rows begin and end, or None to draw them.
            With `(z[:-1], z[1:])` each row goes on where the one above ends.
        pairs: rows, >= 1, where `ends` is None.
        steps: images in a row with both ends, >= 2.
        kind: `"lerp"`, a straight line, or `"slerp"`, which does not pass by the rarely trained centre.
        seed: int >= 0, draws the ends and the other inputs.

    Returns:
        `Interpolation`, what is shown.

    Raises:
        UsageError: an argument breaks its rule.

    References: Goodfellow et al., Generative Adversarial Nets, 2014, figure 3; Radford et al., Unsupervised
    Representation Learning with DCGAN, 2015, figure 4.

    Example:

    >>> import pathlib, tempfile, types
    >>> from kgan.types import Input
    >>> grey = lambda n, z: np.tile((z * 255).astype("uint8").reshape(n, 1, 1, 1), (1, 8, 8, 1))
    >>> source = types.SimpleNamespace(inputs=(Input("z", (1,)),), sample=grey)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "walk.png"
    >>> draw_interpolation(path, source, ([[0.0]], [[1.0]]), steps=3).images[0, :, 0, 0, 0].tolist()
    [0, 127, 255]
    """
    canvas.check_png(path)
    if pairs < 1:
        raise UsageError(f"pairs must be at least 1, got {pairs}")
    if ends is not None:
        first, last = (decoding.checked_latents("ends", end, source) for end in ends)
        if len(first) != len(last):
            raise UsageError(f"ends must be as many as beginnings, got {len(first)} and {len(last)}")
        pairs = len(first)
    drawn, others = decoding.draw(source, 2 * pairs, seed)
    if ends is None:
        first, last = drawn[::2], drawn[1::2]
    walk = np.swapaxes(latents.path(first, last, steps, kind), 0, 1)
    others = {name: value[::2].repeat(steps, axis=0) for name, value in others.items()}
    images = decoding.decode(source, walk.reshape(pairs * steps, *walk.shape[2:]), others)
    images = images.reshape(pairs, steps, *images.shape[1:])
    change = np.diff(images.astype("float64"), axis=1)
    largest = np.sqrt(np.square(change).mean(axis=(2, 3, 4))).max(axis=1)
    canvas.save(_figure(images, kind), path)
    return Interpolation(walk, images, largest)


def _figure(images, kind):
    steps = images.shape[1]
    sheet = tiles.sheet(tiles.fitted(images.reshape(-1, *images.shape[2:])), steps)
    height, width, _ = sheet.shape
    figure = tiles.surface(width + 20, height + 34)
    tiles.place(figure, sheet, 10, 26)
    half = width / steps / 2
    tiles.write(figure, 10 + half, 14, "$G(z_0)$")
    tiles.write(figure, 10 + width - half, 14, "$G(z_1)$")
    if steps > 3:
        tiles.write(figure, 10 + width / 2, 14, f"{_WAYS[kind]} from $z_0$ to $z_1$" if steps > 6 else kind)
    return figure
