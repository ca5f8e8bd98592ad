import numpy as np
import pytest

from kgan.errors import UsageError
from kgan.figures import draw_fade_or_jump, draw_growth
from kgan.models import GAN, PGGAN


@pytest.mark.once
def test_growth_shows_what_the_network_makes(tmp_path):
    model = PGGAN.tiny()
    drawn = draw_growth(tmp_path / "growth.png", model, seed=2)
    assert [image.shape for image in drawn.sides.values()] == [(4, 4, 1), (8, 8, 1)]
    doubled = drawn.sides[4].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(drawn.faded[0.0], doubled)
    np.testing.assert_array_equal(drawn.faded[1.0], drawn.sides[8])
    # The model stands in the middle of the fade.
    np.testing.assert_array_equal(model.sample(1, seed=2)[0], drawn.faded[0.5])
    assert (tmp_path / "growth.png").stat().st_size > 1000


@pytest.mark.once
def test_growth_refuses_what_does_not_grow(tmp_path):
    with pytest.raises(UsageError, match="needs a model that grows, got a GAN"):
        draw_growth(tmp_path / "growth.png", GAN.tiny())
    small = PGGAN.tiny()
    small.begin(0)
    with pytest.raises(UsageError, match="needs a model that has grown to 8x8, got one at 4x4"):
        draw_growth(tmp_path / "growth.png", small)
    with pytest.raises(UsageError, match=r"side must be one of \[8\], got 4"):
        draw_growth(tmp_path / "growth.png", PGGAN.tiny(), side=4)


@pytest.mark.once
def test_both_trainings_are_the_same_until_the_switch(tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (16, 16, 16, 1)).astype("float32")
    drawn = draw_fade_or_jump(
        tmp_path / "shock.png", images, before=64, fade=64, after=32, interval=32, width=2
    )
    assert drawn.images.tolist() == [32, 64, 96, 128, 160]
    for player in ("generator", "discriminator"):
        fade, jump = drawn.norms["fade"][player], drawn.norms["jump"][player]
        np.testing.assert_array_equal(fade[:2], jump[:2])
        assert np.all(fade[2:] != jump[2:])
        assert drawn.shocks["fade"][player] == pytest.approx(fade[2:4].max() / fade[:2].mean())
    fade, jump = drawn.swd["fade"], drawn.swd["jump"]
    np.testing.assert_array_equal(fade[:2], jump[:2])
    assert np.all(fade[2:] != jump[2:])
    assert drawn.shocks["jump"]["samples"] == pytest.approx(jump[2:4].max() / jump[1])


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"start": 4}, "start must be from 8 to 512, got 4"),
        ({"fade": 100}, "fade must be a multiple of interval 32, got 100"),
        ({"start": 12}, "start must be a power of two from 4 to 1024, got 12"),
        ({"interval": 0}, "interval must be an integer >= 1, got 0"),
        ({"width": 0}, "width must be an integer >= 1, got 0"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"interval": 8}, "interval must be a multiple of 16, the batch size, got 8"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    settings = {"before": 64, "fade": 64, "after": 64, "interval": 32, **wrong}
    with pytest.raises(UsageError, match=message):
        draw_fade_or_jump(tmp_path / "shock.png", np.zeros((16, 16, 16, 1), "float32"), **settings)
