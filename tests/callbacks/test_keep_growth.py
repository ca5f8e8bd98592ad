import numpy as np
import pytest

from kgan import catalog, run
from kgan.callbacks import KeepGrowth
from kgan.cli import main
from kgan.errors import DataError, UsageError
from kgan.models import GAN, PGGAN


class StopError(Exception):
    pass


def _kept(folder):
    with np.load(folder / "growth.npz") as file:
        return {name: file[name] for name in file.files}


def test_a_run_keeps_the_same_images_whether_it_is_stopped_or_not(tmp_path, monkeypatch, capsys):
    recipe = catalog.load("pggan_fashion_mnist")
    settings = recipe.configure({**recipe.module.SMOKE, "epochs": 3, "stable_images": 8, "fade_images": 16})
    run.train(recipe, settings, tmp_path / "whole", "any")
    whole = _kept(tmp_path / "whole")
    fade = [f"fade_8_{alpha}" for alpha in ("0", "0.25", "0.5", "0.75", "1")]
    assert set(whole) == {"seed", "side_4", *fade}
    assert whole["side_4"].shape == (4, 4, 1)
    assert whole["fade_8_1"].shape == (8, 8, 1)

    keep = KeepGrowth._keep

    def stop(self, key, side, alpha=1.0):
        if key == "fade_8_0.5":
            raise StopError
        keep(self, key, side, alpha)

    monkeypatch.setattr(KeepGrowth, "_keep", stop)
    with pytest.raises(StopError):
        run.train(recipe, settings, tmp_path / "parts", "any")
    assert set(_kept(tmp_path / "parts")) == {"seed", "side_4", *fade[:2]}
    monkeypatch.setattr(KeepGrowth, "_keep", keep)
    run.train(recipe, settings, tmp_path / "parts", "any")
    resumed = _kept(tmp_path / "parts")
    assert set(resumed) == set(whole)
    for name, image in whole.items():
        np.testing.assert_array_equal(resumed[name], image, err_msg=name)

    # The command finds them: no line says that something comes from the last weights.
    capsys.readouterr()
    picture = tmp_path / "growth.png"
    assert main(["figure", "growth", "--run", str(tmp_path / "parts"), "-o", str(picture)]) == 0
    assert capsys.readouterr().out.splitlines() == [str(picture)]


@pytest.mark.once
def test_another_training_begins_anew(tmp_path):
    for seed, start in ((0, 0), (1, 0), (2, 1)):
        model = PGGAN.tiny()
        model.begin(start)
        model.compile()
        model.fit(model.example_data(8), callbacks=[KeepGrowth(tmp_path, seed)], epochs=1, verbose=0)
        kept = _kept(tmp_path)
        assert kept["seed"] == seed
        assert set(kept) == {"seed", "side_4"} if start == 0 else "side_4" not in kept


@pytest.mark.once
def test_wrong_use_is_one_clear_line(tmp_path):
    with pytest.raises(UsageError, match="seed must be an integer >= 0, got -1"):
        KeepGrowth(seed=-1)
    keep = KeepGrowth(tmp_path)
    keep.set_model(GAN.tiny())
    with pytest.raises(UsageError, match="KeepGrowth needs a model that grows, got a GAN"):
        keep.on_train_begin()
    (tmp_path / "growth.npz").write_bytes(b"PK\x03\x04 no archive")
    keep.set_model(PGGAN.tiny())
    with pytest.raises(DataError, match=r"growth.npz is damaged: "):
        keep._keep("side_8", 8)
