import types

import numpy as np
import pytest
from PIL import Image

from kgan import gallery, latents
from kgan.errors import UsageError
from kgan.figures import (
    draw_attribute_edit,
    draw_disentanglement,
    draw_growth,
    draw_multi_resolution,
    draw_noise_components,
    draw_noise_detail,
    draw_style_interpolation,
    draw_style_localisation,
    draw_style_mixing,
    draw_truncation,
)
from kgan.figures.attribute_edit import ATTRIBUTES
from kgan.figures.disentanglement import attributes, sliced_distance
from kgan.figures.style_mixing import style_bands
from kgan.models import GAN, StyleGAN

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def tiny():
    return StyleGAN.tiny()


def test_bands_are_the_published_ones_at_1024():
    assert style_bands(18) == {"coarse": (0, 3), "middle": (4, 7), "fine": (8, 17)}
    assert style_bands(6) == {"coarse": (0, 1), "middle": (2, 3), "fine": (4, 5)}
    assert style_bands(4) == {"coarse": (0, 1), "fine": (2, 3)}
    with pytest.raises(UsageError, match="style mixing needs at least 4 layers, which is 8x8, got 2"):
        style_bands(2)


def test_style_mixing_grid(tiny, tmp_path):
    drawn = draw_style_mixing(tmp_path / "mixing.png", tiny, sources=2, psi=0.5, seed=3)
    assert drawn.mixed.shape == (4, 2, 8, 8, 1)
    w = tiny.styles(tiny.map(tiny.latents_drawn(6, 3)[0]), 0.5)
    np.testing.assert_array_equal(drawn.sources, tiny.images_of(w[:2]))
    mixed = w[2 + 3].copy()
    mixed[2:] = w[1, 2:]  # the last row takes the fine layers
    np.testing.assert_array_equal(drawn.mixed[3, 1], tiny.images_of(mixed[None])[0])
    assert (tmp_path / "mixing.png").stat().st_size > 1000


def test_ways_through_z_and_w(tiny, tmp_path):
    walks = draw_style_interpolation(tmp_path / "walk.png", tiny, pairs=1, steps=3, seed=2)
    z, w = tiny.latents_drawn(2, 2)
    for row in walks[0]:  # the same ends
        np.testing.assert_array_equal(row[[0, 2]], tiny.images_of(w))
    np.testing.assert_array_equal(walks[0, 1, 1], tiny.images_of(w.mean(axis=0, keepdims=True))[0])
    middle = tiny.map(latents.slerp(z[:1], z[1:], 0.5))
    np.testing.assert_array_equal(walks[0, 0, 1], tiny.images_of(middle)[0])


def test_each_style_acts_at_its_place(tiny, tmp_path):
    drawn = draw_style_localisation(tmp_path / "places.png", tiny, pairs=3, seed=2)
    w = tiny.map(tiny.latents_drawn(6, 2)[0])
    np.testing.assert_array_equal(drawn.image, tiny.images_of(w[:1])[0])
    mixed = np.repeat(w[:3, None], 4, axis=1)
    mixed[:, 2] = w[3:]
    found = tiny.images_of(mixed)
    np.testing.assert_array_equal(drawn.replaced[2], found[0])
    change = np.abs(found.astype(float) - tiny.images_of(w[:3])).mean(axis=(0, 3))
    np.testing.assert_allclose(drawn.changes[2], change)
    assert drawn.changes.shape == (4, 8, 8)


def test_noise_figures(tiny, tmp_path):
    parts = draw_noise_components(tmp_path / "noise.png", tiny, n=2)
    np.testing.assert_array_equal(parts["all"], tiny.images_of(tiny.map(tiny.latents_drawn(2, 0)[0])))
    assert all(np.any(parts["all"] != parts[name]) for name in ("none", "fine", "coarse"))
    detail = draw_noise_detail(tmp_path / "detail.png", tiny, n=1, draws=8)
    assert detail.images.shape == (1, 3, 8, 8, 1)
    assert detail.spread.shape == (1, 8, 8)
    assert detail.spread.mean() > 0.5


def test_truncation_and_sheet_and_growth(tiny, tmp_path):
    images = draw_truncation(tmp_path / "psi.png", tiny, n=2, psis=(1.0, 0.0))
    np.testing.assert_array_equal(images[1, 0], images[1, 1])
    shown = draw_multi_resolution(tmp_path / "sheet.png", tiny, rows=1, seed=2, truncation_psi=0.5)
    np.testing.assert_array_equal(shown, tiny.sample(11, seed=2, truncation_psi=0.5))
    grown = draw_growth(tmp_path / "growth.png", tiny, seed=2)
    np.testing.assert_array_equal(tiny.sample(1, seed=2)[0], grown.faded[0.5])


