import pathlib

import datasets
import numpy as np
import pytest

import kgan.recipes
from kgan.data import load_images

pytestmark = pytest.mark.once
CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


@pytest.fixture
def folder():
    return pathlib.Path(kgan.recipes.__path__[0]) / "fashion_mnist_mini"


def test_loads_as_a_datasets_folder(folder):
    loaded = datasets.load_dataset(str(folder))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 10_000, "test": 1_000}
    assert loaded["train"].features["label"].names == CLASSES
    assert loaded["train"][0]["image"].size == (28, 28)


def test_classes_are_balanced(folder):
    for split, each in (("train", 1000), ("test", 100)):
        images = load_images(folder, split, label="label")
        assert images.image_shape == (28, 28, 1)
        assert images.class_names == CLASSES
        assert np.bincount(images.labels).tolist() == [each] * 10


def test_is_small_and_states_its_origin(folder):
    assert sum(file.stat().st_size for file in folder.glob("*.parquet")) < 5_500_000
    text = (folder / "README.md").read_text()
    for words in (
        "Zalando",
        "MIT",
        "dataset-fashion-mnist",
        "Permission is hereby granted",
        "first 1,000 images",
    ):
        assert words in text


@pytest.mark.shared_data
def test_is_the_first_of_each_class(folder, shared):
    for split, most, each in (("train", 11_000, 1000), ("test", 1_200, 100)):
        part = load_images(folder, split, label="label")
        whole = load_images(shared / "data/fashion_mnist", f"{split}[:{most}]", label="label")
        assert np.bincount(whole.labels).min() >= each
        rows = np.sort(np.concatenate([np.flatnonzero(whole.labels == label)[:each] for label in range(10)]))
        np.testing.assert_array_equal(part.labels, whole.labels[rows])
        np.testing.assert_array_equal(part.uint8(range(part.num_examples)), whole.uint8(rows))
