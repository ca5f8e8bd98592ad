import pytest

from kgan.errors import UsageError
from kgan.figures import draw_saturation


@pytest.mark.once  # hundreds of updates: minutes on a busy core with torch
def test_minimax_saturates_and_the_others_do_not(tmp_path):
    path = tmp_path / "pull.png"
    drawn = draw_saturation(path, updates=150)
    last = {name: norms[-1] for name, norms in drawn.norms.items()}
    assert drawn.updates[-1] == 150
    assert drawn.mean_on_fake[-1] < 0.1 < 0.9 < drawn.mean_on_real[-1]
    # At D = sigmoid(a) the two gradients are -sigmoid(a) and -sigmoid(-a) times the same slope.
    assert last["minimax"] < 0.02 < 5.0 < last["non-saturating"]
    assert last["WGAN-GP"] == pytest.approx(1.0, abs=0.25)
    assert path.stat().st_size < 300_000


@pytest.mark.once
@pytest.mark.parametrize("wrong", [{"updates": 0}, {"seed": -1}])
def test_wrong_arguments(tmp_path, wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be at least"):
        draw_saturation(tmp_path / "pull.png", **wrong)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        draw_saturation(tmp_path / "pull.gif")
    assert not list(tmp_path.iterdir())
