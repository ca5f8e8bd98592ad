"""Networks from images to images: as bundles, with numpy and onnxruntime alone, and on the command line."""

import json
import runpy
import subprocess
import sys

import keras
import numpy as np
import onnx
import PIL.Image
import pytest

from kgan.cli import main
from kgan.errors import BundleError, UsageError
from kgan.export import export, verify
from kgan.export.runtime import Generator, Translator
from kgan.export.translation import translation_card
from kgan.models import GAN, CycleGAN
from kgan.models.cyclegan_networks import networks, unet_generator
from kgan.types import Sides, to_uint8


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A CycleGAN after a few steps, and the bundle of its way from B to A."""
    keras.utils.set_random_seed(0)
    model = CycleGAN(**networks(image_size=16, width=4, stages=1, blocks=1), seed=2)
    model.compile()
    model.fit(model.example_data(6), batch_size=2, verbose=0)
    model.set_banks(dict(zip(("image", "image_b"), model.example_data(3, seed=1))))
    return model, export(model, tmp_path_factory.mktemp("export") / "bundle", direction="ba")


@pytest.fixture
def translator(trained):
    return Translator(trained[1])


def read(path):
    with PIL.Image.open(path) as image:
        return np.asarray(image)


def pictures(n, height, width, channels=3, seed=0):
    shape = (n, height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("size", [(16, 16), (8, 12), (40, 24)])
def test_bundle_makes_the_pictures_of_the_training_code(trained, translator, n, size):
    model, _ = trained
    images = pictures(n, *size)
    made, expected = translator.translate(images), model.translate(images, "ba")
    assert made.dtype == np.uint8
    gaps = np.abs(made.astype(int) - expected)
    assert gaps.max() <= 1
    assert (gaps > 0).mean() < 0.01
    # It is this direction, and it does something.
    assert np.abs(made.astype(int) - model.translate(images, "ab")).max() > 1
    assert np.abs(made.astype(int) - images).max() > 1


def test_an_image_does_not_depend_on_its_batch(trained, translator):
    images = pictures(7, 16, 16)
    apart = np.concatenate([translator.translate(images[i : i + 1]) for i in range(7)])
    together = translator.translate(images)
    assert np.abs(apart.astype(int) - together).max() <= 1
    np.testing.assert_array_equal(translator.translate(images, batch_size=7), together)


def test_verification_covers_two_sizes_and_two_batches(trained):
    _, bundle = trained
    manifest = json.loads((bundle / "kgan.json").read_text())
    assert manifest["verification"]["image_sizes"] == [[16, 16], [8, 12]]
    assert manifest["outputs"][0]["shape"] == ["batch", "height", "width", 3]
    report = verify(bundle)
    assert set(report.errors) == {"onnx", "saved_model"}
    with np.load(bundle / "reference_other_size.npz") as other:
        assert other["input_image"].shape == (8, 8, 12, 3)
        floats, images = other["images_float"], other["input_image"]
    made = Translator(bundle).translate(images)
    assert np.abs(made.astype(int) - to_uint8(floats)).max() <= 1


@pytest.mark.once
def test_what_it_says_of_itself(translator):
    assert translator.image_shape == (None, None, 3)
    assert translator.sides == Sides(4, 8)
    assert translator.direction == "ba"


@pytest.mark.once
def test_the_graph_holds_its_layers_and_little_else(trained):
    nodes = [node.op_type for node in onnx.load(trained[1] / "generator.onnx").graph.node]
    assert nodes.count("InstanceNormalization") == 7
    assert nodes.count("Conv") == 6
    assert nodes.count("ConvTranspose") == 2
    assert not {"Slice", "Shape", "ReduceMean"} & set(nodes)
    assert nodes.count("Transpose") == 2


@pytest.mark.once
def test_samples_are_pairs_of_held_out_images(trained):
    model, bundle = trained
    sheet = read(bundle / "samples.png")
    images = to_uint8(model.banks()["image_b"])
    np.testing.assert_array_equal(sheet[2:18, 2:18], images[0])
    np.testing.assert_array_equal(sheet[2:18, 20:36], model.translate(images, "ba")[0])


@pytest.mark.once
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (pictures(1, 18, 16), r"images must have sides that are multiples of 4 for this network, got 18x16"),
        (pictures(1, 4, 16), r"images must have sides of at least 8 pixels for this network, got 4x16"),
        (pictures(1, 16, 16, 1), r"images must be uint8 nxheightxwidthx3, got uint8 \(1, 16, 16, 1\)"),
        (pictures(1, 16, 16) / 255.0, r"images must be uint8 nx.+x3, got float64"),
        (pictures(1, 16, 16)[0], r"images must be uint8 nx.+x3, got uint8 \(16, 16, 3\)"),
    ],
)
def test_wrong_images_are_refused_alike(trained, translator, images, message):
    for translate in (translator.translate, lambda x: trained[0].translate(x, "ba")):
        with pytest.raises(UsageError, match=message):
            translate(images)


@pytest.mark.once
def test_other_sizes_are_continued_by_their_mirror_image(translator):
    images = pictures(2, 18, 5)
    grown = np.pad(images, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="symmetric")
    made = translator.translate(images, pad=True)
    np.testing.assert_array_equal(made, translator.translate(grown)[:, :18, :5])


@pytest.mark.once
def test_images_too_large_for_memory_are_refused(trained):
    translator = Translator(trained[1], memory=1e6)
    assert translator.translate(pictures(5, 16, 16)).shape == (5, 16, 16, 3)
    with pytest.raises(
        UsageError, match=r"at most [\d,]+ pixels .* 0.001 GB, got 160x400, .* shrink them or"
    ):
        translator.translate(pictures(1, 160, 400))
    for memory in (0, float("inf"), float("nan"), "4GB"):
        with pytest.raises(UsageError, match=r"memory must be a finite number > 0, got (0|inf|nan|'4GB')"):
            Translator(trained[1], memory=memory)
    with pytest.raises(UsageError, match="batch_size must be an integer >= 1, got 0"):
        translator.translate(pictures(1, 16, 16), 0)


@pytest.mark.once
def test_each_kind_of_bundle_has_its_reader(trained, bundle):
    with pytest.raises(UsageError, match=r"translates images: use kgan translate or .*Translator"):
        Generator(trained[1])
    with pytest.raises(UsageError, match=r"draws images: use kgan sample or kgan.*Generator"):
        Translator(bundle)


@pytest.mark.once
def test_unknown_directions_are_refused(trained, tmp_path):
    with pytest.raises(UsageError, match='direction must be "ab" or "ba", got \'b\''):
        export(trained[0], tmp_path / "no", direction="b")
    with pytest.raises(UsageError, match="direction is for models that translate, this GAN does not"):
        export(GAN.tiny(), tmp_path / "no", direction="ab")
    assert not (tmp_path / "no").exists()


@pytest.mark.once
def test_a_unet_takes_multiples_of_its_own_size(tmp_path):
    made = networks(unet_generator, 16, width=2, stages=1)
    model = CycleGAN(**made)
    model.compile()
    model.fit(model.example_data(4), batch_size=2, verbose=0)
    translator = Translator(export(model, tmp_path / "bundle", ["onnx"]))
    assert translator.sides == Sides(16, 16)
    for n, height, width in ((1, 16, 16), (7, 16, 16), (1, 32, 48), (7, 48, 32)):
        images = pictures(n, height, width)
        assert np.abs(translator.translate(images).astype(int) - model.translate(images)).max() <= 1
    for translate in (translator.translate, model.translate):
        with pytest.raises(UsageError, match="multiples of 16 for this network, got 20x16"):
            translate(pictures(1, 20, 16))
    assert translator.translate(pictures(1, 20, 17), pad=True).shape == (1, 20, 17, 3)


@pytest.mark.once
def test_a_residual_generator_takes_other_sizes(tmp_path):
    model = CycleGAN(**networks(image_size=16, width=2, stages=1, blocks=1, residual=True))
    translator = Translator(export(model, tmp_path / "bundle", ["onnx"]))
    images = pictures(7, 20, 12)
    assert np.abs(translator.translate(images).astype(int) - model.translate(images)).max() <= 1


@pytest.mark.once
def test_a_network_of_one_size_keeps_it(tmp_path):
    def dense(image_size, channels, width):
        layers = [keras.layers.Flatten(), keras.layers.Dense(192, "tanh"), keras.layers.Reshape((8, 8, 3))]
        return keras.Sequential([keras.Input((8, 8, 3)), *layers])

    model = CycleGAN(**networks(dense, 8, stages=0))
    translator = Translator(export(model, tmp_path / "bundle", ["onnx"], direction="ab"))
    assert (translator.image_shape, translator.sides) == ((8, 8, 3), None)
    images = pictures(3, 8, 8)
    assert np.abs(translator.translate(images).astype(int) - model.translate(images)).max() <= 1
    with pytest.raises(UsageError, match="images must be uint8 nx8x8x3"):
        translator.translate(pictures(1, 12, 8))


@pytest.mark.once
def test_damaged_manifest(trained, tmp_path):
    import shutil

    copy = shutil.copytree(trained[1], tmp_path / "copy")
    content = json.loads((copy / "kgan.json").read_text())
    about, given = content["translation"], content["inputs"][0]
    wrong = [{"translation": wrong} for wrong in ({"direction": "ab"}, ["ab"])]
    for name, value in (("multiple", 0), ("multiple", "4"), ("least", 9), ("bytes_per_pixel", -5)):
        wrong.append({"translation": {**about, name: value}})
    wrong += [{"inputs": [{**given, "shape": [3]}]}, {"inputs": [given, given]}, {"inputs": []}]
    for change in wrong:
        (copy / "kgan.json").write_text(json.dumps({**content, **change}))
        with pytest.raises(BundleError, match="damaged"):
            Translator(copy)
    (copy / "kgan.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match="damaged"):
        Translator(copy)
    (copy / "kgan.json").write_text(json.dumps({**content, "files": {**content["files"], "../x": "0"}}))
    with pytest.raises(BundleError, match=r"must list paths inside its folder, got '../x'"):
        Translator(copy)


@pytest.mark.once
def test_card_example_runs(trained, tmp_path, monkeypatch, capsys):
    text = (trained[1] / "README.md").read_text()
    (tmp_path / "example.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(trained[1])
    assert runpy.run_path(str(tmp_path / "example.py"))["made"].shape == (1, 16, 16, 3)
    assert capsys.readouterr().out == "(1, 16, 16, 3) uint8\n"


@pytest.mark.once
def test_card_of_a_saved_model_alone(trained, tmp_path, monkeypatch, capsys):
    content = json.loads((trained[1] / "kgan.json").read_text())
    content["verification"]["largest_error"].pop("onnx")
    text = translation_card({**content, "formats": ["saved_model"], "onnx": None})
    assert "onnx" not in text
    assert "kgan translate" not in text
    (tmp_path / "example.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(trained[1])
    assert runpy.run_path(str(tmp_path / "example.py"))["made"].shape == (1, 16, 16, 3)
    assert capsys.readouterr().out == "(1, 16, 16, 3) uint8\n"


@pytest.mark.once
def test_no_framework_is_imported(trained, tmp_path):
    PIL.Image.fromarray(pictures(1, 16, 16)[0]).save(tmp_path / "in.png")
    words = ["translate", str(trained[1]), str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    code = (
        f"import sys; from kgan.cli import main; assert main({words!r}) == 0\n"
        "print([m for m in ('keras', 'tensorflow', 'torch', 'jax', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(tmp_path / "out.png"), "[]"]
    assert not done.stderr


@pytest.mark.once
def test_the_runtime_needs_numpy_and_onnxruntime_only(trained):
    code = (
        "import sys, numpy, onnxruntime; before = set(sys.modules)\n"
        "from kgan.export.runtime import Translator\n"
        f"t = Translator({str(trained[1])!r}); t.translate(numpy.zeros((1, 16, 16, 3), 'uint8'))\n"
        "new = {m for m in set(sys.modules) - before if 'site-packages' in str(getattr(sys.modules[m], "
        "'__file__', ''))}\n"
        "print({m.partition('.')[0] for m in new} - {'kgan', 'numpy', 'onnxruntime'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.once
def test_a_picture_on_the_command_line(trained, translator, tmp_path):
    image = pictures(1, 21, 18)
    PIL.Image.fromarray(image[0]).save(tmp_path / "in.png")
    out = tmp_path / "made" / "out.png"
    assert main(["translate", str(trained[1]), str(tmp_path / "in.png"), str(out)]) == 0
    np.testing.assert_array_equal(read(out), translator.translate(image, pad=True)[0])
    assert main(["translate", str(trained[1]), str(tmp_path / "in.png"), str(out), "--size", "12"]) == 0
    assert read(out).shape == (12, 10, 3)


@pytest.mark.once
def test_pictures_get_the_margin_of_the_training_data(trained, translator, tmp_path):
    wide = PIL.Image.new("RGB", (40, 30), "white")
    wide.paste((10, 20, 30), (4, 4, 12, 12))
    wide.save(tmp_path / "wide.png")
    words = [str(tmp_path / "wide.png"), str(tmp_path / "out.png")]
    assert main(["translate", str(trained[1]), *words, "--size", "16", "--trim", "2"]) == 0
    framed = np.full((1, 16, 16, 3), 255, np.uint8)
    framed[:, 2:14, 2:14] = (10, 20, 30)
    np.testing.assert_array_equal(read(tmp_path / "out.png"), translator.translate(framed)[0])


@pytest.mark.once
def test_transparent_animated_and_grey_pictures_are_converted(trained, translator, tmp_path):
    PIL.Image.new("RGBA", (16, 16), (9, 9, 9, 0)).save(tmp_path / "clear.png")
    frames = [PIL.Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    PIL.Image.new("L", (16, 16), 77).save(tmp_path / "grey.png")
    expected = {"clear": (255, 255, 255), "moving": (255, 0, 0), "grey": (77, 77, 77)}
    assert main(["translate", str(trained[1]), str(tmp_path), str(tmp_path / "made")]) == 0
    for name, colour in expected.items():
        made = read(tmp_path / "made" / f"{name}.png")
        flat = np.broadcast_to(np.array(colour, np.uint8), (1, 16, 16, 3))
        np.testing.assert_array_equal(made, translator.translate(flat)[0])


@pytest.mark.once
def test_a_folder_with_a_damaged_picture(trained, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.jpg", "b.png"):
        PIL.Image.fromarray(pictures(1, 16, 16)[0]).save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("no picture either")
    (folder / "aa.png").write_bytes((folder / "a.png").read_bytes())
    (tmp_path / "out" / "aa.png").mkdir(parents=True)
    assert main(["translate", str(trained[1]), str(folder), str(tmp_path / "out")]) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == [
        "a.png",
        "b.jpg.png",
        "b.png.png",
    ]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["kgan", "kgan", "kgan"]
    assert "must be a picture's file, got the folder" in lines[0]
    assert "broken.png is no readable image" in lines[1]
    assert lines[2] == "kgan: error: 2 of 5 pictures could not be translated"


@pytest.mark.once
def test_no_picture_of_a_folder_replaces_another(trained, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.jpg", "a.png", "a.jpg.png"):
        PIL.Image.fromarray(pictures(1, 16, 16)[0]).save(folder / name)
    assert main(["translate", str(trained[1]), str(folder), str(tmp_path / "out")]) == 2
    assert "the pictures must get names of their own, got a.jpg.png twice" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.once
def test_a_folder_without_room_for_the_margin_names_each_file(trained, tmp_path, capsys):
    PIL.Image.fromarray(pictures(1, 16, 16)[0]).save(tmp_path / "small.png")
    assert main(["translate", str(trained[1]), str(tmp_path), str(tmp_path / "out"), "--trim", "8"]) == 1
    assert "small.png: trim must be less than half of 16 pixels, got 8" in capsys.readouterr().err


@pytest.mark.once
def test_large_pictures_are_shrunk_without_a_warning(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 200)
    PIL.Image.fromarray(pictures(1, 16, 16)[0]).save(tmp_path / "in.png")
    assert main(["translate", str(trained[1]), str(tmp_path / "in.png"), str(tmp_path / "out.png")]) == 0


@pytest.mark.once
def test_large_pictures_are_refused_before_they_are_read(trained, tmp_path, monkeypatch, capsys):
    PIL.Image.fromarray(pictures(1, 64, 64)[0]).save(tmp_path / "in.png")
    words = ["translate", str(trained[1]), str(tmp_path / "in.png"), str(tmp_path / "out.png")]

    def read(*_):
        raise AssertionError("nothing of the picture must be read")

    monkeypatch.setattr("kgan.translation.open_image", read)
    assert main([*words, "--memory", "0.0001"]) == 2
    assert "in.png: images must have at most" in capsys.readouterr().err
    assert main([*words, "--memory", "0.00004", "--size", "8"]) == 2
    assert "a picture of 64x64 needs about 4.9e-05 GB to be read, more than" in capsys.readouterr().err
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 200)
    assert main(words) == 1
    assert "in.png is too large: at most 400 pixels are read, got 4,096" in capsys.readouterr().err


@pytest.mark.once
def test_wrong_words(trained, tmp_path, capsys):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("no folder")
    PIL.Image.fromarray(pictures(1, 64, 64)[0]).save(tmp_path / "in.png")
    (tmp_path / "empty").mkdir()
    bundle, picture = str(trained[1]), str(tmp_path / "in.png")
    for words, message in {
        (picture, picture): "the output must be another file than the input",
        (picture, str(tmp_path / "out.xyz")): "a picture's file must end in",
        (str(tmp_path / "none.png"), "out.png"): "found no",
        (str(tmp_path / "empty"), "out"): "holds no pictures",
        (str(tmp_path), str(tmp_path)): "the output must be another folder than the input",
        (picture, str(tmp_path / "o.png"), "--memory", "0.0001"): "got 64x64, which needs about",
        (picture, str(tmp_path / "o.png"), "--memory", "nan"): "--memory must be a finite number > 0",
        (picture, str(tmp_path / "o.png"), "--label", "3"): "has no domains to choose from",
        (picture, str(tmp_path / "empty")): "must be a picture's file, got the folder",
        (picture, str(tmp_path / "folder.png")): "must be a picture's file, got the folder",
        (picture, str(tmp_path / "file" / "o.png")): "is or lies in a file",
        (picture, str(tmp_path / "o.png"), "--trim", "32"): "must be less than half of 64 pixels, got 32",
        (picture, str(tmp_path / "o.png"), "--trim", "-1"): "must be a whole number >= 0, got -1",
    }.items():
        assert main(["translate", bundle, *words]) == 2, words
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
