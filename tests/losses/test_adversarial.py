"""Adversarial losses against numbers worked out by hand, the same on every backend."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses
from kgan._backend import value_and_grad
from kgan.errors import UsageError
from kgan.testing import check_loss

LOG2 = 0.6931471806
# softplus(1) = 1.3132617, softplus(-1) = 0.3132617, softplus(2) = 2.1269280, softplus(-2) = 0.1269280
REAL, FAKE = [1.0, -1.0], [-1.0, 0.0]
ORACLES = {  # loss: (D and G at logits 0, D and G at REAL and FAKE)
    losses.NonSaturating(): (2 * LOG2, LOG2, 1.3164661, 1.0032044),
    losses.Minimax(): (2 * LOG2, -LOG2, 1.3164661, -0.5032044),
    losses.Blended(): (2 * LOG2, 0.0, 1.3164661, 0.25),
    losses.Blended(non_saturating=3.0): (2 * LOG2, LOG2 / 2, 1.3164661, (3 * 1.0032044 - 0.5032044) / 4),
    losses.LeastSquares(): (0.5, 0.5, 1.25, 1.25),
    losses.LeastSquares.pearson(): (1.0, 0.0, 1.25, 0.25),
    losses.Hinge(): (2.0, 0.0, 1.5, 0.5),
    losses.Wasserstein(): (0.0, 0.0, -0.5, 0.5),
    losses.RelativisticPairing(): (LOG2, LOG2, 0.7200949, 1.2200949),
    losses.NonSaturating(real_target=0.9): (2 * LOG2, LOG2, 1.3164661, 1.0032044),
}
ALL = pytest.mark.parametrize("loss", list(ORACLES), ids=repr)


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def both(loss, real, fake):
    return float(loss.discriminator(tensor(real), tensor(fake))), float(
        loss.generator(tensor(fake), tensor(real))
    )


def slope(fn, at):
    """Derivative of `fn` at one number."""
    logit = keras.Variable(np.float32(at))
    _, (gradient,) = value_and_grad(lambda: (fn(ops.convert_to_tensor(logit)), None), [logit])
    return float(gradient)


@ALL
def test_oracles(loss):
    zero_d, zero_g, d, g = ORACLES[loss]
    assert both(loss, [0.0] * 4, [0.0] * 4) == pytest.approx((zero_d, zero_g), abs=1e-6)
    assert both(loss, REAL, FAKE) == pytest.approx((d, g), abs=1e-6)


@ALL
def test_contract(loss):
    check_loss(loss)


@ALL
def test_halved_convention(loss):
    halved = type(loss).from_config({**loss.get_config(), "discriminator_weight": 0.5})
    assert both(halved, REAL, FAKE)[0] == pytest.approx(both(loss, REAL, FAKE)[0] / 2, rel=1e-6)


@ALL
def test_gradients_are_finite_and_right_where_losses_are_steep(loss):
    pair = {"real": ops.zeros(())} if loss.needs_real else {}
    for at in (-100.0, -2.0, 0.5, 100.0):
        analytic = slope(lambda a: loss.generator(a, **pair), at)
        step = 0.5 if abs(at) > 10 else 1e-2
        upper, lower = (float(loss.generator(ops.add(at, s), **pair)) for s in (step, -step))
        assert analytic == pytest.approx((upper - lower) / (2 * step), rel=2e-3, abs=2e-3)


def test_logistic_losses_equal_cross_entropy_of_probabilities():
    logits = np.linspace(-10.0, 10.0, 41)
    d = 1.0 / (1.0 + np.exp(-logits))
    loss = losses.NonSaturating()
    assert both(loss, logits, logits) == pytest.approx(
        (-np.mean(np.log(d)) - np.mean(np.log(1 - d)), -np.mean(np.log(d))), rel=1e-6
    )
    assert both(losses.Minimax(), logits, logits)[1] == pytest.approx(np.mean(np.log(1 - d)), rel=1e-6)


def test_value_approaches_its_limit_from_below():
    logit = np.log((1 - 1e-6) / 1e-6)
    assert both(losses.Minimax(), [logit], [-logit])[0] == pytest.approx(2.000001e-6, rel=1e-5)


def test_saturation_of_the_minimax_objective():
    assert -2.1e-9 < slope(losses.Minimax().generator, -20.0) < -2.0e-9
    assert slope(losses.NonSaturating().generator, -20.0) == pytest.approx(-1.0, abs=1e-8)


def test_least_squares_pulls_back_what_the_sigmoid_ignores():
    assert slope(losses.LeastSquares().generator, 3.0) == pytest.approx(2.0)
    assert slope(losses.NonSaturating().generator, 3.0) == pytest.approx(-0.0474259, abs=1e-6)


def test_least_squares_is_zero_at_its_labels_outside_of_the_unit_interval_too():
    loss = losses.LeastSquares(fake_label=-3.0, real_label=5.0, generator_label=5.0)
    assert both(loss, [5.0], [-3.0])[0] == 0.0


def test_hinge_is_flat_beyond_its_margin():
    loss = losses.Hinge()
    assert both(loss, [2.0], [-2.0])[0] == 0.0
    assert slope(lambda a: loss.discriminator(a, tensor([-2.0])), 2.0) == 0.0
    assert slope(lambda a: loss.discriminator(tensor([2.0]), a), -2.0) == 0.0


def test_only_the_relativistic_losses_ignore_a_constant():
    shifted = [[a + 2.0 for a in logits] for logits in (REAL, FAKE)]
    relativistic, absolute = losses.RelativisticPairing(), losses.NonSaturating()
    assert both(relativistic, *shifted) == pytest.approx(both(relativistic, REAL, FAKE), abs=1e-6)
    assert both(absolute, *shifted)[1] != pytest.approx(both(absolute, REAL, FAKE)[1], abs=1e-2)


def test_relativistic_generator_sends_no_gradient_through_reals():
    loss = losses.RelativisticPairing()
    real = keras.Variable(np.float32(0.3))

    def fn():
        return loss.generator(ops.convert_to_tensor(real) * 0.0, ops.convert_to_tensor(real)), None

    _, (gradient,) = value_and_grad(fn, [real])
    assert float(gradient) == 0.0


def test_label_smoothing_has_its_optimum_at_the_target():
    loss = losses.NonSaturating(real_target=0.9)
    at = float(np.log(0.9 / 0.1))
    assert slope(lambda a: loss.discriminator(a, tensor([0.0])), at) == pytest.approx(0.0, abs=1e-6)


@ALL
def test_half_precision_logits_are_averaged_in_float32(loss):
    real, fake = (ops.cast(tensor(np.full((4000, 1), value)), "float16") for value in (3.0, -3.0))
    found = loss.discriminator(real, fake)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(found) == pytest.approx(both(loss, [3.0], [-3.0])[0], rel=1e-5)


@pytest.mark.once
def test_wrong_arguments_say_the_rule_and_the_value():
    cases = [
        (lambda: losses.LeastSquares(1.0, 1.0, 1.0), "must differ, got 1.0"),
        (lambda: losses.LeastSquares(0.0, 1.0, 0.0), "generator_label must lie between .* got 0.0"),
        (lambda: losses.LeastSquares(0.0, 0.9, 1.0), "got 1.0 with 0.0 and 0.9"),
        (lambda: losses.LeastSquares(0.0, float("nan"), 1.0), "finite"),
        (
            lambda: losses.Hinge(discriminator_weight=0.0),
            "discriminator_weight must be greater than 0, got 0.0",
        ),
        (lambda: losses.NonSaturating(real_target=0.5), r"\(0.5, 1\], got 0.5"),
        (lambda: losses.Blended(0.0, 0.0), "not both 0"),
        (lambda: losses.RelativisticPairing().generator(ops.zeros(2)), "reals' logits"),
        (
            lambda: losses.RelativisticPairing().discriminator(ops.zeros((2, 1)), ops.zeros(2)),
            r"\(2, 1\) and \(2,\)",
        ),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()


@pytest.mark.once
def test_label_schemes():
    accepted = [
        labels
        for labels in itertools.product((-1.0, 0.0, 1.0), repeat=3)
        if labels[0] != labels[1] and _accepted(labels)
    ]
    # G's target is past the fakes' label on the way to the reals', never beyond it.
    assert (0.0, 1.0, 1.0) in accepted
    assert (-1.0, 1.0, 0.0) in accepted
    assert (1.0, -1.0, 0.0) in accepted
    assert (1.0, 0.0, 0.0) in accepted
    assert (0.0, 1.0, -1.0) not in accepted
    assert len(accepted) == 8


def _accepted(labels):
    try:
        losses.LeastSquares(*labels)
    except UsageError:
        return False
    return True
