"""The theory of the adversarial game as functions, for discrete vectors and densities on a 1-D grid.

Every function takes densities `p` (the data's) and `q` (the generator's) as arrays `[n]` and the spacing
`dx` of the grid: 1 for discrete probabilities. Computed with numpy in float64.
"""

import math

import numpy as np

from kgan.errors import UsageError


def optimal_discriminator(p, q):
    """The best answer of D to fixed densities, `p / (p + q)`; 1/2 where both are 0.

    Goodfellow et al. 2014, proposition 1.

    Args:
        p, q: densities `[n]`, at least 0.

    Returns:
        Array `[n]` in [0, 1].

    Raises:
        UsageError: shapes that differ, or a value that is negative or not finite.

    Example:
        >>> optimal_discriminator([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]).round(7).tolist()
        [0.7142857, 0.5, 0.2857143]
    """
    return least_squares_optimal_discriminator(p, q, fake_label=0.0, real_label=1.0)


def value(p, q, discriminator, dx=1.0):
    """The value of the game, `V(D, G) = E_p[log D] + E_q[log(1 - D)]`.

    Args:
        p, q: densities `[n]`, at least 0.
        discriminator: D `[n]` or a scalar, in [0, 1].
        dx: spacing of the grid.

    Returns:
        A float of at most 0; -inf where D is certain and wrong.

    Raises:
        UsageError: shapes that differ, or values out of range.

    Example:
        >>> round(value([0.5, 0.5], [0.5, 0.5], 0.5), 10)
        -1.3862943611
    """
    p, q = _densities(p, q)
    d = np.broadcast_to(np.asarray(discriminator, np.float64), p.shape)
    if not np.all((d >= 0.0) & (d <= 1.0)):
        raise UsageError(f"discriminator must lie in [0, 1], got {d.min()} to {d.max()}")
    with np.errstate(divide="ignore"):
        log_d, log_not_d = np.log(d), np.log1p(-d)
    return float(np.sum(_weighted(p, log_d) + _weighted(q, log_not_d)) * dx)


def kl(p, q, dx=1.0):
    """Kullback-Leibler divergence `KL(p || q)` in nats; not symmetric.

    Args:
        p, q: densities `[n]` of mass 1 (within 1 %).
        dx: spacing of the grid.

    Returns:
        A float; inf where q is 0 and p is not.

    Raises:
        UsageError: shapes that differ, values out of range, or a mass that is not 1.

    Example:
        >>> round(kl([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]), 10)
        0.2748872196
    """
    p, q = _densities(p, q, dx)
    with np.errstate(divide="ignore"):
        ratio = np.log(p) - np.log(q, where=p > 0.0, out=np.zeros_like(q))
    return float(np.sum(_weighted(p, ratio)) * dx)


def jsd(p, q, dx=1.0):
    """Jensen-Shannon divergence in nats, from 0 to log 2; symmetric, and its square root is a metric.

    Args:
        p, q: densities `[n]` of mass 1 (within 1 %).
        dx: spacing of the grid.

    Returns:
        A float in [0, log 2].

    Raises:
        UsageError: shapes that differ, values out of range, or a mass that is not 1.

    Example:
        >>> round(jsd([1.0, 0.0], [0.0, 1.0]), 10)
        0.6931471806
    """
    p, q = _densities(p, q, dx)
    middle = 0.5 * (p + q)
    return 0.5 * kl(p, middle, dx) + 0.5 * kl(q, middle, dx)


def virtual_criterion(p, q, dx=1.0):
    """What G minimises when D is always optimal: `C(G) = max_D V = -log 4 + 2 JSD(p || q)`.

    Its minimum -log 4 is reached only at q = p. Goodfellow et al. 2014, theorem 1.

    Args:
        p, q: densities `[n]` of mass 1 (within 1 %).
        dx: spacing of the grid.

    Returns:
        A float in [-log 4, 0].

    Raises:
        UsageError: shapes that differ, values out of range, or a mass that is not 1.

    Example:
        >>> round(virtual_criterion([0.5, 0.3, 0.2], [0.2, 0.3, 0.5]), 10)
        -1.2534657324
    """
    return -math.log(4.0) + 2.0 * jsd(p, q, dx)


