"""Style-based generators: two verified halves and a combined graph, with numpy and onnxruntime alone."""

import dataclasses
import json
import math
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import onnx
import PIL.Image
import pytest

from kgan import latents
from kgan.cli import main
from kgan.errors import BundleError, UsageError
from kgan.export import bundle as bundle_module
from kgan.export import export, verify
from kgan.export.runtime import Generator
from kgan.export.style_runtime import StyleGenerator
from kgan.models import PGGAN, StyleGAN
from kgan.pictures import sheet
from kgan.types import to_uint8


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model with three classes, within a fade, and its bundle."""
    model = StyleGAN.tiny(num_classes=3)
    folder = tmp_path_factory.mktemp("export") / "bundle"
    return model, export(model, folder, ["onnx"], labels=["ant", "bee", "cat"])


@pytest.fixture(scope="module")
def generator(exported):
    return StyleGenerator(exported[1])


NO_NOISE = r"noise must be a dict of noise images, as noise\(\) gives, got "


def gap(made, expected):
    assert made.dtype == expected.dtype == np.uint8
    assert made.shape == expected.shape
    return np.abs(made.astype(int) - expected).max()


def convolutions(path):
    """How many convolutions a graph has of each shape of kernel."""
    graph = onnx.load(path).graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    return Counter(shapes[node.input[1]] for node in graph.node if node.op_type == "Conv")


def latent(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3)).astype("float32")


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("noise", ["random", "fixed", "none"])
def test_same_seed_same_images_as_the_model(exported, generator, n, noise):
    model, _ = exported
    for psi, cutoff in ((1.0, None), (0.5, None), (-0.5, 4)):
        settings = {"seed": 5, "noise": noise, "truncation_psi": psi, "truncation_cutoff": cutoff}
        expected = model.sample(n, **settings)
        assert gap(generator.sample(n, **settings), expected) <= 1
        if (noise, cutoff) == ("random", None):
            combined = Generator(generator.folder).sample(n, seed=5, truncation_psi=psi)
            assert gap(combined, expected) <= 1


def test_each_half_is_that_of_the_model(exported, generator):
    model, _ = exported
    label = np.arange(7) % 3
    w = generator.mapping(latent(7), label)
    np.testing.assert_allclose(w, model.map(latent(7), label), atol=1e-5)
    styles = np.random.default_rng(1).standard_normal((7, 4, 3)).astype("float32")
    noise = model.noise(7, seed=3)
    for part in ({}, noise, {"noise_1": noise["noise_1"]}, None):
        zeros = {name: np.zeros_like(value) for name, value in noise.items()}
        given = None if part is None else {**zeros, **part}
        expected = to_uint8(model.synthesize(styles, given), model.data_range)
        assert gap(generator.synthesize(styles, part), expected) <= 1
    np.testing.assert_array_equal(generator.truncate(w, 0.3, 2), model.styles(w, 0.3, 2))
    np.testing.assert_array_equal(generator.mean_style, model.mean_style)
    for mode in ("random", "fixed"):
        ours, theirs = (x.noise(2, mode, "fine", seed=6) for x in (generator, model))
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            np.testing.assert_array_equal(value, theirs[name])


def test_a_generator_in_its_first_steps_and_the_readme(tmp_path, monkeypatch):
    """Its constant has hardly left 1: the first normalisation enlarges rounding errors ten thousand times."""
    model = StyleGAN.tiny()
    rng = np.random.default_rng(1)
    for weight in model.generator.weights:
        if weight.name == "value":
            weight.assign(1.0 + rng.normal(0.0, 1e-5, weight.shape))
        elif weight.name in ("strength", "bias"):
            weight.assign(rng.normal(0.0, 2e-5, weight.shape))
    model.average = None
    folder = export(model, tmp_path / "bundle")
    report = verify(folder)
    assert max(error["float"] for error in report.errors.values()) < 2e-5
    readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    (example,) = [block for block in blocks if "StyleGenerator" in block]
    (tmp_path / "example.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    assert runpy.run_path(str(tmp_path / "example.py"))["images"].shape == (15, 8, 8, 1)


@pytest.mark.once
def test_noise_has_an_effect_and_its_absence_has_none(generator):
    w = generator.mapping(latent(1), "ant")
    images = [generator.synthesize(w, noise) for noise in ({}, None, generator.noise(1, seed=1))]
    assert len({image.tobytes() for image in images}) == 3
    np.testing.assert_array_equal(images[0], generator.synthesize(w, generator.noise(1, "none")))
    np.testing.assert_array_equal(images[1], generator.synthesize(w, generator.noise(1, "fixed")))
    one = {"noise_0": np.ones((4, 4, 1))}
    twice = generator.synthesize(np.repeat(w, 2, axis=0), one)
    np.testing.assert_array_equal(twice[0], twice[1])


@pytest.mark.once
def test_the_combined_graph_is_both_halves(exported, generator):
    combined = Generator(exported[1])
    inputs = latents.draw(combined.inputs, 7, seed=2)
    w = generator.mapping(inputs["z"], inputs["label"])
    psi = np.linspace(-1, 1, 7)
    noise = {name: value for name, value in inputs.items() if name.startswith("noise_")}
    made = generator.synthesize(generator.truncate(w, psi), noise)
    whole = combined.sample(7, **{**inputs, "truncation_psi": psi})
    assert gap(made, whole) <= 1
    small = generator.sample(7, batch_size=2, **{**inputs, "truncation_psi": psi})
    np.testing.assert_array_equal(small, made)


@pytest.mark.once
def test_truncation(generator):
    w = generator.mapping(latent(3), 1)
    np.testing.assert_array_equal(generator.truncate(w), np.repeat(w[:, None], 4, axis=1))
    mean = generator.truncate(w, psi=0.0, cutoff=4)
    np.testing.assert_array_equal(mean, np.broadcast_to(generator.mean_style, mean.shape))
    assert generator.truncation_cutoff == 3
    usual = generator.truncate(w, psi=0.0)
    np.testing.assert_array_equal(usual[:, 3], w)
    assert not np.array_equal(usual[:, 2], w)


@pytest.mark.once
def test_mixing(generator):
    source, destination = generator.mapping(latent(1, seed=1), 0), generator.mapping(latent(3, seed=2), 2)
    mixed = generator.mix(source, destination, layers=(1, 2))
    assert mixed.shape == (3, 4, 3)
    for row, expected in enumerate((destination, source, source, destination)):
        np.testing.assert_array_equal(mixed[:, row], np.broadcast_to(expected, (3, 3)))
    images = generator.synthesize(mixed)
    assert not np.array_equal(images, generator.synthesize(destination))
    whole = generator.synthesize(generator.mix(source, destination, (0, 3)))
    assert gap(whole, np.repeat(generator.synthesize(source), 3, axis=0)) <= 1


@pytest.mark.once
def test_interpolation(generator):
    start, end = latent(2, seed=4)
    ends = generator.synthesize(generator.truncate(generator.mapping(np.stack([start, end]), "cat"), 0.5))
    walks = {
        space: generator.interpolate(start, end, 5, space, label="cat", psi=0.5, batch_size=2)
        for space in ("z", "w")
    }
    for images in walks.values():
        assert images.shape == (5, 8, 8, 1)
        assert gap(images[[0, -1]], ends) <= 1
    w = generator.mapping(np.stack([start, end]), 2)
    middle = generator.synthesize(generator.truncate(w.mean(axis=0, keepdims=True), 0.5))
    assert gap(walks["w"][2:3], middle) <= 1
    between = latents.path(start, end, 5, "slerp")[2:3]
    middle = generator.synthesize(generator.truncate(generator.mapping(between, 2), 0.5))
    assert gap(walks["z"][2:3], middle) <= 1


@pytest.mark.once
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.truncate(np.zeros((1, 3)), 1.5), r"truncation_psi must lie in \[-1, 1\], got 1.5"),
        (lambda g: g.truncate(np.zeros((1, 3)), np.nan), r"truncation_psi must lie in \[-1, 1\], got nan"),
        (lambda g: g.truncate(np.zeros((1, 3)), [0, 0]), r"must be one number or 1, got shape \(2,\)"),
        (lambda g: g.truncate(np.zeros((1, 3)), 1, 5), "truncation_cutoff must be from 0 to 4, got 5"),
        (lambda g: g.truncate(np.zeros((1, 3)), 1, -1), "truncation_cutoff must be from 0 to 4, got -1"),
        (lambda g: g.truncate(np.zeros((1, 3)), 1, 1.5), "truncation_cutoff must be from 0 to 4, got 1.5"),
        (lambda g: g.truncate(np.zeros(3)), r"w must be \[n, 3\] or \[n, 4, 3\] at this side, got \[3\]"),
        (lambda g: g.synthesize(np.zeros((1, 5, 3))), r"w must be .* got \[1, 5, 3\]"),
        (lambda g: g.mix(*np.zeros((2, 1, 3)), (2, 4)), r"within 0 to 3, got \(2, 4\)"),
        (lambda g: g.mix(*np.zeros((2, 1, 3)), (2, 1)), r"within 0 to 3, got \(2, 1\)"),
        (lambda g: g.mix(*np.zeros((2, 1, 3)), (-1, 1)), r"within 0 to 3, got \(-1, 1\)"),
        (lambda g: g.mix(np.zeros((2, 3)), np.zeros((3, 3)), (0, 1)), r"equally many or one, got \(2, 3\)"),
        (lambda g: g.interpolate(*latent(2), 1, label=0), "steps must be an integer >= 2, got 1"),
        (lambda g: g.interpolate(*latent(2), 4, "x", label=0), 'space must be "z" or "w", got \'x\''),
        (lambda g: g.interpolate(*latent(2), 4), "label must be given for a generator with classes"),
        (lambda g: g.mapping(latent(2), 3), "label must be an integer from 0 to 2, got 3"),
        (lambda g: g.mapping(latent(2)[0], 0), r"z must be \[n, 3\], got \[3\]"),
        (lambda g: g.mapping(np.zeros((2, 4)), 0), "z must be 2x3 numbers"),
        (lambda g: g.mapping(latent(2), [0, 1, 2]), "label must be 2 numbers or one value for all"),
        (lambda g: g.mapping(np.zeros((0, 3)), 0), r"z must be \[n, 3\], got \[0, 3\]"),
        (
            lambda g: g.interpolate([0.0], latent(1)[0], 3, label=0),
            r"start must be a vector of 3 numbers, got \[1\]",
        ),
        (lambda g: g.interpolate(*latent(2), 2.5, label=0), "steps must be an integer >= 2, got 2.5"),
        (lambda g: g.mix(*np.zeros((2, 1, 3)), 2), r"within 0 to 3, got 2"),
        (lambda g: g.mix(*np.zeros((2, 1, 3)), "coarse"), r"within 0 to 3, got 'coarse'"),
        (lambda g: g.truncate(np.full((1, 3), np.nan)), "w must be finite"),
        (lambda g: g.noise(1, "loud"), "noise must be one of random, fixed, none, got 'loud'"),
        (lambda g: g.noise(1, layers=(0, 4)), r"within 0 to 3, got \(0, 4\)"),
        (lambda g: g.noise(0), "n must be an integer >= 1, got 0"),
        (
            lambda g: g.synthesize(np.zeros((1, 3)), {"noise_4": 0}),
            "inputs must be among noise_0, .* noise_4",
        ),
        (
            lambda g: g.synthesize(np.zeros((1, 3)), {"noise_0": np.zeros(5)}),
            "noise_0 must be 1x4x4x1 numbers",
        ),
        (lambda g: g.sample(2, seed=0, truncation_psi=2), r"truncation_psi must lie in \[-1, 1\], got 2"),
        (lambda g: g.sample(2, seed=0, truncation_cutoff=9), "truncation_cutoff must be from 0 to 4, got 9"),
        (lambda g: g.sample(2, seed=0, noise="off"), "noise must be one of random, fixed, none, got 'off'"),
        (lambda g: g.sample(2, noise_layers="some"), "noise_layers must be one of all, none, coarse, fine"),
        (lambda g: g.sample(2, batch_size=0), "batch_size must be an integer >= 1, got 0"),
        (lambda g: g.sample(2, noise_layers=3), r"noise_layers must be \(first, last\) .* got 3"),
        (lambda g: g.sample(2, truncation_psi="a"), r"truncation_psi must be numbers in \[-1, 1\], got 'a'"),
        (lambda g: g.truncate(np.zeros((1, 3)), None), r"must be numbers in \[-1, 1\], got None"),
        (lambda g: g.truncate(np.zeros((1, 3)), 1j), r"must be numbers in \[-1, 1\], got 1j"),
        (lambda g: g.synthesize(np.zeros((1, 3)) + 1j), r"w must be real numbers, got .* complex128"),
        (lambda g: g.synthesize(np.full((1, 3), 1e300)), "w must be finite, got NaN or infinity"),
        (lambda g: g.synthesize(None), "w must be real numbers, got None"),
        *(
            (lambda g, noise=noise: g.synthesize(np.zeros((1, 3)), noise), NO_NOISE + re.escape(repr(noise)))
            for noise in ("random", [1], 5, {0: 1})
        ),
        (lambda g: g.interpolate(*latent(2), 3, label=0, noise="fixed"), NO_NOISE + "'fixed'"),
    ],
)
def test_wrong_arguments(generator, call, message):
    with pytest.raises(UsageError, match=message) as failure:
        call(generator)
    assert "\n" not in str(failure.value)


@pytest.mark.once
def test_combined_generator_refuses_psi_out_of_range(exported):
    with pytest.raises(UsageError, match=r"truncation_psi must lie in \[-1, 1\], got -1.5"):
        Generator(exported[1]).sample(1, truncation_psi=-1.5)


@pytest.mark.once
def test_a_bundle_without_styles(bundle):
    with pytest.raises(UsageError, match=r"has no styles: use kgan.export.runtime.Generator"):
        StyleGenerator(bundle)


def test_what_the_bundle_holds(exported):
    model, folder = exported
    assert sorted(path.name for path in folder.iterdir()) == [
        *("README.md", "generator.onnx", "kgan.json", "mapping.onnx", "reference.npz"),
        *("reference_styles.npz", "samples.png", "styles.npz", "synthesis.onnx"),
    ]
    noise = [f"noise_{place}" for place in range(4)]
    graphs = {
        "generator": (["z", "label", "truncation_psi", *noise], ["images"]),
        "mapping": (["z", "label"], ["w"]),
        "synthesis": (["w", *noise], ["images"]),
    }
    for name, names in graphs.items():
        made = onnx.load(folder / f"{name}.onnx")
        graph = made.graph
        assert ([v.name for v in graph.input], [v.name for v in graph.output]) == names
        assert {item.domain for item in made.opset_import} == {""}
        assert not [node.op_type for node in graph.node if "Random" in node.op_type]
    manifest = json.loads((folder / "kgan.json").read_text())
    assert manifest["style"]["layers"] == 4
    # Neither the mean of w nor alpha is a parameter: the weights of the average, which nothing trains, are.
    trained = model.generator.at(8, True).trainable_weights
    assert manifest["parameters"] == sum(math.prod(weight.shape) for weight in trained) == 696
    errors = manifest["verification"]["largest_error"]
    assert set(errors) == {"onnx", "mapping", "synthesis"}
    assert all(error["float"] <= 1e-4 for error in errors.values())
    report = verify(folder)
    assert report.files == 8
    assert set(report.errors) == {"onnx", "mapping", "synthesis"}
    assert len(str(report).splitlines()) == 4
    with np.load(folder / "reference.npz") as reference:
        assert reference["input_truncation_psi"].min() == -1
        assert all(reference[f"input_{name}"].std() > 0.5 for name in noise)


@pytest.mark.once
@pytest.mark.parametrize("name", ["mapping.onnx", "synthesis.onnx", "styles.npz"])
def test_changed_files(exported, tmp_path, name):
    folder = shutil.copytree(exported[1], tmp_path / "bundle")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    for use in (StyleGenerator, verify):
        with pytest.raises(BundleError, match=f"{name} was changed"):
            use(folder)


def rewrite(folder, files=(), **changes):
    """Changes a bundle's files and manifest, and writes hashes that fit."""
    from kgan.export.manifest import write_manifest

    content = json.loads((folder / "kgan.json").read_text())
    for name, arrays in files:
        np.savez(folder / name, **arrays)
    (folder / "kgan.json").unlink()
    drop = ("format_version", "files")
    write_manifest(folder, {**{k: v for k, v in content.items() if k not in drop}, **changes})


@pytest.mark.once
def test_halves_that_differ_from_keras_are_found(exported, tmp_path):
    folder = shutil.copytree(exported[1], tmp_path / "bundle")
    with np.load(folder / "reference_styles.npz") as file:
        stored = {name: file[name] for name in file.files}
    rewrite(folder, [("reference_styles.npz", {**stored, "w": stored["w"] + 1e-3})])
    with pytest.raises(BundleError, match=r"w of mapping.onnx must differ from that of Keras by at most"):
        verify(folder)
    moved = {**stored, "images_float": stored["images_float"] + 5e-3}
    rewrite(folder, [("reference_styles.npz", moved)])
    with pytest.raises(BundleError, match=r"synthesis.onnx must differ from the Keras generator by at most"):
        verify(folder)
    rewrite(folder, [("reference_styles.npz", {"w": stored["w"]})])
    with pytest.raises(BundleError, match="is damaged: 'styles' in its styles"):
        verify(folder)


STYLE = {"layers": 4, "style_dim": 3, "truncation_cutoff": 3}


@pytest.mark.once
@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({}, "has no styles"),
        ([], "style must be of type dict"),
        ({"layers": 4}, "is damaged: 'style_dim' in its styles"),
        ({"layers": "x"}, "is damaged: .* in its styles"),
        ({"layers": 4, "style_dim": 9, "truncation_cutoff": 1}, "is damaged: .* in its styles"),
        ({"layers": 4, "style_dim": 3, "truncation_cutoff": 7}, "is damaged: truncation_cutoff must be"),
        ({**STYLE, "inputs": None}, "is damaged: .* in its styles"),
        (STYLE, "is damaged: 'inputs' in its styles"),
        ({**STYLE, "inputs": ["z", "x"]}, "is damaged: 'x' in its styles"),
        (
            {**STYLE, "inputs": ["z"]},
            r"mapping.onnx must fit kgan.json, where label is absent, got \[batch\]",
        ),
        (
            {**STYLE, "inputs": ["z", "label"], "layers": 6},
            r"synthesis.onnx must fit kgan.json, where w is \[batch, 6, 3\], got \[batch, 4, 3\]",
        ),
    ],
)
def test_damaged_manifest(exported, tmp_path, style, message):
    folder = shutil.copytree(exported[1], tmp_path / "bundle")
    rewrite(folder, style=style)
    with pytest.raises((BundleError, UsageError), match=message):
        StyleGenerator(folder)


