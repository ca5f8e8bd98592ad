"""Sums and differences of latents that stand for concepts."""

import dataclasses
import textwrap

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas, decoding, tiles

_AVERAGED, _AROUND = 3, 8
_GAP = 34
# Letters that fit above a column, and the height of a line of them in pixels.
_LETTERS, _LINE = 12, 14


@dataclasses.dataclass(frozen=True)
class VectorArithmetic:
    """What one figure shows.

    Args:
        means: the averages of the latents of A, B and C, `[3, *shape]`.
        latents: A - B + C and the eight latents around it, `[9, *shape]`.
        concepts: images of A, B and C, of their latents and then of their average,
            uint8 `[3, 4, height, width, channels]`.
        result: images of `latents`, uint8 `[9, height, width, channels]`.
    """

    means: np.ndarray
    latents: np.ndarray
    concepts: np.ndarray
    result: np.ndarray


def draw_vector_arithmetic(path, source, a, b, c, *, noise=0.25, names=("A", "B", "C"), seed=0):
    """Draws A - B + C: concepts are averages of three latents, and their sum is decoded again.

    One latent of a concept is not enough, its other properties come through; the average of three is steady.
    The eight images around the result show that its surroundings mean the same. Inputs other than the
    latent, such as a label, have one value in the whole figure.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        source: a `kgan.engine.AdversarialModel` or a `kgan.export.runtime.Generator`.
        a: latents of three images of the first concept, `[3, *shape]`, chosen by eye.
        b: likewise of the one that is subtracted.
        c: likewise of the one that is added.
        noise: half the width of the uniform noise that is added to each coordinate of the result for the
            eight images around it, >= 0, in units of the latent.
        names: what the figure calls the three concepts, in lines of 12 letters.
        seed: int >= 0, draws that noise and the other inputs.

    Returns:
        `VectorArithmetic`, what is shown.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Radford et al., Unsupervised Representation Learning with DCGAN, 2015, figure 7.

    Example:

    >>> import pathlib, tempfile, types
    >>> from kgan.types import Input
    >>> grey = lambda n, z: np.tile(np.uint8(z).reshape(n, 1, 1, 1), (1, 8, 8, 1))
    >>> source = types.SimpleNamespace(inputs=(Input("z", (1,)),), sample=grey)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "sum.png"
    >>> a, b, c = ([[value - 1], [value], [value + 1]] for value in (200, 150, 20))
    >>> draw_vector_arithmetic(path, source, a, b, c).result[0, 0, 0].tolist()
    [70]
    """
    canvas.check_png(path)
    if not 0.0 <= noise < np.inf:
        raise UsageError(f"noise must be a number of at least 0, got {noise}")
    if len(names) != 3:
        raise UsageError(f"names must be three, of A, B and C, got {len(names)}")
    concepts = [decoding.checked_latents(n, z, source, _AVERAGED) for n, z in zip("abc", (a, b, c))]
    _, others = decoding.draw(source, 1, seed)
    means = [z.mean(axis=0, dtype="float64") for z in concepts]
    # In this order A - A + C is C to the last bit.
    result = means[0] - means[1] + means[2]
    offsets = np.random.default_rng([seed, 1]).uniform(-noise, noise, (_AROUND, *result.shape))
    around = np.concatenate([result[None], result + offsets]).astype("float32")
    means = np.stack(means).astype("float32")
    shown = [np.concatenate([z, mean[None]]) for z, mean in zip(concepts, means)]
    z = np.concatenate([*shown, around])
    images = decoding.decode(source, z, {name: value.repeat(len(z), 0) for name, value in others.items()})
    split = 3 * (_AVERAGED + 1)
    drawn = VectorArithmetic(
        means, around, images[:split].reshape(3, _AVERAGED + 1, *images.shape[1:]), images[split:]
    )
    canvas.save(_figure(drawn, names), path)
    return drawn


def _figure(drawn, names):
    images = tiles.fitted(np.concatenate([*drawn.concepts, drawn.result]))
    *concepts, result = np.split(images, np.cumsum([_AVERAGED + 1] * 3))
    around = np.insert(result[1:], _AROUND // 2, result[0], axis=0)
    above = [*(tiles.sheet(concept[:_AVERAGED], 1) for concept in concepts), tiles.sheet(around, 3)]
    below = [tiles.sheet(last, 1) for last in (*(concept[_AVERAGED:] for concept in concepts), result[:1])]
    titles = [*("\n".join(textwrap.wrap(name, _LETTERS)) for name in names), "around the result"]
    top = 12 + _LINE * max(1, *(title.count("\n") + 1 for title in titles))
    words = (*["mean $z$"] * 3, "result")
    tall, small, wide = above[0].shape[0], below[0].shape[0], below[0].shape[1]
    width = sum(sheet.shape[1] + _GAP for sheet in above)
    figure = tiles.surface(width, top + tall + small + 30)
    left = _GAP // 2
    for index, (upper, lower) in enumerate(zip(above, below)):
        centre = left + upper.shape[1] / 2
        tiles.place(figure, upper, left, top)
        tiles.place(figure, lower, round(centre - wide / 2), top + tall + 20)
        tiles.write(figure, centre, top / 2, titles[index])
        tiles.write(figure, centre, top + tall + 10, words[index], fontsize=7)
        if index:
            sign = "\N{MINUS SIGN}+="[index - 1]
            tiles.write(figure, left - _GAP / 2, top + tall + 20 + small / 2, sign, fontsize=16)
        left += upper.shape[1] + _GAP
    return figure
