"""Adversarial losses and their gradients as functions of one logit."""

import dataclasses

import numpy as np
from keras import ops

from kgan import losses
from kgan._backend import input_gradient
from kgan.errors import UsageError
from kgan.figures import canvas


@dataclasses.dataclass(frozen=True)
class LossCurves:
    """The curves of one figure.

    Args:
        logits: float32 array `[points]`, what the discriminator says of a fake.
        values: dict from each loss's name to the loss per sample, `[points]`.
        gradients: dict from each loss's name to the gradient by the logit, `[points]`.
    """

    logits: np.ndarray
    values: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]


def draw_loss_curves(path, curves=None, span=(-8.0, 8.0), points=321):
    """Draws what the generator pays for a fake, and how hard it is pulled, against D's logit of the fake.

    By default the two objectives of Goodfellow et al. (2014), log(1 - D) and -log D: the first has no
    gradient left where D is sure that the sample is fake, at the left of the figure. With
    `least_squares_curves()` it is the comparison of Mao et al. (2016): the sigmoid's gradient vanishes on
    the real side, that of the squared error pulls back to the boundary.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        curves: dict from a label to a `kgan.losses.AdversarialLoss` with a loss per logit.
        span: (lowest, highest) logit.
        points: logits computed, >= 2.

    Returns:
        `LossCurves`, the numbers drawn.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import pathlib, tempfile
    >>> drawn = draw_loss_curves(pathlib.Path(tempfile.mkdtemp()) / "losses.png", span=(-20.0, 20.0))
    >>> [round(float(gradient[0]), 6) + 0.0 for gradient in drawn.gradients.values()]
    [0.0, -1.0]
    """
    canvas.check_png(path)
    curves = minimax_curves() if curves is None else curves
    low, high = span
    if not low < high or points < 2:
        raise UsageError(f"span must be (low, high) with at least 2 points, got {span} and {points}")
    for label, loss in curves.items():
        if loss.needs_real:
            raise UsageError(f"curves must be of losses of one logit, got {loss!r} for {label!r}")
    drawn = _compute(curves, np.linspace(low, high, points, dtype="float32"))
    canvas.save(_figure(drawn), path)
    return drawn


def minimax_curves():
    """The two generator objectives of 2014 for `draw_loss_curves`."""
    return {"log(1 - D): minimax": losses.Minimax(), "-log D: non-saturating": losses.NonSaturating()}


def least_squares_curves():
    """Sigmoid cross entropy against squared error for `draw_loss_curves`."""
    return {
        "sigmoid cross entropy": losses.NonSaturating(),
        "least squares, c = 1": losses.LeastSquares.zero_one(),
    }


def _compute(curves, logits):
    values, gradients = {}, {}
    for label, loss in curves.items():
        value, gradient = input_gradient(loss.generator_term, ops.convert_to_tensor(logits))
        values[label] = ops.convert_to_numpy(value)
        gradients[label] = ops.convert_to_numpy(gradient)
    return LossCurves(logits, values, gradients)


def _figure(drawn):
    figure = canvas.blank(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    for (label, value), style in zip(drawn.values.items(), ("-", "--", "-.", ":") * len(drawn.values)):
        left.plot(drawn.logits, value, style, label=label)
        right.plot(drawn.logits, drawn.gradients[label], style, label=label)
    left.set(title="loss of the generator for one fake", ylabel="loss")
    right.set(title="its gradient by D's output", ylabel="gradient")
    for axes, curves in ((left, drawn.values), (right, drawn.gradients)):
        axes.set(xlabel="D's output for the fake, before any sigmoid")
        axes.set_ylim(*_limits(curves.values()))
        axes.axhline(0.0, color="0.6", linewidth=0.8)
        axes.axvline(0.0, color="0.6", linewidth=0.8)
        axes.grid(alpha=0.25)
        axes.margins(x=0)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def _limits(curves):
    """A steep curve is cut off where it would squeeze the others into a line."""
    low, high = min(c.min() for c in curves), max(c.max() for c in curves)
    narrow = min(np.ptp(c) for c in curves)
    low, high = max(low, -4.0 * narrow), min(high, 4.0 * narrow)
    return low - 0.05 * (high - low), high + 0.05 * (high - low)
