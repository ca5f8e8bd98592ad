"""The theory functions against numbers worked out by hand."""

import math

import numpy as np
import pytest

from kgan import theory
from kgan.errors import UsageError

pytestmark = pytest.mark.once

P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])


def gaussian(x, mean, deviation=1.0):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def test_the_golden_case():
    d = theory.optimal_discriminator(P, Q)
    np.testing.assert_allclose(d, [5 / 7, 0.5, 2 / 7], rtol=1e-14)
    assert theory.value(P, Q, d) == pytest.approx(-1.2534657323553273, rel=1e-12)
    assert theory.virtual_criterion(P, Q) == pytest.approx(-1.2534657323553273, rel=1e-12)
    assert theory.jsd(P, Q) == pytest.approx(0.06641431438228168, rel=1e-12)
    assert theory.kl(P, Q) == pytest.approx(0.27488721956224654, rel=1e-12)


def test_equal_densities_are_the_optimum():
    assert theory.virtual_criterion(P, P) == pytest.approx(-1.3862943611, abs=1e-10)
    np.testing.assert_array_equal(theory.optimal_discriminator(P, P), 0.5)
    assert theory.value(P, P, 0.5) == pytest.approx(-1.3862943611, abs=1e-10)


def test_a_nearly_certain_discriminator_approaches_zero_from_below():
    d = np.array([1 - 1e-6, 1e-6])
    assert theory.value([1.0, 0.0], [0.0, 1.0], d) == pytest.approx(-2.000001e-6, rel=1e-6)


def test_disjoint_supports_saturate():
    p, q = np.array([0.5, 0.5, 0.0, 0.0]), np.array([0.0, 0.0, 0.4, 0.6])
    assert theory.jsd(p, q) == pytest.approx(math.log(2), rel=1e-14)
    assert theory.virtual_criterion(p, q) == pytest.approx(0.0, abs=1e-14)
    assert theory.kl(p, q) == math.inf
    assert theory.value(p, q, theory.optimal_discriminator(p, q)) == 0.0
    assert theory.value(p, q, 1.0) == -math.inf


def test_the_optimal_discriminator_is_best():
    rng = np.random.default_rng(0)
    best = theory.value(P, Q, theory.optimal_discriminator(P, Q))
    assert all(theory.value(P, Q, rng.uniform(size=3)) < best for _ in range(100))


def test_divergences_are_what_their_names_say():
    rng = np.random.default_rng(1)
    draws = rng.dirichlet(np.ones(6), size=30)
    for p, q, r in zip(draws[:10], draws[10:20], draws[20:]):
        assert theory.kl(p, q) > 0
        assert theory.kl(p, q) != pytest.approx(theory.kl(q, p), rel=1e-6)
        assert theory.jsd(p, q) == pytest.approx(theory.jsd(q, p), rel=1e-12)
        assert 0 <= theory.jsd(p, q) <= math.log(2)
        root = [math.sqrt(theory.jsd(*pair)) for pair in ((p, q), (p, r), (r, q))]
        assert root[0] <= root[1] + root[2]
        assert theory.virtual_criterion(p, q) == pytest.approx(
            theory.value(p, q, theory.optimal_discriminator(p, q)), rel=1e-12
        )


def test_densities_on_a_grid():
    x, dx = np.linspace(-12.0, 12.0, 4801, retstep=True)
    p, q = gaussian(x, 0.0), gaussian(x, 1.5, 2.0)
    closed = math.log(2.0) + (1.0 + 1.5**2) / (2 * 4.0) - 0.5
    assert theory.kl(p, q, dx) == pytest.approx(closed, rel=1e-6)
    assert theory.virtual_criterion(p, q, dx) == pytest.approx(
        theory.value(p, q, theory.optimal_discriminator(p, q), dx), rel=1e-6
    )
    far = gaussian(x, 11.0, 1e-2)
    assert theory.jsd(p, far, dx) == pytest.approx(math.log(2), rel=1e-6)


def test_least_squares_with_the_pearson_labels():
    labels = {"fake_label": -1.0, "real_label": 1.0}
    f = theory.least_squares_optimal_discriminator(P, Q, **labels)
    np.testing.assert_allclose(f, [3 / 7, 0.0, -3 / 7], atol=1e-14)
    chi_square = theory.pearson_chi_square(P + Q, 2 * Q)
    assert chi_square == pytest.approx(0.2571428571, abs=1e-10)
    generator = theory.least_squares_losses(P, Q, f, **labels, generator_label=0.0)[1]
    reals = theory.least_squares_losses(Q, P, f, **labels, generator_label=0.0)[1]
    assert 2 * (generator + reals) == pytest.approx(chi_square, rel=1e-12)
    equal = theory.least_squares_optimal_discriminator(P, P, **labels)
    assert theory.least_squares_losses(P, P, equal, **labels, generator_label=0.0) == pytest.approx(
        (0.5 * 2, 0.0)
    )
    assert theory.pearson_chi_square(2 * P, 2 * P) == 0.0


def test_least_squares_with_zero_one_labels():
    f = theory.least_squares_optimal_discriminator(P, Q)
    np.testing.assert_allclose(f, [5 / 7, 0.5, 2 / 7], rtol=1e-14)
    assert theory.least_squares_losses(P, Q, f) == pytest.approx((0.2178571429, 0.1732142857), abs=1e-10)
    assert theory.least_squares_losses(P, P, 0.5) == pytest.approx((0.25, 0.125))


def test_chi_square_where_a_density_is_zero():
    assert theory.pearson_chi_square([1.0, 0.0], [1.0, 0.0]) == 0.0
    assert theory.pearson_chi_square([1.0, 0.0], [0.5, 0.5]) == math.inf
    assert theory.least_squares_optimal_discriminator([1.0, 0.0], [1.0, 0.0], 0.0, 3.0).tolist() == [1.5, 1.5]


def test_wrong_arguments_say_the_rule_and_the_value():
    cases = [
        (lambda: theory.kl([0.5, 0.5], [0.2, 0.3, 0.5]), r"shapes \(2,\) and \(3,\)"),
        (lambda: theory.jsd([1.5, -0.5], [0.5, 0.5]), "p must be finite and at least 0, got -0.5"),
        (lambda: theory.jsd([0.5, 0.5], [0.5, float("nan")]), "q must be finite"),
        (lambda: theory.kl([0.5, 0.7], [0.5, 0.5]), r"p must have mass 1 within 1 %, got 1.2 \(dx=1.0\)"),
        (lambda: theory.value([0.5, 0.5], [0.5, 0.5], 1.5), r"discriminator must lie in \[0, 1\], got 1.5"),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()
