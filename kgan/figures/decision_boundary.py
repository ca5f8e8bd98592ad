"""Fakes beyond the decision boundary: where two losses move them."""

import dataclasses

import numpy as np
from keras import ops

from kgan import losses
from kgan._backend import input_gradient
from kgan.errors import UsageError
from kgan.figures import canvas

# Unit normal of the boundary; the plane is tilted so that no coordinate alone decides.
_NORMAL = np.array([0.6, 0.8], "float32")
_NEAR, _SPREAD, _ALONG = -0.8, 0.2, 0.9


@dataclasses.dataclass(frozen=True)
class DecisionBoundary:
    """The numbers of the figure. The decision function f is the signed distance from the boundary f = 0.

    Args:
        real: data points, `[n, 2]`; f is 1 in their mean.
        near: fakes on the fakes' side, `[n, 2]`.
        far: fakes on the real side, far from the data, `[n, 2]`.
        far_scores: f of those, `[n]`.
        near_updates: dict from each loss's name to -dL_G/dx of `near`, `[n, 2]`.
        far_updates: likewise of `far`.
        far_lengths: dict from each loss's name to the mean length of `far_updates`.
    """

    real: np.ndarray
    near: np.ndarray
    far: np.ndarray
    far_scores: np.ndarray
    near_updates: dict[str, np.ndarray]
    far_updates: dict[str, np.ndarray]
    far_lengths: dict[str, float]


def draw_decision_boundary(path, far=3.0, spread=0.2, points=12, seed=0):
    """Draws the updates of fakes on the wrong and on the right side of a linear decision boundary.

    Fakes that D takes for real get no gradient from sigmoid cross entropy, however far from the data they
    are; least squares pulls them back. The arrows are -dL_G/dx, one step at learning rate 1.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        far: f of the fakes on the real side, their distance from the boundary, > 1; 1 is where the data are.
        spread: standard deviation of f within each of the groups, >= 0.
        points: points of each group, >= 1.
        seed: int >= 0, draws the points.

    Returns:
        `DecisionBoundary`, the numbers drawn.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Mao et al., Least Squares Generative Adversarial Networks, 2016, figure 1.

    Example:

    >>> import pathlib, tempfile
    >>> drawn = draw_decision_boundary(pathlib.Path(tempfile.mkdtemp()) / "boundary.png", spread=0.0)
    >>> [(name, round(length, 4)) for name, length in drawn.far_lengths.items()]
    [('sigmoid cross entropy', 0.0474), ('least squares, c = 1', 2.0)]
    """
    canvas.check_png(path)
    if not 1.0 < far < np.inf:
        raise UsageError(f"far must be greater than 1, where the data are, got {far}")
    if not 0.0 <= spread < np.inf:
        raise UsageError(f"spread must be a number of at least 0, got {spread}")
    for name, value, low in (("points", points, 1), ("seed", seed, 0)):
        if value < low:
            raise UsageError(f"{name} must be at least {low}, got {value}")
    rng = np.random.default_rng(seed)
    real, near, beyond = (_group(score, spread, points, rng) for score in (1.0, _NEAR, far))
    curves = {
        "sigmoid cross entropy": losses.NonSaturating(),
        "least squares, c = 1": losses.LeastSquares.zero_one(),
    }
    near_updates = {name: _updates(loss, near) for name, loss in curves.items()}
    far_updates = {name: _updates(loss, beyond) for name, loss in curves.items()}
    lengths = {name: float(np.linalg.norm(u, axis=1).mean()) for name, u in far_updates.items()}
    drawn = DecisionBoundary(real, near, beyond, beyond @ _NORMAL, near_updates, far_updates, lengths)
    canvas.save(_figure(drawn), path)
    return drawn


def _group(score, spread, points, rng):
    """Points around one score, evenly spread along the boundary so that their arrows stay apart."""
    scores = score + spread * rng.standard_normal(points)
    places = np.linspace(-_ALONG, _ALONG, points) + 0.05 * rng.standard_normal(points)
    along = np.array([_NORMAL[1], -_NORMAL[0]])
    return (np.outer(scores, _NORMAL) + np.outer(places, along)).astype("float32")


def _updates(loss, points):
    def generator_loss(x):
        return loss.generator_term(ops.matmul(x, ops.convert_to_tensor(_NORMAL)))

    _, gradient = input_gradient(generator_loss, ops.convert_to_tensor(points))
    return -ops.convert_to_numpy(gradient)


def _figure(drawn):
    figure = canvas.blank(9.0, 5.5)
    groups = ((drawn.near, drawn.near_updates, canvas.FAKE), (drawn.far, drawn.far_updates, canvas.FAR))
    everything = np.concatenate([drawn.real, drawn.near, drawn.far])
    centre, reach = (everything.max(0) + everything.min(0)) / 2, np.ptp(everything, axis=0).max() / 2 + 0.5
    for axes, name in zip(figure.subplots(1, 2, sharex=True, sharey=True), drawn.far_lengths):
        axes.scatter(*drawn.real.T, s=30, marker="x", color=canvas.REAL, label="data")
        for (points, updates, colour), label in zip(groups, ("fakes", "fakes far on the real side")):
            axes.scatter(*points.T, s=22, color=colour, label=label)
            style = {"angles": "xy", "scale_units": "xy", "scale": 1.0, "width": 0.005, "alpha": 0.75}
            axes.quiver(*points.T, *updates[name].T, color=colour, **style)
        normal = _NORMAL.astype("float64")
        for level, line in ((0.0, "-"), (1.0, ":")):
            axes.axline(
                level * normal, slope=-normal[0] / normal[1], linestyle=line, color=canvas.CRITIC, lw=1.4
            )
        axes.set(xlim=(centre[0] - reach, centre[0] + reach), ylim=(centre[1] - reach, centre[1] + reach))
        axes.set(title=f"{name}\nmean step of the far fakes {drawn.far_lengths[name]:.3f}", aspect="equal")
        axes.grid(alpha=0.25)
        _name_lines(axes, centre, reach)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


def _name_lines(axes, centre, reach):
    """The levels of f, written where their lines leave the panel at the left."""
    left = centre[0] - 0.97 * reach
    for level in (0.0, 1.0):
        height = (level - _NORMAL[0] * left) / _NORMAL[1]
        axes.text(left, height + 0.06 * reach, f"f = {level:.0f}", color=canvas.CRITIC, fontsize=9)
