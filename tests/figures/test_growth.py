import numpy as np
import pytest

from kgan import gallery
from kgan.callbacks import KeepGrowth
from kgan.errors import UsageError
from kgan.figures import draw_fade_or_jump, draw_growth
from kgan.models import GAN, PGGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator

SIZES = {"before": 64, "fade": 64, "after": 32, "interval": 32, "window": 4, "width": 2}


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
    assert drawn.stale == (4, "fade")
    assert (tmp_path / "growth.png").stat().st_size > 1000


@pytest.mark.once
def test_growth_shows_what_the_training_kept(tmp_path):
    model = PGGAN.tiny()
    model.begin(0)
    model.compile()
    model.fit(model.example_data(8), callbacks=[KeepGrowth(tmp_path, seed=2)], verbose=0)
    path = tmp_path / "growth.png"
    drawn = draw_growth(path, model, folder=tmp_path)
    with np.load(tmp_path / "growth.npz") as kept:
        for side in (4, 8):
            np.testing.assert_array_equal(drawn.sides[side], kept[f"side_{side}"])
        for alpha, image in drawn.faded.items():
            np.testing.assert_array_equal(image, kept[f"fade_8_{alpha:g}"])
    # Weights of the last step make the last side, but no more what 4x4 was.
    now = draw_growth(path, model, seed=2)
    np.testing.assert_array_equal(now.sides[8], drawn.sides[8])
    assert np.any(now.sides[4] != drawn.sides[4])
    assert drawn.stale == ()
    assert now.stale == (4, "fade")
    # The fade begins with the image before it.
    np.testing.assert_array_equal(drawn.faded[0.0], drawn.sides[4].repeat(2, axis=0).repeat(2, axis=1))
    # Another latent was not kept.
    assert draw_growth(path, model, seed=5, folder=tmp_path).stale == (4, "fade")
    assert gallery.find("growth").draw(path, model, tmp_path) == []
    assert gallery.find("growth").draw(path, model, tmp_path / "none") == [
        "drawn from the last weights, as the run has not kept them for this latent: 4x4, the fade"
    ]


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
    generator, discriminator = PGGANGenerator(8, 4, 16, 2, latent_dim=2), PGGANDiscriminator(8, 4, 16, 2)
    four = PGGAN(generator, discriminator, schedule=PGGAN.tiny().schedule)
    with pytest.raises(UsageError, match="needs images of 1 or 3 channels, got 4"):
        draw_growth(tmp_path / "growth.png", four)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    images = np.random.default_rng(0).uniform(-1, 1, (16, 16, 16, 1)).astype("float32")
    folder = tmp_path_factory.mktemp("shock")
    return [
        draw_fade_or_jump(folder / "shock.png", images, **{**SIZES, "before": before}) for before in (64, 96)
    ]


@pytest.mark.once
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_both_trainings_are_the_same_until_the_switch(trained, player):
    drawn = trained[0]
    assert drawn.images.tolist() == [32, 64, 96, 128, 160]
    fade, jump = drawn.norms["fade"][player], drawn.norms["jump"][player]
    assert drawn.switch == 4
    assert len(fade) == len(jump) == 10
    assert np.all(fade > 0)
    np.testing.assert_array_equal(fade[:4], jump[:4])
    assert np.all(fade[4:] != jump[4:])
    change = np.abs(np.log(fade[:8] / np.median(fade[:4])))
    assert drawn.shocks["fade"][player] == pytest.approx(np.exp(change[4:].max()))
    assert drawn.calm[player] == pytest.approx(np.exp(change[:4].max()))


@pytest.mark.once
def test_a_fade_begins_as_if_nothing_were_added(trained):
    # The second training has no switch yet at the update at which the first one has it.
    switched, still = (drawn.norms["fade"]["discriminator"][4] for drawn in trained)
    jumped = trained[0].norms["jump"]["discriminator"][4]
    assert switched == pytest.approx(still, rel=1e-4)
    assert abs(np.log(jumped / still)) > 0.01


@pytest.mark.once
def test_distances_of_samples(trained):
    fade, jump = trained[0].swd["fade"], trained[0].swd["jump"]
    np.testing.assert_array_equal(fade[:2], jump[:2])
    assert np.all(fade[2:] != jump[2:])
    assert trained[0].shocks["jump"]["samples"] == pytest.approx(jump[2:4].max() / jump[1])


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
        ({"window": 5}, "window must be at most 4, the updates on each side of the switch, got 5"),
        ({"data": None}, r"takes kgan.data.load_images\(...\) or an array .*, got NoneType"),
        ({"data": [1, 2]}, r"takes kgan.data.load_images\(...\) or an array .*, got list"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    settings = {"data": np.zeros((16, 16, 16, 1), "float32"), **SIZES, **wrong}
    with pytest.raises(UsageError, match=message):
        draw_fade_or_jump(tmp_path / "shock.png", settings.pop("data"), **settings)
    assert not list(tmp_path.iterdir())
