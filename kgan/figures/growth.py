"""How a growing generator draws: one latent at every side, and the blend of two of them."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kgan import latents
from kgan.engine import GrowingModel
from kgan.errors import UsageError
from kgan.figures import canvas, tiles
from kgan.layers.fade import blend
from kgan.types import to_uint8

_ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SIDE = 96  # pixels of a picture, at least


@dataclasses.dataclass(frozen=True)
class Growth:
    """What one figure shows.

    Args:
        sides: dict from each side to the image of the latent, uint8 `[side, side, channels]`.
        faded: dict from each alpha to the blend at the last side, uint8 `[side, side, channels]`.
    """

    sides: dict[int, np.ndarray]
    faded: dict[float, np.ndarray]


def draw_growth(path, model, side=None, seed=0):
    """Draws one latent at every side that a generator can make, and the fade into one of them.

    The network has kept the colour layers of all sides; those of the smaller ones have not learnt since
    their fade was over.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.engine.GrowingModel`, such as a PGGAN.
        side: that is faded in, 8 or more; default the present one.
        seed: int >= 0, draws the latent.

    Returns:
        `Growth`, what is shown.

    Raises:
        UsageError: the model does not grow, or has not grown to this side.

    Reference: Karras et al., Progressive Growing of GANs for Improved Quality, Stability, and Variation,
    2017, figures 1 and 2.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import PGGAN
    >>> drawn = draw_growth(pathlib.Path(tempfile.mkdtemp()) / "growth.png", PGGAN.tiny())
    >>> list(drawn.sides), list(drawn.faded)
    ([4, 8], [0.0, 0.25, 0.5, 0.75, 1.0])
    """
    canvas.check_png(path)
    if not isinstance(model, GrowingModel):
        raise UsageError(f"the figure needs a model that grows, got a {type(model).__name__}")
    network = model.generator if model.average is None else model.average.network
    known = [known for known in network.sides[1:] if known <= model.phase.side]
    if not known:
        raise UsageError("the figure needs a model that has grown to 8x8, got one at 4x4")
    side = model.phase.side if side is None else side
    if side not in known:
        raise UsageError(f"side must be one of {known}, got {side}")
    drawn = latents.draw(model.sampling_inputs(), 1, seed, model.banks())
    floats = {s: _made(network.at(s), drawn) for s in network.sides if s <= model.phase.side}
    old = floats[side // 2].repeat(2, axis=0).repeat(2, axis=1)
    drawn = Growth(
        {s: to_uint8(image, model.data_range) for s, image in floats.items()},
        {alpha: to_uint8(blend(floats[side], old, alpha), model.data_range) for alpha in _ALPHAS},
    )
    canvas.save(_figure(drawn, side), path)
    return drawn


def _made(network, drawn):
    """The float image of the network of one side, which takes some of the drawn inputs."""
    inputs = drawn["z"]
    if isinstance(network.input, dict):
        inputs = {name: drawn[name] for name in network.input}
    inputs = keras.tree.map_structure(ops.convert_to_tensor, inputs)
    return ops.convert_to_numpy(ops.stop_gradient(network(inputs, training=False)))[0]


def _figure(drawn, side):
    size = max(_SIDE, *drawn.sides)
    rows = (
        [(f"{s}x{s}", image) for s, image in drawn.sides.items()],
        [(rf"$\alpha$ = {alpha:g}", image) for alpha, image in drawn.faded.items()],
    )
    titles = ("one latent at every side", f"{side // 2}x{side // 2} fades into {side}x{side}")
    width, height = max(map(len, rows)) * (size + 10) + 10, 2 * (size + 46)
    figure = tiles.surface(width, height)
    for number, (title, row) in enumerate(zip(titles, rows)):
        top = number * (size + 46)
        tiles.write(figure, 10, top + 10, title, ha="left")
        for column, (name, image) in enumerate(row):
            left = 10 + column * (size + 10)
            tiles.place(figure, _enlarged(image, size), left, top + 22)
            tiles.write(figure, left + size / 2, top + 22 + size + 10, name)
    return figure


def _enlarged(image, size):
    factor = size // image.shape[0]
    image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.broadcast_to(image, (*image.shape[:2], 3))
