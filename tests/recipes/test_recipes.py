"""Every recipe that ships with kgan, at its smallest."""

import dataclasses
import json

import numpy as np
import pytest

from kgan import catalog
from kgan.cli import main
from kgan.errors import DataError, UsageError
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
    assert len(NAMES) == 25


@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains(name, tmp_path, monkeypatch):
    recipe = catalog.load(name)
    settings = recipe.configure(recipe.module.SMOKE)
    model = train(recipe, settings, tmp_path / "run", "any")
    history = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert len(history) == 1 + (settings.epochs or model.schedule.epochs)
    assert all(np.isfinite(float(cell)) for row in history[1:] for cell in row.split(","))
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
        (["cyclegan_emoji", "constant=2"], "constant must lie in [0, 1], got 2.0"),
        (
            ["cyclegan_emoji", "learning_rate=-1"],
            "initial_learning_rate must be a finite number > 0, got -1.0",
        ),
        (["cyclegan_emoji", "test_split=test[:1]"], "at least 2 pairs, test[:1] has 1"),
        (["cyclegan_folders", "shown=-1"], "shown must be an integer >= 0, got -1"),
        (["cyclegan_folders", "load_size=10"], "load_size must be an integer >= 16, got 10"),
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
def test_a_growing_recipe_enlarges_to_32_pixels_alone_and_ends_with_its_schedule(tmp_path, capsys):
    recipe = catalog.load("pggan_fashion_mnist")
    few = {"split": "train[:8]", "batch_size": 4}
    assert recipe.module.data(recipe.configure(few)).image_shape == (32, 32, 1)
    with pytest.raises(DataError, match=r"64x64.* upscale=True") as error:
        recipe.module.data(recipe.configure({**few, "image_size": 64}))
    assert "\n" not in str(error.value)
    enlarged = recipe.configure({**few, "image_size": 64, "upscale": True})
    assert recipe.module.data(enlarged).image_shape == (64, 64, 1)
    short = recipe.configure({**recipe.module.SMOKE, "epochs": 1})
    model = train(recipe, short, tmp_path / "run", "any")
    assert model.phase.side == 4
    told = "the schedule has 3 epochs and ends at 8x8; after 1 it stands at 4x4"
    assert capsys.readouterr().out.splitlines()[0] == told
    # The rest of it.
    whole = recipe.configure(recipe.module.SMOKE)
    model = train(recipe, whole, tmp_path / "run", "any")
    assert (model.phase.side, model.phase.fading, model.images_shown()) == (8, False, 24)
    assert told not in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "config.json").read_text())["settings"]["epochs"] == 3
    other = catalog.load("dcgan_fashion_mnist")
    settings = dataclasses.replace(other.configure(other.module.SMOKE), epochs=None)
    with pytest.raises(UsageError, match="epochs must be a number, as the model has no schedule, got None"):
        train(other, settings, tmp_path / "other", "any")


@pytest.mark.once
def test_one_way_around_is_a_setting():
    recipe = catalog.load("cyclegan_scenes")
    settings = recipe.configure({**recipe.module.SMOKE, "cycle_weight": (10.0, 0.0)})
    model = build(recipe, settings)
    assert (model.lambda_a, model.lambda_b) == (10.0, 0.0)


@pytest.mark.once
@pytest.mark.shared_data
def test_a_test_split_of_one_emoji_that_is_no_flag_is_scored_as_a_whole(shared):
    recipe = catalog.load("cyclegan_emoji")
    sources = {"data": str(shared / "data/emoji_google"), "data_b": str(shared / "data/emoji_twitter")}
    settings = recipe.configure({**sources, "split": "train[:40]", "test_split": "test[3:6]"})
    (report,) = recipe.module.callbacks(settings)
    assert {name: len(rows) for name, rows in report.groups.items()} == {"all": 3}


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


@pytest.mark.once
def test_emoji_without_their_columns_are_refused_before_they_are_decoded(monkeypatch):
    recipe = catalog.load("stargan_emoji")
    settings = recipe.configure({**recipe.module.SMOKE, "label": None})
    monkeypatch.setattr("kgan.data.load_images", lambda *args, **kwargs: pytest.fail("decoded images"))
    with pytest.raises(UsageError, match="has no column base, id: name one of domains by label="):
        recipe.module.data(settings)


@pytest.mark.once
def test_emoji_are_not_trained_at_a_rate_below_zero():
    recipe = catalog.load("stargan_emoji")
    with pytest.raises(UsageError, match="learning_rate must be a finite number > 0, got -1"):
        recipe.module.model(recipe.configure({**recipe.module.SMOKE, "rate": -1.0}))
