import datasets
import numpy as np
import pytest
from PIL import Image

from kgan.data import load_images
from kgan.errors import UsageError
from kgan.figures import draw_nearest_neighbours, nearest_neighbours

pytestmark = pytest.mark.once

RNG = np.random.default_rng(0)
TRAIN = RNG.integers(0, 256, (50, 4, 6, 3)).astype("uint8")
SAMPLES = RNG.integers(0, 256, (23, 4, 6, 3)).astype("uint8")


def brute_force(queries):
    difference = queries[:, None].astype("int64") - TRAIN[None]
    squared = np.square(difference).sum(axis=(2, 3, 4))
    return squared.argmin(axis=1), squared.min(axis=1) / 255.0**2


def test_the_whole_set_is_searched_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(nearest_neighbours, "_CHUNK", 7 * 8 * TRAIN[0].size)
    path = tmp_path / "nearest.png"
    found = draw_nearest_neighbours(path, SAMPLES, TRAIN, SAMPLES[:9])
    indices, distances = brute_force(SAMPLES)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(found.heldout_indices, indices[:9])
    np.testing.assert_array_equal(found.heldout_distances, distances[:9])
    assert path.stat().st_size < 300_000


def test_copies_are_found_and_shown(tmp_path):
    path = tmp_path / "nearest.png"
    found = draw_nearest_neighbours(path, TRAIN[20:40], TRAIN)
    np.testing.assert_array_equal(found.indices, np.arange(20, 40))
    assert not found.distances.any()
    assert found.heldout_distances is None
    pixels = np.asarray(Image.open(path).convert("RGB"))
    # 4x6 images are magnified to 40x60 in frames of 2 pixels; the neighbours stand 12 pixels to the right.
    for row in range(4):
        top = 28 + 2 + 42 * row + 5
        shown = pixels[top : top + 40 : 10]
        last, neighbour = (
            shown[:, left : left + 60 : 10] for left in (10 + 2 + 62 * 4 + 5, 10 + 312 + 12 + 7)
        )
        np.testing.assert_array_equal(last, TRAIN[20 + 5 * row + 4])
        np.testing.assert_array_equal(neighbour, last)


def test_images_of_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "train").mkdir()
    for index, image in enumerate(TRAIN[:12]):
        Image.fromarray(image).save(tmp_path / "train" / f"{index:02}.png")
    # Batches of 5 leave two images out, the search does not.
    data = load_images(tmp_path / "train", batch_size=5)
    found = draw_nearest_neighbours(tmp_path / "nearest.png", TRAIN[8:12], data, data, rows=2, columns=2)
    assert found.indices.tolist() == [8, 9, 10, 11]
    assert found.heldout_indices.tolist() == list(range(12))


def test_wrong_arguments(tmp_path):
    path = tmp_path / "nearest.png"
    with pytest.raises(UsageError, match="samples must be at least 24, one per place, got 23"):
        draw_nearest_neighbours(path, SAMPLES, TRAIN, rows=4, columns=6)
    with pytest.raises(UsageError, match="rows must be at least 1, got 0"):
        draw_nearest_neighbours(path, SAMPLES, TRAIN, rows=0)
    with pytest.raises(UsageError, match=r"samples must be uint8 of shape .* got float32"):
        draw_nearest_neighbours(path, SAMPLES.astype("float32"), TRAIN)
    with pytest.raises(UsageError, match=r"heldout must be images of shape \(4, 6, 3\), got \(4, 5, 3\)"):
        draw_nearest_neighbours(path, SAMPLES, TRAIN, TRAIN[:, :, 1:])
    assert not list(tmp_path.iterdir())
