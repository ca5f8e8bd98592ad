"""Why a mapping network: a set of attributes with a hole, seen through a Gaussian Z and through W."""

import dataclasses

import keras
import numpy as np
from keras import ops
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from kgan import checks
from kgan.figures import canvas
from kgan.figures.style_panels import check_counts
from kgan.metrics.path_length import perceptual_path_length

L = keras.layers
_ANGLES = 16  # lines that distributions are compared on
_BATCH, _PAIRS, _SIDE = 512, 4000, 161


@dataclasses.dataclass(frozen=True)
class Disentanglement:
    """What the figure shows.

    Args:
        path_lengths: dict from "z" and "w" to the mean squared length of a walk between two latents, in
            attributes.
        in_hole: share of generated attributes that lie in the forbidden quadrant.
        distance: root of the sliced squared distance between generated and true attributes.
    """

    path_lengths: dict[str, float]
    in_hole: float
    distance: float


def attributes(n, rng):
    """Uniform points of the square [-1, 1]^2 without the quadrant where both are positive, `[n, 2]`."""
    quadrants = np.array([[-1.0, -1.0], [-1.0, 0.0], [0.0, -1.0]])
    return (rng.uniform(size=(n, 2)) + quadrants[rng.integers(0, 3, n)]).astype("float32")


def sliced_distance(real, made):
    """Mean squared distance of the sorted projections on lines of all directions, a scalar."""
    angles = np.arange(_ANGLES) * np.pi / _ANGLES
    lines = ops.convert_to_tensor(np.stack([np.cos(angles), np.sin(angles)]).astype("float32"))
    a, b = (ops.sort(ops.matmul(points, lines), axis=0) for points in (real, made))
    return ops.mean(ops.square(a - b))


def draw_disentanglement(path, *, steps=3000, width=64, seed=0):
    """Trains a mapping and a synthesis network on two attributes, and draws their levels in three spaces.

    One corner of the attributes never occurs. Seen from the Gaussian z the attributes must bend around it;
    the mapping network takes much of that over, so that they are straighter seen from w. Path lengths in
    both spaces say it in numbers: of great circles in Z, of straight lines in W. A toy of its own, trained
    on the sliced Wasserstein distance instead of a discriminator.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        steps: of training, >= 1.
        width: of the mapping network's layers, >= 1.
        seed: int >= 0.

    Returns:
        `Disentanglement`, the numbers.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 6.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "toy.png"
    >>> sorted(draw_disentanglement(path, steps=2).path_lengths)
    ['w', 'z']
    """
    canvas.check_png(path)
    check_counts(steps=steps, width=width)
    checks.count("seed", seed, 0)
    rng = np.random.default_rng(seed)
    mapping, synthesis = _networks(width, seed)
    z = keras.Input((2,))
    whole = keras.Model(z, synthesis(mapping(z)))
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    whole.compile(keras.optimizers.Adam(rate), loss=sliced_distance)
    shape = (steps * _BATCH, 2)
    whole.fit(
        rng.normal(size=shape).astype("float32"),
        attributes(shape[0], rng),
        batch_size=_BATCH,
        shuffle=False,
        verbose=0,
    )
    drawn = _measured(mapping, synthesis, rng)
    canvas.save(_figure(mapping, synthesis, drawn, rng), path)
    return drawn


def _networks(width, seed):
    """Mapping z to w, and synthesis w to attributes, which can bend less."""

    def dense(units, place):
        start = keras.initializers.HeNormal(seed=1000 * seed + place)
        return L.Dense(units, "leaky_relu", kernel_initializer=start)

    mapping = [dense(width, place) for place in range(4)]
    start = keras.initializers.GlorotNormal(seed=1000 * seed + 9)
    mapping = keras.Sequential([keras.Input((2,)), *mapping, L.Dense(2, kernel_initializer=start)])
    identity = keras.initializers.Identity()
    synthesis = keras.Sequential(
        [keras.Input((2,)), dense(16, 10), L.Dense(2, kernel_initializer=identity)], name="synthesis"
    )
    return mapping, synthesis


def _run(network, points):
    return ops.convert_to_numpy(network(ops.convert_to_tensor(np.asarray(points, "float32"))))


def _measured(mapping, synthesis, rng):
    z = rng.normal(size=(2, _PAIRS, 2)).astype("float32")
    w = [_run(mapping, part) for part in z]

    def squared(a, b):
        return np.square(a - b).sum(axis=(1, 2, 3))

    def length(space, ends, decode):
        return perceptual_path_length(
            lambda x: decode(x).reshape(-1, 1, 1, 2).astype("float64"),
            squared,
            *ends,
            space=space,
            epsilon=1e-2,
            keep=(0.0, 99.0),
            batch_size=_PAIRS,
        ).value

    lengths = {
        "z": length("z", z, lambda x: _run(synthesis, _run(mapping, x))),
        "w": length("w", w, lambda x: _run(synthesis, x)),
    }
    made = _run(synthesis, w[0])
    distance = float(ops.convert_to_numpy(sliced_distance(attributes(_PAIRS, rng), made)))
    return Disentanglement(lengths, float((made > 0.05).all(axis=1).mean()), float(np.sqrt(distance)))


def _figure(mapping, synthesis, drawn, rng):
    figure = canvas.blank(10.5, 3.9)
    panels = figure.subplots(1, 3)
    z = rng.normal(size=(_PAIRS, 2)).astype("float32")
    w = _run(mapping, z)
    points = attributes(_PAIRS, rng)
    spaces = (
        ("attributes, one corner never occurs", points, lambda x: x),
        (
            f"from Z, path length {drawn.path_lengths['z']:.2f}",
            z,
            lambda x: _run(synthesis, _run(mapping, x)),
        ),
        (f"from W, path length {drawn.path_lengths['w']:.2f}", w, lambda x: _run(synthesis, x)),
    )
    levels = np.linspace(-0.8, 0.8, 9)
    for panel, (title, dots, decode) in zip(panels, spaces):
        low, high = dots.min(axis=0), dots.max(axis=0)
        x, y = np.meshgrid(*(np.linspace(a, b, _SIDE) for a, b in zip(low, high)))
        values = decode(np.column_stack([x.ravel(), y.ravel()])).reshape(_SIDE, _SIDE, 2)
        if dots is points:
            values[(x > 0.0) & (y > 0.0)] = np.nan
        panel.plot(*dots[:800].T, ".", color="#bbbbbb", markersize=1.5)
        for number, colour in enumerate((canvas.CRITIC, canvas.FAR)):
            panel.contour(x, y, values[..., number], levels, colors=colour, linewidths=0.8)
        panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        panel.set_title(title, fontsize=9)
        panel.set_xticks([])
        panel.set_yticks([])
    panels[0].add_patch(Rectangle((0.0, 0.0), 1.0, 1.0, color="#eeeeee", zorder=0))
    panels[0].text(0.5, 0.5, "never occurs", ha="center", va="center", fontsize=8)
    handles = [
        Line2D([], [], color=colour, linewidth=0.8, label=f"levels of the {which} attribute")
        for which, colour in (("first", canvas.CRITIC), ("second", canvas.FAR))
    ]
    handles.append(Line2D([], [], color="#666666", linewidth=0.8, linestyle="--", label="levels below 0"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