def least_squares_optimal_discriminator(p, q, fake_label=0.0, real_label=1.0):
    """The best answer of a least-squares D, `(b p + a q) / (p + q)`; the middle where both are 0.

    Mao et al. 2017.

    Args:
        p, q: densities `[n]`, at least 0.
        fake_label: a.
        real_label: b.

    Returns:
        Array `[n]` between the labels.

    Raises:
        UsageError: shapes that differ, or a value that is negative or not finite.

    Example:
        >>> least_squares_optimal_discriminator([0.5, 0.5], [0.5, 0.5], -1.0, 1.0).tolist()
        [0.0, 0.0]
    """
    p, q = _densities(p, q)
    empty = p + q == 0.0
    p, q = np.where(empty, 1.0, p), np.where(empty, 1.0, q)
    return (real_label * p + fake_label * q) / (p + q)


def least_squares_losses(p, q, score, fake_label=0.0, real_label=1.0, generator_label=1.0, dx=1.0):
    """The two losses of a least-squares game for a given output of D.

    Args:
        p, q: densities `[n]`, at least 0.
        score: D's output `[n]` or a scalar.
        fake_label, real_label, generator_label: a, b, c.
        dx: spacing of the grid.

    Returns:
        `(discriminator_loss, generator_loss)`: `E_p (f - b)^2/2 + E_q (f - a)^2/2` and `E_q (f - c)^2/2`.

    Raises:
        UsageError: shapes that differ, or a density that is negative or not finite.

    Example:
        >>> least_squares_losses([0.5, 0.5], [0.5, 0.5], 0.5)
        (0.25, 0.125)
    """
    p, q = _densities(p, q)
    f = np.asarray(score, np.float64)
    discriminator = p * np.square(f - real_label) + q * np.square(f - fake_label)
    generator = q * np.square(f - generator_label)
    return float(0.5 * np.sum(discriminator) * dx), float(0.5 * np.sum(generator) * dx)


def pearson_chi_square(p, q, dx=1.0):
    """Pearson's `chi^2(p || q) = integral (q - p)^2 / p`; the masses are free.

    With labels -1, 1, 0 and an optimal D, twice the generator's least-squares loss (plus the reals' term,
    constant for G) is `pearson_chi_square(p + q, 2 q)`. Mao et al. 2017.

    Args:
        p, q: densities `[n]`, at least 0.
        dx: spacing of the grid.

    Returns:
        A float of at least 0; inf where p is 0 and q is not.

    Raises:
        UsageError: shapes that differ, or a density that is negative or not finite.

    Example:
        >>> p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
        >>> round(pearson_chi_square(p + q, 2 * q), 10)
        0.2571428571
    """
    p, q = _densities(p, q)
    difference = np.square(q - p)
    if np.any((p == 0.0) & (difference > 0.0)):
        return math.inf
    return float(np.sum(np.divide(difference, p, where=p > 0.0, out=np.zeros_like(p))) * dx)


def _weighted(density, logarithm):
    """`density * logarithm` with 0 * -inf = 0."""
    return np.where(density > 0.0, density, 0.0) * np.where(density > 0.0, logarithm, 0.0)


def _densities(p, q, dx=None):
    """Both densities in float64, checked; with `dx` their masses are checked too."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    if p.shape != q.shape or p.ndim != 1:
        raise UsageError(f"p and q must be vectors of one length, got shapes {p.shape} and {q.shape}")
    for name, density in (("p", p), ("q", q)):
        if not (np.isfinite(density).all() and (density >= 0.0).all()):
            raise UsageError(f"{name} must be finite and at least 0, got {density.min()} to {density.max()}")
        if dx is not None and abs(density.sum() * dx - 1.0) > 0.01:
            raise UsageError(f"{name} must have mass 1 within 1 %, got {density.sum() * dx:.6g} (dx={dx})")
    return p, q
