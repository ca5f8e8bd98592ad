"""Sampling a bundle with numpy and onnxruntime alone."""

import json
import runpy
import subprocess
import sys

import numpy as np
import pytest

from kgan.errors import BundleError, MissingExtraError, UsageError
from kgan.export.runtime import Generator
from kgan.types import to_uint8

pytestmark = pytest.mark.once


@pytest.fixture
def generator(bundle):
    return Generator(bundle)


def test_no_framework_is_imported(bundle):
    code = (
        "import sys; from kgan.export.runtime import Generator; from kgan.export import verify\n"
        f"print(Generator({str(bundle)!r}).sample(3, seed=0).shape); print(verify({str(bundle)!r}))\n"
        "print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "(3, 4, 5, 1)"
    assert done.stdout.splitlines()[-1] == "[]"
    assert not done.stderr


def test_what_it_says_of_itself(generator):
    assert [spec.name for spec in generator.inputs] == ["z", "label"]
    assert generator.image_shape == (4, 5, 1)
    assert generator.labels == ["shirt", "boot"]


def test_same_seed_same_images(generator):
    images = generator.sample(10, seed=3)
    assert images.shape == (10, 4, 5, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, generator.sample(10, seed=3, batch_size=4))
    assert not np.array_equal(images, generator.sample(10, seed=4))
    assert not np.array_equal(generator.sample(10), generator.sample(10))


def test_inputs_are_those_of_the_model(generator, bundle):
    with np.load(bundle / "reference.npz") as reference:
        expected = to_uint8(reference["images_float"])
        given = {"z": reference["input_z"], "label": reference["input_label"]}
    drawn = generator.sample(8, seed=0)
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(generator.sample(8, **given), drawn)


def test_labels(generator):
    by_name = generator.sample(4, seed=1, label="boot")
    np.testing.assert_array_equal(by_name, generator.sample(4, seed=1, label=1))
    np.testing.assert_array_equal(by_name, generator.sample(4, seed=1, label=np.ones(4, int)))
    mixed = generator.sample(4, seed=1, label=["boot", 1, "shirt", 0])
    np.testing.assert_array_equal(mixed[:2], by_name[:2])
    assert not np.array_equal(mixed[2:], by_name[2:])


def test_one_value_for_all(generator):
    images = generator.sample(3, z=np.zeros(3), label=0)
    assert (images == images[0]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be an integer >= 1, got 0"),
        ({"n": 1, "batch_size": 0}, "batch_size must be an integer >= 1, got 0"),
        ({"n": 1, "label": "sock"}, "label must be one of shirt, boot, got 'sock'"),
        ({"n": 1, "label": 2}, "label must be an integer from 0 to 1, got 2"),
        ({"n": 1, "label": -1}, "label must be an integer from 0 to 1, got -1"),
        ({"n": 1, "label": 0.5}, "label must be an integer from 0 to 1, got 0.5"),
        ({"n": 3, "label": [0, 1]}, "label must be 3 numbers or one value for all"),
        ({"n": 1, "truncation_psi": 0.5}, "inputs must be among z, label, got truncation_psi"),
        ({"n": 1, "noise": 0.5}, "inputs must be among z, label, got noise"),
        ({"n": 2, "z": np.zeros((2, 4))}, "z must be 2x3 numbers"),
        ({"n": 2, "z": "x"}, "z must be 2x3 numbers"),
        ({"n": 2, "seed": -1}, "seed must be an integer >= 0, got -1"),
    ],
)
def test_wrong_arguments(generator, arguments, message):
    with pytest.raises(UsageError, match=message):
        generator.sample(**arguments)


def test_threads(bundle):
    np.testing.assert_array_equal(
        Generator(bundle, threads=1).sample(2, seed=0), Generator(bundle).sample(2, seed=0)
    )
    for threads in (0, 1.5, "a"):
        with pytest.raises(UsageError, match=f"threads must be an integer >= 1, got {threads!r}"):
            Generator(bundle, threads=threads)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_shape": [4, 6, 1]}, r"where images is \[batch, 4, 6, 1\], got \[batch, 4, 5, 1\]"),
        ({"inputs": [{"name": "z", "shape": [3]}]}, r"where label is absent, got \[batch\]"),
        ({"inputs": [{"name": "x", "shape": [3]}]}, r"where x is \[batch, 3\], got absent"),
        (
            {"inputs": [{"name": "z", "shape": [4]}, {"name": "label", "shape": []}]},
            r"generator.onnx must fit kgan.json, where z is \[batch, 4\], got \[batch, 3\]",
        ),
    ],
)
def test_a_manifest_of_another_graph(bundle, changes, message):
    path = bundle / "kgan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(BundleError, match=message):
        Generator(bundle)


def test_inputs_of_another_type(bundle):
    path = bundle / "kgan.json"
    content = json.loads(path.read_text())
    content["inputs"][0]["dtype"] = "int32"
    path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=r"onnxruntime cannot run generator.onnx: .* data type") as failure:
        Generator(bundle).sample(2)
    assert "\n" not in str(failure.value)


def test_changed_model(bundle):
    with open(bundle / "generator.onnx", "ab") as file:
        file.write(b"\0")
    with pytest.raises(BundleError, match=r"generator\.onnx was changed"):
        Generator(bundle)


def test_without_onnxruntime(bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"onnxruntime is not installed: .*kgan\[runtime\]"):
        Generator(bundle)


def test_card_example_runs(bundle, monkeypatch, capsys):
    text = (bundle / "README.md").read_text()
    example = text.partition("```python\n")[2].partition("```")[0]
    assert len(example.splitlines()) <= 15
    (bundle.parent / "example.py").write_text(example)
    monkeypatch.chdir(bundle)
    images = runpy.run_path(str(bundle.parent / "example.py"))["images"]
    assert images.shape == (16, 4, 5, 1)
    assert capsys.readouterr().out == "(16, 4, 5, 1) uint8\n"
