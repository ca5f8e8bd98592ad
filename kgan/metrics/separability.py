"""Linear separability: how well one hyperplane in a latent space tells whether an attribute is there."""

import dataclasses
from typing import Any

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks

_STEPS = 100  # of Newton at most; about ten are needed


@dataclasses.dataclass(frozen=True)
class Separability:
    """How separable the attributes of images are in a latent space, and what the number depends on.

    Args:
        value: 2 to the sum of the entropies: 1 is best, and each attribute at worst doubles it.
        entropies: dict from the name of an attribute to H(label | side) in bits, from 0 to 1.
        tables: dict likewise to counts of the samples kept, two rows of two: rows are the sides of the
            boundary, columns the labels, each without and with the attribute.
        settings: dict of the arguments and counts; values with different ones are not comparable.
    """

    value: float
    entropies: dict[str, float]
    tables: dict[str, list[list[int]]]
    settings: dict[str, Any]


def linear_separability(latents, scores, *, threshold: float | None = 0.0, keep=0.5, cost=1.0):
    """How well linear boundaries separate binary attributes in a latent space: 1 is best.

    For each attribute the samples of which its classifier is surest stay; a linear support vector machine is
    fitted from latents to labels; the conditional entropy says how much the label is unknown still when the
    side of the boundary is known. Karras et al. 2019: 200,000 samples, half of them kept, 40 attributes of
    faces. Compare only values of the same classifiers. Boundaries are judged on the samples that they are
    fitted to: n must be many times d.

    Args:
        latents: `[n, d]`, n >= 2, the z or w of each image.
        scores: dict from the name of an attribute to floats `[n]`, such as logits of a classifier; the
            attribute is there above the threshold, and the surer the farther from it.
        threshold: one number, 0.5 for probabilities, or `None` for the median of each attribute.
        keep: share of the samples that stays, in (0, 1].
        cost: of the squared hinge losses against half the squared weights, > 0.

    Returns:
        `Separability`.

    Raises:
        UsageError: a setting out of its range, or no attribute.
        DataError: latents and scores that do not belong together, or labels that are all alike.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(400, 3))
        >>> round(linear_separability(x, {"right": x[:, 0], "far": np.abs(x[:, 1]) - 0.7}).value, 1)
        2.0
    """
    if not checks.is_number(keep, 0, 1) or keep == 0:
        raise UsageError(f"keep must lie in (0, 1], got {checks.shown(keep)}")
    if threshold is not None and not checks.is_number(threshold):
        raise UsageError(f"threshold must be a finite number or None, got {checks.shown(threshold)}")
    cost, latents = checks.positive("cost", cost), checks.matrix("latents", latents)
    checks.enough("latents", len(latents), 2, "a boundary")
    if not isinstance(scores, dict) or not scores:
        raise UsageError(f"scores must be a dict of at least one attribute, got {checks.shown(scores)}")
    kept = max(2, round(keep * len(latents)))
    tables = {}
    for name, values in scores.items():
        margins = _margins(name, values, len(latents), threshold)
        rows = np.argsort(-np.abs(margins), kind="stable")[:kept]
        labels = margins[rows] > 0.0
        if labels.all() or not labels.any():
            bound = "their median" if threshold is None else f"the threshold {threshold:g}"
            raise DataError(
                f"scores of {name} must lie on both sides of {bound} where they are surest, "
                f"got all {kept} {'above' if labels.all() else 'not above'}"
            )
        weights, offset = fit_boundary(latents[rows], labels, cost)
        sides = latents[rows] @ weights + offset > 0.0
        tables[name] = np.bincount(2 * sides + labels, minlength=4).reshape(2, 2).tolist()
    entropies = {name: conditional_entropy(table) for name, table in tables.items()}
    settings = {"samples": len(latents), "kept": kept, "threshold": threshold, "cost": cost}
    return Separability(float(2.0 ** sum(entropies.values())), entropies, tables, settings)


def conditional_entropy(table):
    """H(column | row) of a table of counts, in bits.

    Args:
        table: numbers >= 0 `[rows, columns]`, not all of them 0.

    Returns:
        A float from 0 to log2(columns).

    Example:
        >>> conditional_entropy([[4, 0], [2, 2]])
        0.5
    """
    table = np.asarray(table, np.float64)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-300)
    bits = -table * np.log2(np.where(shares > 0.0, shares, 1.0))
    return abs(float(bits.sum() / table.sum()))


def fit_boundary(x, labels, cost=1.0):
    """The linear support vector machine with squared hinge loss, exactly, by Newton's method in the primal.

    Minimises `(|w|^2 + b^2) / 2 + cost * sum(max(0, 1 - y (w x + b))^2)`, y = -1 or 1: the problem of
    LIBLINEAR, whose default settings Karras et al. 2019 took; its quadratic pieces need few steps.

    Args:
        x: finite `[n, d]`.
        labels: bool `[n]`.
        cost: > 0.

    Returns:
        w, float64 `[d]`, and b, a float.

    Reference: Chapelle, Training a Support Vector Machine in the Primal, 2007.

    Example:
        >>> w, b = fit_boundary(np.array([[0.0], [2.0]]), np.array([False, True]), cost=1e6)
        >>> w.round(3).tolist(), round(b, 3)
        ([1.0], -1.0)
    """
    rows = np.column_stack([np.asarray(x, np.float64), np.ones(len(x))])
    rows *= np.where(labels, 1.0, -1.0)[:, None]
    weights = np.zeros(rows.shape[1])
    hinge = np.ones(len(rows))
    loss = cost * len(rows)
    for _ in range(_STEPS):
        active = rows[hinge > 0.0]
        slope = weights - 2.0 * cost * active.T @ hinge[hinge > 0.0]
        step = np.linalg.solve(np.eye(len(weights)) + 2.0 * cost * active.T @ active, slope)
        fall, size = slope @ step, 1.0
        if fall <= 1e-14 * loss:
            break
        while True:  # a whole step nearly always
            moved = weights - size * step
            hinge = np.maximum(1.0 - rows @ moved, 0.0)
            lower = 0.5 * moved @ moved + cost * hinge @ hinge
            if lower <= loss - 0.1 * size * fall or size < 1e-6:
                break
            size *= 0.5
        weights, loss = moved, lower
    return weights[:-1], float(weights[-1])


def _margins(name, values, count, threshold):
    """How far each score lies above the threshold."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf" or values.shape != (count,) or not np.isfinite(values).all():
        raise DataError(
            f"scores of {name} must be {count} finite numbers with a confidence, one per latent, "
            f"got {values.dtype} of {list(values.shape)}"
        )
    values = values.astype(np.float64)
    return values - (np.median(values) if threshold is None else threshold)