def test_attribute_edits(tiny, tmp_path):
    drawn = draw_attribute_edit(tmp_path / "light.png", tiny, n=16, strengths=(0.0, 2.0), samples=200)
    w = tiny.map(tiny.latents_drawn(16, 0)[0])
    np.testing.assert_array_equal(drawn.images[:, 0], tiny.images_of(w))
    assert drawn.images[:, 1].mean() > drawn.images[:, 0].mean() + 5.0
    assert drawn.effects["w"].target > 0.5
    assert set(drawn.effects["w"].others) == {"contrast", "filled", "height"}
    first = draw_attribute_edit(
        tmp_path / "own.png", tiny, attribute=lambda images: images[:, 0, 0, 0] * 1.0, n=1, samples=50
    )
    assert set(first.effects["z"].others) == {"light", "contrast", "filled", "height"}
    with pytest.raises(
        UsageError, match="attribute must be one of light, contrast, filled, height, got 'age'"
    ):
        draw_attribute_edit(tmp_path / "age.png", tiny, attribute="age")


def test_attributes_by_numbers():
    image = np.full((1, 5, 4, 3), 255, np.uint8)
    image[0, 0, 1:3] = [255, 0, 0]  # two red pixels at the upper edge
    found = {name: float(judge(image)[0]) for name, judge in ATTRIBUTES.items()}
    assert found["light"] == pytest.approx(255 * (1 - 2 * 2 / 60))
    assert found["contrast"] == pytest.approx(255 * np.sqrt(4 / 60 * 56 / 60))
    assert found["redness"] == pytest.approx(25.5)
    assert found["filled"] == pytest.approx(0.1)
    assert found["height"] == pytest.approx(1.0)


@pytest.mark.parametrize("side", [4, 12, 28, 32, 64, 256])
def test_sheets_of_every_side(side, tmp_path):
    def sample(n, seed):
        return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)

    source = types.SimpleNamespace(image_shape=(side, side, 3), sample=sample)
    assert len(draw_multi_resolution(tmp_path / "sheet.png", source, rows=1)) == 11
    with Image.open(tmp_path / "sheet.png") as sheet:
        width, height = sheet.size
    assert width == 2 * height  # 1 + 1/2 + 1/4 + 1/4
    assert height % side == 0


@pytest.mark.parametrize(
    "name", ["style_mixing", "style_localisation", "noise_components", "noise_detail", "truncation"]
)
def test_models_without_styles_are_refused(name, tmp_path):
    with pytest.raises(UsageError, match="needs the run of a model with styles, such as StyleGAN, got a GAN"):
        gallery.find(name).draw(tmp_path / "figure.png", GAN.tiny())


def test_wrong_counts(tiny, tmp_path):
    with pytest.raises(UsageError, match="sources must be an integer >= 1, got 0"):
        draw_style_mixing(tmp_path / "mixing.png", tiny, sources=0)
    with pytest.raises(UsageError, match=r"truncation_psi must lie in \[-1, 1\], got 2"):
        draw_truncation(tmp_path / "psi.png", tiny, psis=(2.0,))
    assert len(draw_truncation(tmp_path / "psi.png", tiny, n=1, psis=-1)) == 1
    edit = {"n": 1, "samples": 8}
    assert draw_attribute_edit(tmp_path / "edit.png", tiny, strengths=2, **edit).images.shape[1] == 1
    for settings, message in (
        ({"samples": 1}, "samples must be an integer >= 2, got 1"),
        ({"seed": None}, "seed must be an integer >= 0, got None"),
        ({"strengths": []}, "strengths must be at least one number, got none"),
        ({"strengths": "far"}, "strengths must be real numbers, got 'far'"),
        ({"attribute": []}, r"attribute must be one of light, .* got \[\]"),
    ):
        with pytest.raises(UsageError, match=message):
            draw_attribute_edit(tmp_path / "edit.png", tiny, **{**edit, **settings})
    detail: dict = {"n": 1, "draws": 2, "seed": None}
    with pytest.raises(UsageError, match="seed must be an integer >= 0, got None"):
        draw_noise_detail(tmp_path / "detail.png", tiny, **detail)
    toy: dict = {"steps": 1}
    for seed in ("abc", float("nan"), None, -1):
        with pytest.raises(UsageError, match=f"seed must be an integer >= 0, got {seed!r}"):
            draw_disentanglement(tmp_path / "toy.png", seed=seed, **toy)


def test_the_toy_has_a_hole_and_is_learnt(tmp_path):
    points = attributes(4000, np.random.default_rng(0))
    assert not (points > 0).all(axis=1).any()
    assert points.min() < -0.98 < 0.98 < points.max()
    assert float(sliced_distance(points, points)) == 0.0
    drawn = draw_disentanglement(tmp_path / "toy.png", steps=300)
    assert drawn.distance < 0.2
    assert drawn.path_lengths["w"] < drawn.path_lengths["z"]
