"""`kgan evaluate` on runs and bundles, and the one line for whatever cannot be scored."""

import json
import pathlib

import keras
import numpy as np
import pytest

from kgan import score_table
from kgan.cli import main
from kgan.errors import DataError
from kgan.export import export
from kgan.models import GAN
from kgan.recipes import FASHION_MNIST_MINI

L = keras.layers
DATA = ["--data", str(FASHION_MNIST_MINI), "--split", "test[:200]"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an instant."""
    folder = tmp_path_factory.mktemp("evaluate") / "run"
    words = ["epochs=1", "batch_size=8", "split=train[:16]", "width=4"]
    assert main(["run", "dcgan_fashion_mnist", *words, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def bundle(run):
    folder = run.parent / "bundle"
    assert main(["export", str(run), "-o", str(folder), "--format", "onnx"]) == 0
    return folder


def scores(path):
    return {item["name"]: item for item in json.loads(path.read_text())["scores"]}


def test_a_bundle_scores_as_its_run_and_stays_whole(run, bundle, capsys):
    for source in (run, bundle):
        assert (
            main(["evaluate", str(source), *DATA, "--metrics", "fid", "precision_recall", "-n", "300"]) == 0
        )
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["score", "value", "std", "samples", "real", "images"]
    assert [line.split()[0] for line in shown[1:4]] == [
        f"{n}[fashion_mnist]" for n in ("fid", "precision", "recall")
    ]
    assert shown[1].split()[2:4] == ["300", "200"]
    ours, theirs = scores(run / "scores.json"), scores(bundle.parent / "bundle.scores.json")
    for name, score in ours.items():
        assert theirs[name]["value"] == pytest.approx(score["value"], rel=1e-3)
        assert theirs[name]["protocol"]["fingerprint"] == score["protocol"]["fingerprint"]
    assert ours["fid[fashion_mnist]"]["protocol"]["data"] == str(FASHION_MNIST_MINI)
    assert ours["fid[fashion_mnist]"]["protocol"]["split"] == "test[:200]"
    assert ours["fid[fashion_mnist]"]["protocol"]["ema"] is True
    assert main(["verify", str(bundle)]) == 0


def test_scores_of_other_protocols_stay_and_are_told_apart(run, tmp_path, capsys):
    file = tmp_path / "scores.json"
    words = ["evaluate", str(run), *DATA, "--metrics", "fid", "-o", str(file)]
    assert main([*words, "-n", "150"]) == 0
    assert main([*words, "-n", "160"]) == 0
    assert "an earlier fid[fashion_mnist] and fid[fashion_mnist] are not comparable: they differ in fake" in (
        capsys.readouterr().err
    )
    assert main([*words, "-n", "150"]) == 0
    kept = score_table.read_scores(file)
    assert sorted(result.protocol.fake for result in kept) == [150, 160]


def rejected(capsys, *words):
    """The exit code of a command that fails, and its one line."""
    capsys.readouterr()
    code = main(["evaluate", *map(str, words)])
    message = capsys.readouterr().err
    assert message.startswith("kgan: error: ")
    assert message.count("\n") == 1
    assert "Traceback" not in message
    return code, message


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([*DATA, "--metrics", "fdi"], 2, "metrics must be among fid, kid"),
        ([*DATA, "--metrics", "fid", "-n", "128"], 1, "fake samples must be more than the 128 features"),
        ([*DATA, "--metrics", "kid"], 1, "real samples must be at least 1000 for subsets of 1000, got 200"),
        ([*DATA, "--metrics", "precision_recall", "-n", "3"], 1, "got 3"),
        ([*DATA, "--extractor", "no.onnx"], 2, "found no no.onnx"),
        ([*DATA, "--extractor", "vgg"], 2, "the extractor must be one of"),
        ([*DATA, "--truncation", "0.5"], 2, "truncation_psi"),
        (["--data", "no/such/folder"], 2, "no/such/folder"),
        ([*DATA, "--real", "201"], 1, "real images must be at least 201 for real_n=201, got 200"),
        ([], 2, "--data"),
    ],
)
def test_one_line_for_wrong_use(run, capsys, words, code, message):
    found, said = rejected(capsys, run, *words)
    assert (found, message in said) == (code, True), said
    assert not (run / "scores.json.tmp").exists()


def test_damaged_files(run, tmp_path, capsys):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x08 not a network")
    code, said = rejected(capsys, run, *DATA, "--extractor", broken)
    assert (code, "onnxruntime cannot load broken.onnx" in said) == (1, True)
    file = tmp_path / "scores.json"
    file.write_text('{"format": 1, "scores": [{"name": "fid"}]}')
    code, said = rejected(capsys, run, *DATA, "--metrics", "fid", "-o", file)
    assert (code, "must hold scores as kgan wrote them" in said) == (1, True)
    assert "fid" in file.read_text()


@pytest.mark.once
def test_colour_images_need_another_extractor(tmp_path, capsys):
    generator = keras.Sequential([keras.Input((3,)), L.Dense(28 * 28 * 3, "tanh"), L.Reshape((28, 28, 3))])
    discriminator = keras.Sequential([keras.Input((28, 28, 3)), L.Flatten(), L.Dense(1)])
    bundle = pathlib.Path(export(GAN(generator, discriminator), tmp_path / "bundle", ("onnx",)))
    code, said = rejected(capsys, bundle, *DATA)
    assert (code, "an extractor must be named for images other than 28x28x1, got 28x28x3" in said) == (
        2,
        True,
    )
    code, said = rejected(capsys, bundle, *DATA, "--extractor", "fashion_mnist")
    assert (code, "images must have 1 channel for the network fashion_mnist, got 3" in said) == (1, True)


def test_a_network_without_the_named_output(run, tmp_path, capsys):
    import onnx

    from kgan.metrics.features import NETWORKS

    model = onnx.load(NETWORKS / "mnist.onnx")
    del model.graph.output[:1]
    onnx.save(model, tmp_path / "logits.onnx")
    code, said = rejected(capsys, run, *DATA, "--extractor", tmp_path / "logits.onnx")
    assert (code, "logits.onnx must have the output 'features', it has logits" in said) == (2, True)


@pytest.mark.once
def test_only_scores_of_kgan_are_read(tmp_path):
    for text in ("", "[]", '{"format": 2, "scores": []}', '{"format": 1}'):
        (tmp_path / "scores.json").write_text(text)
        with pytest.raises(DataError, match="must hold scores as kgan wrote them"):
            score_table.read_scores(tmp_path / "scores.json")
    assert score_table.read_scores(tmp_path / "none.json") == []


@pytest.mark.once
def test_the_classifier_recipe_exports_a_feature_network(tmp_path, capsys):
    from kgan.data import load_images
    from kgan.metrics import ONNXFeatures

    words = ["epochs=2", "batch_size=8", f"data={FASHION_MNIST_MINI}", "split=train[:16]", "width=4"]
    folder, file = tmp_path / "run", tmp_path / "net.onnx"
    assert main(["run", "classifier_fashion_mnist", *words, "--out", str(folder)]) == 0
    assert "pictures" not in capsys.readouterr().out
    assert (folder / "history.csv").read_text().splitlines()[0] == "epoch,accuracy,loss"
    assert (folder / "loss.png").exists()
    assert main(["export", str(folder), "-o", str(file)]) == 0
    network = ONNXFeatures(file)
    assert (network.size, network.channels, network.outputs) == ((28, 28), 1, {"features", "logits"})
    images = load_images(FASHION_MNIST_MINI, "test[:5]", batch_size=1).uint8(np.arange(5))
    assert network(images)["features"].shape == (5, 16)
    code, said = rejected(capsys, folder, *DATA)
    assert (code, "kgan evaluate scores generators" in said) == (2, True)


@pytest.mark.slow
def test_a_trained_generator_and_its_file_have_one_score(tmp_path):
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    words = ["epochs=2", "batch_size=32", "split=train[:1000]", "width=16"]
    assert main(["run", "dcgan_fashion_mnist", *words, "--out", str(run)]) == 0
    assert main(["export", str(run), "-o", str(bundle), "--format", "onnx"]) == 0
    words = ["--data", str(FASHION_MNIST_MINI), "--metrics", "fid", "kid", "precision_recall"]
    for source in (run, bundle):
        assert main(["evaluate", str(source), *words]) == 0
    ours, theirs = scores(run / "scores.json"), scores(tmp_path / "bundle.scores.json")
    assert len(ours) == 4
    for name, score in ours.items():
        assert theirs[name]["value"] == pytest.approx(score["value"], rel=1e-3, abs=2e-3)
    name = "fid[fashion_mnist]"
    assert theirs[name]["value"] == pytest.approx(ours[name]["value"], rel=1e-3)
