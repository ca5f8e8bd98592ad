import numpy as np
import pytest
from PIL import Image

from kgan import catalog
from kgan.cli import main
from kgan.run import load, train

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    recipe = catalog.load("stylegan_sprites")
    train(recipe, recipe.configure(recipe.module.SMOKE), folder, "any")
    return folder


def test_a_picture_becomes_latents(run, tmp_path, capsys):
    picture = tmp_path / "picture.png"
    model = load(run)
    Image.fromarray(model.sample(1, seed=1)[0]).save(picture)
    out = tmp_path / "projection.png"
    assert main(["project", str(run), str(picture), "--steps", "5", "-o", str(out), "--scale", "2"]) == 0
    told = capsys.readouterr().out
    assert f"{picture}: error " in told
    side = model.image_shape[0]
    with Image.open(out) as shown:
        assert shown.size == (2 * (side + 4), 2 * (3 * side + 8))
    with np.load(tmp_path / "projection.npz", allow_pickle=False) as found:
        assert found["w"].shape == (1, 4)
        assert found["noise_1"].shape == (1, 4, 4, 1)


def test_wrong_words(run, tmp_path, capsys):
    assert main(["project", str(run), str(tmp_path / "none.png")]) == 2
    assert main(["project", str(run), "x.png", "-o", "out.txt"]) == 2
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(picture)
    assert main(["project", str(run), str(picture), "--label", "3"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert told[-1].endswith(f"--label must not be given: {run} has no classes")


def test_pictures_are_not_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image = Image.new("RGB", (8, 8), "red")
    for name in ("a.png", "projection.png", "b.png"):
        image.save(name)
    image.save("b.npz", format="png")
    (tmp_path / "link.png").symlink_to("a.png")
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for words in (
        ["project", "run", "a.png", "-o", "./a.png"],
        ["project", "run", "a.png", "-o", "link.png"],
        ["project", "run", "a.png", "projection.png"],
        ["project", "run", "b.npz", "-o", "b.png"],
        ["sample", "run", "--instance", "b.png", "a.png", "-o", "a.png"],
    ):
        assert main(words) == 2
        assert "the output must be another file than the input " in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept
