import numpy as np
import pytest

from kgan import losses
from kgan.errors import UsageError
from kgan.figures import draw_loss_curves
from kgan.figures.loss_curves import least_squares_curves


def at(drawn, label, logit):
    """(loss, gradient) of one curve at a logit."""
    index = int(np.abs(drawn.logits - logit).argmin())
    assert drawn.logits[index] == pytest.approx(logit)
    return float(drawn.values[label][index]), float(drawn.gradients[label][index])


def test_the_two_objectives_of_2014(tmp_path):
    path = tmp_path / "losses.png"
    drawn = draw_loss_curves(path, span=(-20.0, 20.0), points=401)
    minimax, practical = drawn.values
    # gan.md 11: at D = 1/2 the losses are -log 2 and log 2; at logit -20 one gradient is gone.
    assert at(drawn, minimax, 0.0) == pytest.approx((-0.6931471806, -0.5), rel=1e-6)
    assert at(drawn, practical, 0.0) == pytest.approx((0.6931471806, -0.5), rel=1e-6)
    assert abs(at(drawn, minimax, -20.0)[1]) < 2.1e-9
    assert at(drawn, practical, -20.0)[1] == pytest.approx(-1.0, abs=1e-8)
    assert path.stat().st_size < 300_000


def test_least_squares_pulls_back_where_the_sigmoid_has_no_gradient_left(tmp_path):
    drawn = draw_loss_curves(tmp_path / "losses.png", least_squares_curves(), span=(-5.0, 5.0), points=101)
    sigmoid, squares = drawn.values
    # lsgan.md 7: at f = 3 and c = 1 the gradients are -0.0474 and 2.
    assert at(drawn, sigmoid, 3.0)[1] == pytest.approx(-0.0474258732, rel=1e-5)
    assert at(drawn, squares, 3.0) == pytest.approx((2.0, 2.0), rel=1e-5)
    assert at(drawn, squares, 1.0) == pytest.approx((0.0, 0.0), abs=1e-6)


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"span": (1.0, 1.0)}, "span must be"),
        ({"points": 1}, "at least 2 points"),
        ({"curves": {"pairs": losses.RelativisticPairing()}}, "curves must be of losses of one logit"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(UsageError, match=message):
        draw_loss_curves(tmp_path / "losses.png", **wrong)
    assert not list(tmp_path.iterdir())