@pytest.mark.once
@pytest.mark.parametrize("name", ["z", "truncation_psi", "noise_1"])
def test_a_manifest_without_an_input(exported, tmp_path, name):
    folder = shutil.copytree(exported[1], tmp_path / "bundle")
    inputs = json.loads((folder / "kgan.json").read_text())["inputs"]
    rewrite(folder, inputs=[item for item in inputs if item["name"] != name])
    for opened in (StyleGenerator, Generator):
        with pytest.raises(BundleError, match=name):
            opened(folder)


def stored(folder, name="styles.npz"):
    with np.load(folder / name) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.once
def test_styles_that_do_not_fit_are_found(exported, tmp_path):
    folder = shutil.copytree(exported[1], tmp_path / "bundle")
    arrays, style = stored(folder), json.loads((folder / "kgan.json").read_text())["style"]
    without = {name: value for name, value in arrays.items() if name != "noise_1"}
    together = "mapping.onnx, styles.npz and synthesis.onnx together must differ from the Keras generator by"
    for changed, about, message in (
        ({**arrays, "mean": arrays["mean"] + 1e-2}, style, together),
        (arrays, {**style, "truncation_cutoff": 2}, together),
        (arrays, {**style, "layers": 6}, "synthesis.onnx must fit kgan.json, where w is"),
        ({**arrays, "mean": np.full(3, np.nan)}, style, "mean must be finite"),
        ({**arrays, "mean": np.array(["a", "b", "c"])}, style, "mean must be real numbers"),
        (without, style, "is damaged: 'noise_1' in its styles"),
    ):
        rewrite(folder, [("styles.npz", changed)], style=about)
        with pytest.raises(BundleError, match=message):
            verify(folder)
    for junk in (b"junk", (np.lib.format.MAGIC_PREFIX + b"\x01")):
        (folder / "styles.npz").write_bytes(junk)
        rewrite(folder)
        with pytest.raises(BundleError, match=r"styles\.npz is damaged"):
            verify(folder)
    with open(folder / "styles.npz", "wb") as file:  # one array instead of several by name
        np.save(file, arrays["mean"])
    rewrite(folder)
    with pytest.raises(BundleError, match=r"styles\.npz is damaged"):
        verify(folder)
    rewrite(folder, [("styles.npz", arrays)], style=style)
    assert verify(folder).errors["synthesis"]["float"] <= 1e-4


@pytest.mark.once
def test_an_export_with_another_mean_fails(exported, tmp_path, monkeypatch):
    model, folder = exported
    parts = bundle_module.style_parts(model, bundle_module.generator_subject(model, None))
    wrong = dataclasses.replace(parts, arrays={**parts.arrays, "mean": parts.arrays["mean"] + 1.0})

    def converted(network, work, **options):
        for name, place in (("mapping", "mapping/network"), ("synthesis", "synthesis/generator")):
            (work / place).parent.mkdir()
            shutil.copy(folder / f"{name}.onnx", work / f"{place}.onnx")
        shutil.copy(folder / "generator.onnx", work)
        manifest = json.loads((folder / "kgan.json").read_text())
        (work / "synthesis" / "result.json").write_text(json.dumps({"onnx": manifest["style"]["synthesis"]}))
        return {"versions": {}, "onnx": manifest["onnx"]}

    monkeypatch.setattr(bundle_module, "convert", converted)
    monkeypatch.setattr(bundle_module, "style_parts", lambda *_: wrong)
    with pytest.raises(BundleError, match=r"styles\.npz and synthesis\.onnx together must differ"):
        export(model, tmp_path / "bundle", ["onnx"])
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(bundle_module, "style_parts", lambda *_: parts)
    assert verify(export(model, tmp_path / "bundle", ["onnx"])).files == 8


