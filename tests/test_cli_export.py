"""From a recipe to an application: `kgan run`, `export`, `verify` and `sample` on the bundle."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from kgan.cli import main

pytestmark = pytest.mark.once


@pytest.mark.usefixtures("own_process")
def test_from_recipe_to_bundle(tmp_path, capsys, monkeypatch):
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    words = ["epochs=1", "batch_size=8", "split=train[:16]", "width=4"]
    assert main(["run", "dcgan_fashion_mnist", *words, "--out", str(run)]) == 0
    assert main(["export", str(run), "-o", str(bundle)]) == 0
    about = json.loads((bundle / "kgan.json").read_text())
    assert about["recipe"]["recipe"] == "dcgan_fashion_mnist"
    assert "Fashion-MNIST" in (bundle / "README.md").read_text()
    assert main(["verify", str(bundle)]) == 0
    sheets = []
    for source in (run, bundle):
        sheet = tmp_path / f"{source.name}.png"
        assert main(["sample", str(source), "-n", "6", "--seed", "4", "-o", str(sheet)]) == 0
        sheets.append(np.asarray(Image.open(sheet)).astype(int))
    assert np.abs(sheets[0] - sheets[1]).max() <= 1
    capsys.readouterr()

    assert main(["export", str(run), "-o", str(bundle)]) == 2
    assert "must not exist yet" in capsys.readouterr().err
    model = pathlib.Path(bundle / "generator.onnx")
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(content)
    for words in (["verify", str(bundle)], ["sample", str(bundle), "-o", str(tmp_path / "no.png")]):
        assert main(words) == 1
        message = capsys.readouterr().err
        assert message.startswith("kgan: error: ")
        assert message.count("\n") == 1
        assert "was changed" in message
    assert not (tmp_path / "no.png").exists()


def test_from_recipe_to_translated_picture(tmp_path, capsys):
    from kgan import catalog

    run, bundle = tmp_path / "run", tmp_path / "bundle"
    smoke = catalog.load("cyclegan_emoji").module.SMOKE
    words = [f"{key}={value}" for key, value in smoke.items() if value is not None]
    assert main(["run", "cyclegan_emoji", *words, "extractor_size=28", "--out", str(run)]) == 0
    assert "all, ab, l1: output 0." in capsys.readouterr().out
    assert (run / "translation.png").is_file()
    scores = json.loads((run / "translation.json").read_text())
    assert set(scores["all"]["ba"]) == {"l1", "features[fashion_mnist]", "reconstruction", "identity"}
    with Image.open(run / "samples" / "epoch_0001.png") as sheet:
        assert sheet.size == ((6 * 18 + 2) * 4, (4 * 18 + 2) * 4)
    words = ["--direction", "ba", "--format", "onnx"]
    assert main(["export", str(run), "-o", str(bundle), *words]) == 0
    assert json.loads((bundle / "kgan.json").read_text())["translation"]["direction"] == "ba"
    picture, out = tmp_path / "in.png", tmp_path / "out.png"
    Image.new("RGB", (33, 21), "teal").save(picture)
    assert main(["translate", str(bundle), str(picture), str(out)]) == 0
    with Image.open(out) as made:
        assert (made.size, made.mode) == ((33, 21), "L")
    capsys.readouterr()
    assert main(["sample", str(bundle), "-o", str(tmp_path / "no.png")]) == 2
    assert "translates images: use kgan translate" in capsys.readouterr().err
    assert main(["export", str(run), "-o", str(tmp_path / "no"), "--direction", "b"]) == 2


@pytest.mark.once
def test_one_part_alone_is_written_as_onnx(tmp_path):
    from types import SimpleNamespace

    from kgan import commands
    from kgan.errors import UsageError
    from kgan.models import SemiSupervisedGAN

    model = SemiSupervisedGAN.tiny()
    path = tmp_path / "classifier.onnx"
    commands._export_part(model, SimpleNamespace(part="classifier", output=path))
    assert path.is_file()
    with pytest.raises(UsageError, match="--part must be one of classifier, discriminator, got 'weights'"):
        commands._export_part(model, SimpleNamespace(part="weights", output=path))
