"""A few labels among many images: which, in what order, and what is refused."""

import numpy as np
import pytest

from kgan.data import FewLabels, few_labels, load_images
from kgan.errors import UsageError
from kgan.models import SemiSupervisedGAN
from kgan.recipes import FASHION_MNIST_MINI

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def images():
    return load_images(FASHION_MNIST_MINI, "train[:300]", label="label", batch_size=20, seed=3)


def test_the_subset_is_balanced_and_fixed_by_its_seed(images):
    data = few_labels(images, 4, seed=1)
    assert np.bincount(images.labels[data.rows]).tolist() == [4] * 10
    assert np.flatnonzero(data.labels >= 0).tolist() == data.rows.tolist()
    np.testing.assert_array_equal(data.rows, few_labels(images, 4, seed=1).rows)
    other = few_labels(images, 4, seed=2)
    assert other.rows.tolist() != data.rows.tolist()
    assert other.fingerprint != data.fingerprint == few_labels(images, 4, seed=1).fingerprint
    # The order of training does not choose the labels.
    again = load_images(FASHION_MNIST_MINI, "train[:300]", label="label", batch_size=10, seed=99)
    np.testing.assert_array_equal(data.rows, few_labels(again, 4, seed=1).rows)


def test_an_epoch_tiles_the_labelled_and_passes_all_others_twice(images):
    data = few_labels(images, 3, seed=1)
    assert len(data) == data.num_batches == 15
    batches = [data[i] for i in range(len(data))]
    counts = np.bincount(np.concatenate([batch["labels"] for batch in batches]))
    assert counts.tolist() == [30] * 10
    everything = images.uint8(np.arange(300))
    for part in ("unlabelled", "second"):
        found = np.concatenate([batch[part] for batch in batches])
        pixels = np.rint((found + 1) * 127.5).astype("uint8").reshape(300, -1)
        assert sorted(map(bytes, pixels)) == sorted(map(bytes, everything.reshape(300, -1)))
    assert any(not np.array_equal(batch["unlabelled"], batch["second"]) for batch in batches)
    # Each tile is all labelled images in a new order: 30 in the first 30 places.
    first = np.concatenate([batch["labelled"] for batch in batches])[:30]
    assert len({image.tobytes() for image in first}) == len({i.tobytes() for i in data.labelled_images()[0]})


def test_labels_belong_to_their_images(images):
    data = few_labels(images, 2, seed=0)
    known = {image.tobytes(): label for image, label in zip(*data.labelled_images())}
    batch = data[0]
    assert [known[image.tobytes()] for image in batch["labelled"]] == batch["labels"].tolist()
    assert batch["labels"].dtype == np.int32
    assert batch["labelled"].dtype == np.float32
    np.testing.assert_array_equal(data.labels[data.rows], images.labels[data.rows])


def test_batches_depend_on_epoch_and_index_only(images):
    data, twin = few_labels(images, 2, seed=0), few_labels(images, 2, seed=0)
    _ = [twin[i] for i in range(5)]
    for number in (1, 0, 2):
        data.set_epoch(number)
        twin.set_epoch(number)
        for name, value in data[7].items():
            np.testing.assert_array_equal(value, twin[7][name])
    before = data[0]["unlabelled"]
    data.set_epoch(3)
    assert not np.array_equal(before, data[0]["unlabelled"])
    with pytest.raises(IndexError, match="batch 15 of 15"):
        data[15]


def test_refusals(images):
    with pytest.raises(UsageError, match="per_class must be an integer of at least 1, got 0"):
        few_labels(images, 0)
    with pytest.raises(UsageError, match="seed must be an integer of at least 0, got -1"):
        few_labels(images, 1, seed=-1)
    with pytest.raises(
        UsageError, match=r"at most the labelled images of each class, class .* has .*, got 200"
    ):
        few_labels(images, 200)
    bare = load_images(FASHION_MNIST_MINI, "train[:20]", batch_size=2)
    with pytest.raises(UsageError, match="images must have labels: load them with label=COLUMN"):
        few_labels(bare, 1)
    with pytest.raises(UsageError, match="rows must name labelled images, at least one, got 0 rows"):
        FewLabels(images, [])


def test_a_class_without_images_is_named(images):
    few = load_images(FASHION_MNIST_MINI, "train[:3]", label="label", batch_size=1)
    absent = sorted(set(range(10)) - set(few.labels.tolist()))[0]
    name = few.class_names[absent]
    with pytest.raises(UsageError, match=f"class {name} has 0, got 1"):
        few_labels(few, 1)


def test_a_model_of_another_number_of_classes_is_refused(images):
    model = SemiSupervisedGAN.tiny()
    model.compile()
    data = few_labels(images, 1)
    data.image_shape = model.image_shape
    with pytest.raises(UsageError, match="labels must be from 0 to 2, or -1 for none, got"):
        model.fit(data)
    data.labels = np.minimum(data.labels, 2)
    with pytest.raises(UsageError, match="num_classes must be 10, as the data have, got 3"):
        model.fit(data)
