import math

import numpy as np
import pytest
from keras import ops

from kgan import theory
from kgan.errors import UsageError
from kgan.figures import draw_toy_game, toy_game


def test_two_equal_gaussians_end_the_game_with_d_at_one_half(tmp_path):
    path = tmp_path / "game.png"
    game = draw_toy_game(path, mixture=((1.0, 0.0, 0.3),), rounds=80, width=16)
    start, trained, moved, end = game.moments
    dx = game.x[1] - game.x[0]
    # Where D is trained it nears D*, which gains over the untrained D; G then moves to where D is high.
    assert trained.value > start.value
    assert trained.value <= theory.virtual_criterion(game.p_data, trained.p_generated, dx) + 1e-9
    assert moved.mean_on_fake > trained.mean_on_fake
    np.testing.assert_array_equal(trained.p_generated, start.p_generated)
    np.testing.assert_array_equal(moved.discriminator, trained.discriminator)
    # D at 1/2 alone proves nothing: the densities must agree too.
    assert end.mean_on_real == pytest.approx(0.5, abs=0.02)
    assert end.mean_on_fake == pytest.approx(0.5, abs=0.02)
    assert end.jsd < 0.03 < start.jsd
    assert end.value == pytest.approx(-math.log(4.0), abs=0.03)
    assert path.stat().st_size < 300_000


@pytest.mark.once
@pytest.mark.parametrize("slope", [2.0, -2.0])
def test_density_of_a_known_generator(monkeypatch, slope):
    monkeypatch.setattr(toy_game, "_run", lambda network, x: network(x).ravel())
    edges = np.linspace(-7.0, 9.0, 201)
    density = toy_game._generated_density(lambda z: 1.0 + slope * z, edges)
    x = (edges[1:] + edges[:-1]) / 2
    expected = np.exp(-0.5 * ((x - 1.0) / 2.0) ** 2) / (2.0 * math.sqrt(2.0 * math.pi))
    np.testing.assert_allclose(density[1:-1], expected[1:-1], atol=2e-4)
    assert density.sum() * (edges[1] - edges[0]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.once
def test_what_lies_beyond_the_panel_counts_in_its_last_bins(monkeypatch):
    monkeypatch.setattr(toy_game, "_run", lambda network, x: network(x).ravel())
    edges = np.linspace(-1.0, 1.0, 5)
    density = toy_game._generated_density(lambda z: 0.0 * z + 3.0, edges)
    np.testing.assert_allclose(density * 0.5, [0.0, 0.0, 0.0, 1.0])


def test_the_start_is_the_same_on_every_backend():
    model = toy_game._model(((1.0, 0.0, 1.0),), 2, seed=3)
    weights = [ops.convert_to_numpy(weight.value) for weight in model.generator.weights]
    # The first numbers of numpy's generator [3, 1], times sqrt(6 / 3).
    expected = math.sqrt(2.0) * np.random.default_rng([3, 1]).uniform(-1.0, 1.0, (1, 2))
    np.testing.assert_allclose(weights[0], expected, rtol=1e-6)
    assert weights[-1] == pytest.approx([-1.0])


@pytest.mark.once
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mixture": ((0.5, 0.0, 1.0),)}, "must sum to 1, got 0.5"),
        ({"mixture": ((1.0, 0.0, 0.0),)}, "mixture must be"),
        ({"mixture": ()}, "mixture must be"),
        ({"rounds": 4}, "rounds must be at least 5, got 4"),
        ({"width": 0}, "width must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_wrong_arguments(tmp_path, wrong, message):
    with pytest.raises(UsageError, match=message):
        draw_toy_game(tmp_path / "game.png", **wrong)
    with pytest.raises(UsageError, match=r"must end in \.png"):
        draw_toy_game(tmp_path / "game.gif")
    assert not list(tmp_path.iterdir())