@pytest.mark.once
def test_card_examples_run(exported, tmp_path, monkeypatch):
    text = (exported[1] / "README.md").read_text()
    monkeypatch.chdir(exported[1])
    for place, part in enumerate(text.split("```python\n")[1:]):
        (tmp_path / f"example_{place}.py").write_text(part.partition("```")[0])
        images = runpy.run_path(str(tmp_path / f"example_{place}.py"))["images"]
        assert images.shape == ((16, 1)[place], 8, 8, 1)
    assert place == 1
    assert "mapping differs by" in text


@pytest.mark.once
def test_an_old_branch_is_exported_within_its_fade_alone(exported, tmp_path):
    layers = {(4, 4, 3, 3): 3, (1, 4, 1, 1): 2}
    for name in ("generator", "synthesis"):
        assert convolutions(exported[1] / f"{name}.onnx") == layers
    model = PGGAN.tiny()
    within = export(model, tmp_path / "within", ["onnx"])
    assert convolutions(within / "generator.onnx") == layers
    model.begin(1, shown=8)
    complete = export(model, tmp_path / "complete", ["onnx"])
    assert convolutions(complete / "generator.onnx") == {**layers, (1, 4, 1, 1): 1}
    counts = [json.loads((folder / "kgan.json").read_text())["parameters"] for folder in (within, complete)]
    assert counts[0] - counts[1] == 4 + 1


@pytest.mark.once
def test_a_traditional_generator_without_noise_and_mapping(tmp_path):
    from kgan.models.pggan import PGGANDiscriminator
    from kgan.models.stylegan_networks import StyleGANGenerator

    widths = {"fmap_base": 16, "fmap_max": 4}
    traditional = {"mapping_layers": 0, "styles": False, "constant": False, "noise": False}
    model = StyleGAN(
        StyleGANGenerator(8, 3, **widths, latent_dim=5, **traditional),
        PGGANDiscriminator(8, 3, **widths, group_size=2, blur=True),
        schedule=StyleGAN.tiny().schedule,
        style_mixing=0.0,
    )
    generator = StyleGenerator(export(model, tmp_path / "bundle", ["onnx"]))
    assert generator.noise(2) == {}
    assert gap(generator.sample(3, seed=1), model.sample(3, seed=1)) <= 1
    w = generator.mapping(np.ones((2, 5)))
    np.testing.assert_allclose(w, np.ones((2, 5)), atol=1e-6)
    # Of the three blocks and their layers to RGB those of side 4 alone.
    for name in ("generator", "synthesis"):
        assert convolutions(generator.folder / f"{name}.onnx") == {(4, 4, 3, 3): 1, (3, 4, 1, 1): 1}
    assert gap(generator.synthesize(w), to_uint8(model.synthesize(w), model.data_range)) <= 1


