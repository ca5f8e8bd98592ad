"""StarGAN in a bundle: the image and the target domain are named inputs."""

import numpy as np
import PIL.Image
import pytest

from kgan.cli import main
from kgan.errors import UsageError
from kgan.export import export, verify
from kgan.export.runtime import Generator
from kgan.models import StarGAN
from kgan.models.stargan import networks
from kgan.pictures import sheet
from kgan.translation import open_translator

pytestmark = pytest.mark.once


def test_a_domain_is_asked_for_by_name_and_number(tmp_path):
    model = StarGAN.tiny()
    model.class_names = ["red", "green", "blue"]
    model.compile()
    model.fit(model.example_data(8), batch_size=4, verbose=0)  # the bundle is that of trained weights
    model.set_banks({"image": model.example_data(3, seed=9)[0]})
    folder = tmp_path / "bundle"
    export(model, folder, formats=["onnx"])
    verify(folder)
    with PIL.Image.open(folder / "samples.png") as shown:  # a row of an image and its three domains
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(sheet(*model.sheet(64), scale=2)))
    generator = Generator(folder)
    assert [(item.name, item.distribution) for item in generator.inputs] == [
        ("image", "given"),
        ("domain", "label"),
    ]
    pixels = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1)).astype("uint8")
    image = pixels.astype("float32") / 127.5 - 1.0
    domains = [0, 1, 2, 0, 1, 2, 0]
    for count in (1, 7):  # a batch of one, and of another size than the training's
        made = generator.sample(count, image=image[:count], domain=domains[:count]).astype(int)
        assert np.abs(made - model.translate(pixels[:count], domains[:count])).max() <= 1
    named = generator.sample(7, image=image, label="BLUE")
    np.testing.assert_array_equal(named, generator.sample(7, image=image, domain=2))
    assert np.abs(generator.sample(5, seed=3).astype(int) - model.sample(5, seed=3)).max() <= 1
    with pytest.raises(UsageError, match="label must be an integer from 0 to 2, got 3"):
        generator.sample(7, image=image, domain=3)
    with pytest.raises(UsageError, match="must be one of red, green, blue, got 'purple'"):
        generator.sample(7, image=image, label="purple")


def test_pictures_on_the_command_line(tmp_path, capsys):
    model = StarGAN.tiny()
    model.class_names = ["red", "green", "blue"]
    bundle = export(model, tmp_path / "bundle", formats=["onnx"])
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype("uint8")
    folder = tmp_path / "in"
    folder.mkdir()
    for name, image in zip("ab", pixels):
        PIL.Image.fromarray(image[..., 0]).save(folder / f"{name}.png")
    words = ["translate", str(bundle), str(folder)]
    assert main([*words, str(tmp_path / "out"), "--label", "blue"]) == 0
    expected = model.translate(pixels, 2)
    for name, image in zip("ab", expected):
        with PIL.Image.open(tmp_path / "out" / f"{name}.png") as made:
            assert np.abs(np.asarray(made).astype(int) - image[..., 0]).max() <= 1
    assert main([*words, str(tmp_path / "no")]) == 2
    assert (
        "--label must name the domain that pictures shall have: red, green, blue" in capsys.readouterr().err
    )
    for unknown in ("purple", "3", "0-2"):
        assert main([*words, str(tmp_path / "no"), "--label", unknown]) == 2
        assert "label" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_attributes_are_a_named_vector(tmp_path):
    model = StarGAN(**networks(8, 1, schema=[["attributes", 3]], width=2, blocks=1, stages=2))
    folder = tmp_path / "bundle"
    export(model, folder, formats=["onnx"])
    generator = Generator(folder)
    assert [item.shape for item in generator.inputs] == [(8, 8, 1), (3,)]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype("uint8")
    made = generator.sample(2, image=pixels.astype("float32") / 127.5 - 1.0, domain=[1.0, 0.0, 1.0])
    assert np.abs(made.astype(int) - model.translate(pixels, [1, 0, 1])).max() <= 1
    translated = open_translator(folder, "1,0,1").translate(pixels)
    np.testing.assert_array_equal(translated, made)
    for wrong in ("1,0", "5,0,0", "1,0,x"):
        with pytest.raises(UsageError, match=f"--label must be 3 numbers from 0 to 1 .* got '{wrong}'"):
            open_translator(folder, wrong)
