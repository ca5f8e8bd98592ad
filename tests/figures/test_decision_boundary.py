import numpy as np
import pytest

from kgan.errors import UsageError
from kgan.figures import draw_decision_boundary

SIGMOID, SQUARES = "sigmoid cross entropy", "least squares, c = 1"


def test_far_fakes_are_pulled_back_by_least_squares_only(tmp_path):
    path = tmp_path / "boundary.png"
    drawn = draw_decision_boundary(path, far=3.0, spread=0.0)
    normal = np.array([0.6, 0.8])
    np.testing.assert_allclose(drawn.far_scores, 3.0, rtol=1e-6)
    # lsgan.md 7: the gradients by f are f - c = 2 and -sigmoid(-3); the updates are their opposites.
    np.testing.assert_allclose(drawn.far_updates[SQUARES] @ normal, -2.0, rtol=1e-5)
    np.testing.assert_allclose(drawn.far_updates[SIGMOID] @ normal, 0.0474258732, rtol=1e-5)
    assert drawn.far_lengths == pytest.approx({SIGMOID: 0.0474258732, SQUARES: 2.0}, rel=1e-5)
    for updates in drawn.near_updates.values():
        assert (updates @ normal > 0.0).all()
    assert path.stat().st_size < 300_000


@pytest.mark.once
def test_the_same_seed_draws_the_same_picture(tmp_path):
    for name in ("a.png", "b.png"):
        draw_decision_boundary(tmp_path / name, points=3, seed=4)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.once
@pytest.mark.parametrize("wrong", [{"far": 1.0}, {"spread": -0.1}, {"points": 0}, {"seed": -1}])
def test_wrong_arguments(tmp_path, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be"):
        draw_decision_boundary(tmp_path / "boundary.png", **wrong)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        draw_decision_boundary(tmp_path / "boundary.pdf")
    assert not list(tmp_path.iterdir())
