import numpy as np
import pytest
from PIL import Image

from kgan.data import FeatureStore
from kgan.errors import UsageError
from kgan.figures.instances import InstancePanel, draw_instances, instance_panel


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


class Echo:
    """Makes images whose first pixel tells the condition."""

    def sample(self, n, *, seed, instance, label=None):
        images = np.zeros((n, 8, 8, 3), np.uint8)
        images[:, 0, 0, 0] = np.argmax(instance, axis=1)
        images[:, 0, 0, 1] = 0 if label is None else label
        images[:, 0, 0, 2] = seed
        return images


@pytest.fixture
def store():
    return FeatureStore(np.eye(5) + 0.1)


@pytest.fixture
def images():
    return np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1).repeat(8, 1).repeat(8, 2).repeat(3, 3)


def test_each_row_has_its_instance_its_neighbours_and_samples_of_it(store, images):
    panel = instance_panel(
        "own", Echo(), images, store, [3, 1], neighbors=2, samples=4, seed=7, labels=[2, 0]
    )
    assert panel.instances[:, 0, 0, 0].tolist() == [3, 1]
    assert panel.neighbors.shape == (2, 2, 8, 8, 3)
    for row, place in enumerate((3, 1)):
        assert panel.neighbors[row, :, 0, 0, 0].tolist() == store.neighbors(2)[0][place].tolist()
        assert panel.samples[row, :, 0, 0].tolist() == [[place, (2, 0)[row], 7]] * 4


def test_the_sheet_holds_every_image(tmp_path, store, images):
    panel = instance_panel("own", Echo(), images * 40, store, [0, 4], neighbors=1, samples=3)
    draw_instances(tmp_path / "one.png", [panel], columns=1)
    draw_instances(tmp_path / "four.png", [panel] * 4)
    one, four = (read(tmp_path / f"{name}.png") for name in ("one", "four"))
    assert [round(big / small) for big, small in zip(four.shape[:2], one.shape[:2])] == [2, 2]
    # The instance with the number 4 is 160 grey in all of its magnified pixels.
    assert (one == 160).all(axis=-1).sum() >= 64 * 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chosen": [5]}, "places from 0 to 4, got \\[5\\]"),
        ({"chosen": []}, "places from 0 to 4"),
        ({"neighbors": 0}, "neighbors must be at least 1, got 0"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
    ],
)
def test_refuses(store, images, change, message):
    with pytest.raises(UsageError, match=message):
        instance_panel("own", Echo(), images, store, **{"chosen": [0], **change})


def test_refuses_images_of_two_shapes(tmp_path):
    rows = np.zeros((1, 8, 8, 3), np.uint8)
    other = np.zeros((1, 1, 4, 4, 3), np.uint8)
    with pytest.raises(UsageError, match="one shape"):
        draw_instances(tmp_path / "x.png", [InstancePanel("a", rows, rows[None], other)])
    with pytest.raises(UsageError, match="at least 1"):
        draw_instances(tmp_path / "x.png", [])
