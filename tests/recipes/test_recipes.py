"""Every recipe that ships with kgan, at its smallest."""

import dataclasses

import numpy as np
import pytest

from kgan import catalog
from kgan.cli import main
from kgan.errors import UsageError
from kgan.run import build, train

NAMES = catalog.names()
# One of each system on every backend; the contract and the parity of the systems are tested elsewhere.
EVERYWHERE = {
    "cgan_fashion_mnist",
    "classifier_fashion_mnist",
    "cyclegan_emoji",
    "dcgan_fashion_mnist",
    "gan_mnist_2014",
    "icgan_sprites",
    "inpainting_fashion_mnist",
    "lsgan_fashion_mnist",
    "pggan_fashion_mnist",
    "sgan_mnist_100",
    "stargan_emoji",
    "stylegan_emoji",
}
TRAINED = [pytest.param(name, marks=() if name in EVERYWHERE else pytest.mark.once) for name in NAMES]


def test_all_were_found():
    assert len(NAMES) == 24


@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains(name, tmp_path, monkeypatch):
    recipe = catalog.load(name)
    settings = recipe.configure(recipe.module.SMOKE)
    model = train(recipe, settings, tmp_path / "run", "any")
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert len(history) == 2
    assert all(np.isfinite(float(cell)) for cell in history[1].split(","))
    if hasattr(model, "sample"):  # not a classifier
        assert model.sample(2, seed=0).shape == (2, *model.image_shape)


@pytest.mark.once
@pytest.mark.parametrize("game", ["class instance", "clusters", "unconditional"])
def test_the_other_games_of_the_sprites(game, tmp_path):
    recipe = catalog.load("icgan_sprites")
    settings = recipe.configure({**recipe.module.SMOKE, "game": game, "clusters": 3})
    train(recipe, settings, tmp_path / "run", "any")
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 2


@pytest.mark.once
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sgan_mnist_100", "per_class=99999"], "per_class"),
        (["icgan_sprites", "neighbors=9999"], "k must be"),
        (["icgan_sprites", "game=clusters", "clusters=100"], "n must be from 1 to 8"),
        (["cgan_fashion_mnist", "classifier=typo.onnx"], "typo.onnx"),
    ],
)
def test_wrong_settings_are_one_line(words, message, tmp_path, capsys):
    smoke = catalog.load(words[0]).module.SMOKE
    own = {word.partition("=")[0] for word in words[1:]}
    rest = {name: "none" if value is None else value for name, value in smoke.items() if name not in own}
    given = [f"{name}={value}" for name, value in rest.items()]
    assert main(["run", *words, *given, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert error[-1].startswith("kgan: error: ")
    assert message in error[-1]
    assert not any("Traceback" in line for line in error)


@pytest.mark.once
@pytest.mark.shared_data
def test_tags_of_real_emoji(shared, tmp_path):
    recipe = catalog.load("cgan_tags_emoji")
    data = {"data": str(shared / "data/emoji_google"), "train_split": "train[:64]", "test_split": "test[:8]"}
    with pytest.raises(UsageError, match=r"data=FOLDER needs extractor=FILE.onnx and words=FILE.npz"):
        recipe.module.data(recipe.configure(data))
    networks = {
        "extractor": str(shared / "models/efficientnet_lite0.onnx"),
        "words": str(shared / "data/glove_50d.npz"),
    }
    settings = recipe.configure({**recipe.module.SMOKE, **data, **networks, "batch_size": 16})
    train(recipe, settings, tmp_path / "run", "any")
    assert (tmp_path / "run" / "tags.csv").read_text().startswith("image,true,predicted")


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_of_their_types(name):
    recipe = catalog.load(name)
    settings = dataclasses.asdict(recipe.configure({}))
    assert recipe.configure(settings) == recipe.configure({})


@pytest.mark.once
def test_a_copy_runs_unchanged(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes((catalog.FOLDER / "dcgan_fashion_mnist.py").read_bytes())
    copy, own = catalog.load(path), catalog.load("dcgan_fashion_mnist")
    one, other = (r.module.data(r.configure(r.module.SMOKE)) for r in (copy, own))
    assert one.fingerprint == other.fingerprint
    weights = [build(r, r.configure(r.module.SMOKE)).get_weights() for r in (copy, own)]
    for a, b in zip(*weights, strict=True):
        np.testing.assert_array_equal(a, b)
