"""Every recipe that ships with kgan, at its smallest."""

import dataclasses

import numpy as np
import pytest

from kgan import catalog
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
