import numpy as np
import pytest
from PIL import Image

from kgan import pictures
from kgan.errors import UsageError

pytestmark = pytest.mark.once


def numbered(n, height=4, width=3, channels=1):
    """Images whose every pixel is their index."""
    index = np.arange(n, dtype="uint8")[:, None, None, None]
    return np.broadcast_to(index, (n, height, width, channels)).copy()


@pytest.mark.parametrize("channels", [1, 3])
def test_sheet_places_images_row_by_row(channels):
    canvas = np.asarray(pictures.sheet(numbered(5, channels=channels), columns=3, pad=2))
    assert canvas.shape[:2] == (2 * (4 + 2) + 2, 3 * (3 + 2) + 2)
    assert canvas.ndim == (2 if channels == 1 else 3)
    for index in range(5):
        top, left = 2 + index // 3 * 6, 2 + index % 3 * 5
        assert (canvas[top : top + 4, left : left + 3] == index).all()
    assert (canvas[8:, 12:] == 255).all()  # the empty sixth place
    assert (canvas[:2] == 255).all()
    assert (canvas[:, :2] == 255).all()


def test_sheet_is_nearly_square_by_default():
    assert pictures.sheet(numbered(64, 8, 8), pad=0).size == (64, 64)
    assert pictures.sheet(numbered(2, 8, 8), pad=0).size == (16, 8)
    assert pictures.sheet(numbered(1, 8, 8), pad=0).size == (8, 8)


def test_scale_repeats_pixels():
    small = np.asarray(pictures.sheet(numbered(4), pad=1))
    large = np.asarray(pictures.sheet(numbered(4), pad=1, scale=3))
    np.testing.assert_array_equal(large, small.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(
    ("images", "received"),
    [
        (np.zeros((2, 4, 4, 1), "float32"), "float32"),
        (np.zeros((2, 4, 4), "uint8"), r"\[2, 4, 4\]"),
        (np.zeros((2, 4, 4, 2), "uint8"), r"\[2, 4, 4, 2\]"),
        (np.zeros((0, 4, 4, 1), "uint8"), r"\[0, 4, 4, 1\]"),
    ],
)
def test_images_that_are_no_pictures(images, received):
    with pytest.raises(UsageError, match=received):
        pictures.sheet(images)


@pytest.mark.parametrize("bad", [{"columns": 0}, {"pad": -1}, {"scale": 0}])
def test_arguments_out_of_range(bad):
    (name,) = bad
    with pytest.raises(UsageError, match=f"{name} must be at least"):
        pictures.sheet(numbered(2), **bad)


def test_save_sheet_round_trip(tmp_path):
    path = tmp_path / "new" / "sheet.png"
    pictures.save_sheet(path, numbered(9))
    np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(pictures.sheet(numbered(9))))
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize("name", ["sheet", "sheet.txt", "sheet.pcd"])
def test_save_sheet_refuses_other_files(tmp_path, name):
    with pytest.raises(UsageError, match="must end in"):
        pictures.save_sheet(tmp_path / name, numbered(2))
    assert not list(tmp_path.iterdir())


def test_failed_writing_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    pictures.save_sheet(path, numbered(4))
    before = path.read_bytes()

    def full(self, file, *args, **kwargs):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        pictures.save_sheet(path, numbered(9))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["sheet.png"]


def test_loss_curve(tmp_path):
    history = tmp_path / "history.csv"
    history.write_text("epoch,discriminator_loss,generator_loss\n1,1.3,0.7\n2,1.1,nan\n3,1.2,0.9\n")
    pictures.loss_curve(history, tmp_path / "loss.png")
    picture = Image.open(tmp_path / "loss.png")
    assert picture.size == (800, 450)
    colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert len(colours) > 3  # white, black, and a colour for each line


@pytest.mark.parametrize("text", ["epoch,generator_loss\n", ""])
def test_loss_curve_of_nothing(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    pictures.loss_curve(tmp_path / "history.csv", tmp_path / "loss.png")
    assert (tmp_path / "loss.png").exists()


def test_read_history(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,a,b\n1,0.5,x\n2,,3\n")
    columns = pictures.read_history(tmp_path / "history.csv")
    np.testing.assert_array_equal(columns["epoch"], [1, 2])
    np.testing.assert_array_equal(columns["a"], [0.5, np.nan])
    np.testing.assert_array_equal(columns["b"], [np.nan, 3])


def test_points_are_dots_in_one_plot():
    points = np.array([[0, 0], [255, 255], [100, 200]], "uint8").reshape(3, 1, 1, 2)
    plot = np.asarray(pictures.sheet(points, scale=64))
    dots = np.argwhere(plot == 40) - 4
    assert plot.shape == (514 + 8, 514 + 8)
    assert len(dots) == 3 * 9
    # Rows count downwards, y goes up: (0, 0) is at the lower left.
    expected = {(510, 0), (0, 510), (2 * 55, 2 * 100)}
    assert {tuple(dot) for dot in dots} >= expected
    assert dots.max() == 512


def test_numbers_are_a_histogram():
    numbers = np.array([0, 0, 0, 0, 7, 7, 255], "uint8").reshape(-1, 1, 1, 1)
    plot = np.asarray(pictures.sheet(numbers))[4:-4, 4:-4]
    heights = (plot == 40).sum(axis=0)
    assert plot.shape == (256, 512)
    assert heights[[0, 1, 14, 15, 510, 511]].tolist() == [256, 256, 128, 128, 64, 64]
    assert heights.sum() == 2 * (256 + 128 + 64)
    assert (plot[-1, :2] == 40).all()  # columns stand on the ground