# -- the command line


def frames(path):
    with PIL.Image.open(path) as image:
        for place in range(getattr(image, "n_frames", 1)):
            image.seek(place)
            yield image.info.get("duration"), np.asarray(image.convert("L"))


@pytest.mark.once
def test_a_strip_and_an_animation_of_styles(exported, generator, tmp_path):
    _, folder = exported
    strip, animation = tmp_path / "made" / "strip.png", tmp_path / "walk.gif"
    words = ["--space", "w", "--steps", "4", "--psi", "0.7", "--label", "bee", "--seeds", "1", "2"]
    assert main(["interpolate", str(folder), str(strip), *words, "3"]) == 0
    ends = [generator.sample(1, seed=s, label=1, truncation_psi=0.7, noise="fixed")[0] for s in (1, 2, 3)]
    with PIL.Image.open(strip) as image:
        made = np.asarray(image)
    assert made.shape == (2 * 10 + 2, 4 * 10 + 2)
    cells = [made[top : top + 8, left : left + 8, None] for top in (2, 12) for left in (2, 32)]
    assert gap(np.stack(cells), np.stack([ends[0], ends[1], ends[1], ends[2]])) <= 1
    words += ["--loop", "--fps", "10", "--scale", "3"]
    assert main(["interpolate", str(folder), str(animation), *words]) == 0
    shown = list(frames(animation))
    # 1 to 2 and back, each end once; equal frames in a row become one that lasts longer.
    assert sum(duration for duration, _ in shown) == 6 * 100
    assert shown[0][1].shape == (24, 24)
    expected = np.asarray(sheet(ends[0][None], pad=0, scale=3))
    assert gap(shown[0][1], expected) <= 1
    with PIL.Image.open(animation) as image:
        assert image.info["loop"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "walk.gif"]


@pytest.mark.once
def test_a_walk_of_any_other_generator(bundle, tmp_path, capsys):
    generator, strip = Generator(bundle), tmp_path / "strip.png"
    assert main(["interpolate", str(bundle), str(strip), "--steps", "3", "--seeds", "5", "6"]) == 0
    start, end = (latents.draw(generator.inputs, 1, seed) for seed in (5, 6))
    path = latents.path(start["z"][0], end["z"][0], 3, "slerp")
    with PIL.Image.open(strip) as image:
        expected = sheet(generator.sample(3, z=path, label=int(start["label"][0])), 3)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    capsys.readouterr()
    for words, message in {
        ("--space", "w"): "space must be z, as",
        ("--psi", "0.5"): "inputs must be among z, label, got truncation_psi",
    }.items():
        assert main(["interpolate", str(bundle), str(tmp_path / "no.gif"), *words]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "no.gif").exists()


@pytest.mark.once
def test_samples_are_truncated_on_the_command_line(exported, bundle, tmp_path, capsys):
    path = tmp_path / "sheet.png"
    words = ["-n", "3", "--seed", "4", "--columns", "3", "-o", str(path)]
    assert main(["sample", str(exported[1]), "--psi", "0.5", *words]) == 0
    with PIL.Image.open(path) as image:
        expected = sheet(Generator(exported[1]).sample(3, seed=4, truncation_psi=0.5), 3)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    assert main(["sample", str(exported[1]), "--noise", "none", *words]) == 0
    with PIL.Image.open(path) as image:
        expected = sheet(StyleGenerator(exported[1]).sample(3, seed=4, noise="none"), 3)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))
    capsys.readouterr()
    assert main(["sample", str(bundle), "--noise", "none", *words]) == 2
    assert "--noise must not be given" in capsys.readouterr().err
    assert main(["sample", str(exported[1]), "--psi", "3", *words]) == 2
    assert "truncation_psi must lie in [-1, 1], got 3" in capsys.readouterr().err
    assert main(["sample", str(bundle), "--psi", "0.5", *words]) == 2
    assert "inputs must be among z, label, got truncation_psi" in capsys.readouterr().err


@pytest.mark.once
def test_wrong_words(exported, tmp_path, capsys):
    bundle, path = str(exported[1]), str(tmp_path / "no.gif")
    for words, message in {
        (bundle, str(tmp_path / "no.xyz")): "a picture's file must end in",
        (str(tmp_path), path): "a bundle must be a folder that holds kgan.json",
        (bundle, path, "--psi", "3"): "truncation_psi must lie in [-1, 1], got 3",
        (bundle, path, "--steps", "1"): "steps must be an integer >= 2, got 1",
        (bundle, path, "--seeds", "1"): "seeds must be at least 2, got 1",
        (bundle, path, "--label", "dog"): "label must be one of ant, bee, cat, got 'dog'",
        (bundle, path, "--label", "0-2"): "--label must be one class, got 0-2",
        (bundle, path, "--fps", "60"): "fps must be from 1 to 50, got 60",
        (bundle, path, "--space", "x"): "invalid choice: 'x'",
        (bundle, path, "--steps", "x"): "argument --steps: must be a whole number >= 1, got x",
        (bundle, path, "--steps", "0"): "argument --steps: must be a whole number >= 1, got 0",
        (bundle, path, "--seeds", "1", "1.5"): "argument --seeds: must be a whole number >= 0, got 1.5",
        (bundle, path, "--psi", "x"): "argument --psi: must be a number, got x",
        (bundle, path, "--psi", "nan"): "truncation_psi must lie in [-1, 1], got nan",
    }.items():
        assert main(["interpolate", *words]) == 2, words
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_no_framework_is_imported(exported, tmp_path):
    words = ["interpolate", str(exported[1]), str(tmp_path / "walk.gif"), "--steps", "2"]
    code = (
        f"import sys; from kgan.cli import main; assert main({words!r}) == 0\n"
        "print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert not done.stderr
