"""Conditions in bundles: class names, examples of what must be given, and the command line."""

import json
import runpy
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from kgan import layers
from kgan.cli import main
from kgan.errors import BundleError, UsageError
from kgan.export import export, verify
from kgan.export.runtime import Generator
from kgan.models import ConditionalGAN

pytestmark = pytest.mark.once
L = keras.layers


def completing(bank=True):
    """Completes images of 4x4 under a mask."""
    z, visible = keras.Input((3,), name="z"), keras.Input((4, 4, 1), name="visible")
    mask = keras.Input((4, 4, 1), name="mask")
    made = L.Conv2D(1, 3, padding="same", activation="tanh")(layers.ConcatCondition()([visible, z]))
    generator = keras.Model(
        {"z": z, "visible": visible, "mask": mask}, layers.Complete()([made, visible, mask])
    )
    images, mask = keras.Input((4, 4, 1), name="images"), keras.Input((4, 4, 1), name="mask")
    score = L.Dense(1)(L.Flatten()(layers.ConcatCondition()([images, mask])))
    discriminator = keras.Model({"images": images, "mask": mask}, score)
    model = ConditionalGAN(generator, discriminator, masks=["half"])
    if bank:
        rng = np.random.default_rng(0)
        visible = rng.uniform(-1, 1, (6, 4, 4, 1)).astype("float32")
        model.set_banks({"visible": visible, "mask": (visible > 0).astype("float32")})
    return model


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model with a bank, and its bundle."""
    model, folder = completing(), tmp_path_factory.mktemp("completing") / "bundle"
    export(model, folder, formats=["onnx"])
    return model, folder


def test_the_bank_goes_into_the_bundle(made):
    model, folder = made
    about = json.loads((folder / "kgan.json").read_text())
    assert about["conditions"] == {"visible": 6, "mask": 6}
    assert "conditions.npz" in about["files"]
    assert [item["distribution"] for item in about["inputs"]] == ["normal", "given", "given"]
    assert (folder / "samples.png").exists()
    verify(folder)
    generator = Generator(folder)
    np.testing.assert_array_equal(generator.banks()["mask"], model.banks()["mask"])
    gap = generator.sample(9, seed=5).astype(int) - model.sample(9, seed=5)
    assert np.abs(gap).max() <= 1
    whole = np.full((4, 4, 1), 0.5, "float32")
    shown = generator.sample(2, visible=whole, mask=np.ones((4, 4, 1)))
    np.testing.assert_array_equal(shown, np.full((2, 4, 4, 1), 191))
    with pytest.raises(UsageError, match="visible must be 2x4x4x1 numbers or one value for all"):
        generator.sample(2, visible=np.zeros((5, 5, 1)))


def test_the_card_draws_from_the_bank(made, monkeypatch, capsys):
    example = (made[1] / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    (made[1].parent / "example.py").write_text(example)
    monkeypatch.chdir(made[1])
    assert runpy.run_path(str(made[1].parent / "example.py"))["images"].shape == (16, 4, 4, 1)


def test_a_changed_bank_is_refused(made, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(made[1], folder)
    np.savez_compressed(folder / "conditions.npz", visible=np.zeros((6, 4, 4, 1)))
    with pytest.raises(BundleError, match=r"conditions\.npz was changed"):
        Generator(folder)


def test_without_a_bank_conditions_must_be_given(tmp_path):
    folder = tmp_path / "bundle"
    export(completing(bank=False), folder, formats=["onnx"])
    verify(folder)
    assert not (folder / "conditions.npz").exists()
    assert not (folder / "samples.png").exists()
    assert "samples.png" not in (folder / "README.md").read_text()
    with pytest.raises(UsageError, match="visible must be given: there is no bank of examples"):
        Generator(folder).sample(1)


def test_class_names_of_the_model_go_into_the_bundle(tmp_path):
    model = ConditionalGAN.tiny()
    model.class_names = ["shoe", "shirt", "hat"]
    export(model, tmp_path / "bundle", formats=["onnx"])
    generator = Generator(tmp_path / "bundle")
    assert generator.labels == ["shoe", "shirt", "hat"]
    gap = generator.sample(4, seed=2, label="HAT").astype(int) - model.sample(4, seed=2, label=2)
    assert np.abs(gap).max() <= 1


def test_a_generator_of_vectors_has_no_bundle(tmp_path):
    z, features = keras.Input((3,), name="z"), keras.Input((2,), name="features")
    generator = keras.Model({"z": z, "features": features}, L.Dense(4)(L.Concatenate()([z, features])))
    images, features = keras.Input((4,), name="images"), keras.Input((2,), name="features")
    score = L.Dense(1)(L.Concatenate()([images, features]))
    model = ConditionalGAN(generator, keras.Model({"images": images, "features": features}, score))
    with pytest.raises(UsageError, match=r"makes vectors: kgan\.export\.export_network"):
        export(model, tmp_path / "bundle")


def sheet(path, *words):
    assert main(["sample", *words, "-o", str(path)]) == 0
    return np.asarray(Image.open(path))


def test_labels_on_the_command_line(bundle, tmp_path, capsys):
    # The bundle made by hand: images of 4x5, two classes, shirt and boot.
    name, number = tmp_path / "name.png", tmp_path / "number.png"
    shown = sheet(name, str(bundle), "--seed", "1", "-n", "4", "--label", "BOOT")
    np.testing.assert_array_equal(shown, sheet(number, str(bundle), "--seed", "1", "-n", "4", "--label", "1"))
    both = sheet(tmp_path / "both.png", str(bundle), "--seed", "1", "-n", "6", "--label", "0-1")
    assert both.shape == (2 + 2 * (4 + 2), 2 + 3 * (5 + 2))  # a row for each class
    many = sheet(tmp_path / "many.png", str(bundle), "--label", "shirt,boot")
    assert many.shape == (2 + 2 * (4 + 2), 2 + 8 * (5 + 2))
    capsys.readouterr()
    for words, message in (
        (["--label", "sock"], "label must be one of shirt, boot, got 'sock'"),
        (["--label", "7"], "label must be an integer from 0 to 1, got 7"),
        (["--label", "0-1", "-n", "5"], "-n must be a multiple of the 2 labels, got 5"),
    ):
        assert main(["sample", str(bundle), *words, "-o", str(tmp_path / "no.png")]) == 2
        assert capsys.readouterr().err == f"kgan: error: {message}\n"
