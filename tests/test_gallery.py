import pathlib
import re

import numpy as np
import pytest

from kgan import gallery
from kgan.cli import main
from kgan.errors import UsageError
from kgan.models import StyleGAN
from kgan.recipes import FASHION_MNIST_MINI

ROOT = pathlib.Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", list(gallery.FIGURES))
def test_the_gallery_shows_each_figure_with_a_sentence_and_its_command(name):
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"docs/gallery.md has no section {name}"
    assert f"kgan figure {name} " in section[1]
    assert ("--run" in section[1]) == gallery.FIGURES[name].needs_run
    shown = bool(re.search(rf"!\[[^\]]+\]\(figures/{name}\.png\)", section[1]))
    assert shown == gallery.FIGURES[name].pictured
    if not shown:
        return
    picture = ROOT / "docs" / "figures" / f"{name}.png"
    assert picture.stat().st_size <= 300_000
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_each_picture_of_the_docs_has_a_figure():
    pictures = {path.stem for path in (ROOT / "docs" / "figures").glob("*.png")}
    assert pictures <= set(gallery.FIGURES)
    shown = set(re.findall(r"\(figures/(\w+)\.png\)", PAGE))
    assert shown == {name for name, entry in gallery.FIGURES.items() if entry.pictured}


def test_the_list_has_one_line_each(capsys):
    for words in (["figure"], ["figure", "--list"]):
        assert main(words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == list(gallery.FIGURES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy_gam"], "got 'toy_gam': did you mean toy_game?"),
        (["toy_game", "rouns=3"], "did you mean rounds?"),
        (["toy_game", "rounds=many"], "rounds must be a whole number, got 'many'"),
        (["interpolation"], "interpolation needs a trained model: name it by --run"),
        (["toy_game", "--run", "here"], "toy_game needs no trained model: leave --run out"),
        (["toy_game", "-o", "game.gif"], "must end in .png, got 'game.gif'"),
        (["gaussian_modes", "seeds=0"], "seeds must be at least 1, got 0"),
        (
            ["interpolation", "--run", "no/such/run"],
            "a run folder must hold config.json, no/such/run does not",
        ),
    ],
)
def test_wrong_words_are_one_clear_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["figure", *words]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert message in told[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["loss_curves_gan", "loss_curves_lsgan", "decision_boundary"])
def test_the_command_draws_the_picture_of_the_docs(name, tmp_path, capsys):
    path = tmp_path / "figure.png"
    assert main(["figure", name, "-o", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(path)
    assert path.read_bytes().startswith(b"\x89PNG")


class Source:
    """A generator whose image is grey as its latent says."""

    image_shape = (28, 28, 1)

    def __init__(self):
        from kgan.types import Input

        self.inputs = (Input("z", (1,)),)

    def banks(self):
        return {}

    def sample(self, n, *, seed=None, z=None):
        z = np.random.default_rng(seed).normal(size=(n, 1)) if z is None else z
        grey = np.clip(128 + 40 * np.asarray(z), 0, 255).astype("uint8")
        return np.broadcast_to(grey.reshape(n, 1, 1, 1), (n, *self.image_shape)).copy()


GROWING = {
    "growth": {},
    "style_mixing": {"sources": 2},
    "style_interpolation": {"pairs": 1, "steps": 3},
    "style_localisation": {"pairs": 2},
    "noise_components": {"n": 2},
    "noise_detail": {"n": 1, "draws": 4},
    "truncation": {"n": 2},
    "attribute_edit": {"n": 2, "samples": 60},
    "multi_resolution": {"rows": 1, "psi": 0.5},
}


@pytest.mark.parametrize("name", GROWING)
def test_figures_of_a_growing_model(name, tmp_path):
    lines = gallery.find(name).draw(tmp_path / "figure.png", StyleGAN.tiny(), **GROWING[name])
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    told = {"growth": 1, "style_mixing": 1, "style_localisation": 1, "noise_detail": 1, "attribute_edit": 2}
    assert len(lines) == told.get(name, 0)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, entry in gallery.FIGURES.items()
        if entry.needs_run and entry.pictured and name not in GROWING
    ],
)
def test_figures_of_a_trained_model(name, tmp_path):
    path = tmp_path / "figure.png"
    # For the training images that ship with kgan a few samples are enough.
    settings = {"n": 30, "heldout": 20} if name == "nearest_neighbours" else {}
    lines = gallery.find(name).draw(path, Source(), **settings)
    assert path.stat().st_size <= 300_000
    if name == "nearest_neighbours":
        assert [line.partition(":")[0] for line in lines] == [
            "pixels",
            "features of the fashion_mnist classifier",
        ]


def test_the_four_panels_of_instances(tmp_path, monkeypatch):
    asked = []

    class Instances(Source):
        def sample(self, n, *, seed, instance, label=None):
            asked.append((instance.shape, None if label is None else label.tolist()))
            return super().sample(n, seed=seed)

    monkeypatch.setattr("kgan.run.load", lambda folder: Instances())
    settings = {
        "data": str(FASHION_MNIST_MINI),
        "split": "train[:30]",
        "extractor": "fashion_mnist",
        "size": None,
    }
    path = tmp_path / "figure.png"
    draw = gallery.find("instances").draw
    draw(path, Instances(), **settings, rows=2, samples=3)
    assert [label for _, label in asked] == [None, None]
    assert {shape for shape, _ in asked} == {(3, asked[0][0][1])}
    asked.clear()
    other = {"other": str(FASHION_MNIST_MINI), "other_split": "test[:30]", "labelled": "run"}
    draw(path, Instances(), **settings, **other, rows=2, samples=3)
    labels = [label for _, label in asked]
    assert labels[:2] == labels[4:6] == [None, None]
    assert labels[2:4] == labels[6:8]
    assert all(len(set(row)) == 1 for row in labels[2:4])


def test_settings_are_those_of_the_functions():
    with pytest.raises(UsageError, match="must be one of toy_game"):
        gallery.find("none_such")
    settings = gallery.find("vector_arithmetic").settings()()
    assert settings.a == (26, 48, 83)
    for entry in gallery.FIGURES.values():
        entry.settings()()
