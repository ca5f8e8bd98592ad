import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from kgan.data import load_images
from kgan.errors import UsageError


@pytest.fixture
def numbered(flat_images):
    """Loads images 0, 1, 2, ...: image n has the grey level n."""
    root = flat_images(levels=range(23))
    return lambda **options: load_images(root, **{"batch_size": 4, **options})


def served(batch):
    """The numbers of the images in a batch."""
    return np.rint((np.asarray(batch)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def epoch(images):
    return [number for batch in range(len(images)) for number in served(images[batch])]


def through_keras(images):
    """The numbers of the images that `predict` receives from the adapter of this backend."""
    model = keras.Sequential([keras.Input(images.image_shape), keras.layers.GlobalAveragePooling2D()])
    return np.rint((model.predict(images, verbose=0)[:, 0] + 1) * 127.5).astype(int).tolist()


@pytest.mark.once
def test_batches_are_float_nhwc_in_minus_one_to_one(flat_images):
    root = flat_images(levels=[0, 128, 200, 255], mode="RGB")
    images = load_images(root, batch_size=4, shuffle=False)
    batch = images[0]
    assert (batch.shape, batch.dtype) == ((4, 8, 8, 3), np.float32)
    assert batch[:, 0, 0, 0].tolist() == pytest.approx([-1, 1 / 255, 145 / 255, 1])
    assert batch.min() == -1.0
    assert batch.max() == 1.0
    np.testing.assert_array_equal(np.floor((batch + 1) * 127.5 + 0.5), images.uint8([0, 1, 2, 3]))


@pytest.mark.once
def test_all_levels_survive_the_round_trip(flat_images):
    images = load_images(flat_images(levels=range(256), size=(1, 1)), batch_size=256, shuffle=False)
    assert np.floor(images[0] / 2 * 255 + 128).reshape(-1).tolist() == list(range(256))


@pytest.mark.once
def test_attributes(numbered):
    images = numbered()
    assert images.image_shape == (8, 8, 1)
    assert images.num_examples == 23
    assert images.batch_size == 4
    assert images.class_names is None
    assert len(images) == images.num_batches == 5
    assert images.workers == 1


@pytest.mark.once
def test_remainder_is_dropped_and_changes(numbered):
    images = numbered()
    left_out = []
    for number in range(6):
        images.set_epoch(number)
        seen = epoch(images)
        assert len(seen) == len(set(seen)) == 20
        left_out.append(frozenset(range(23)) - set(seen))
    assert len(set(left_out)) > 1
    with pytest.raises(IndexError, match="batch 5 of 5"):
        images[5]
    with pytest.raises(IndexError):
        images[-1]


@pytest.mark.once
def test_batch_is_a_function_of_seed_epoch_and_index(numbered):
    first, second = numbered(seed=7), numbered(seed=7)
    orders = []
    for number in (0, 1, 2):
        first.set_epoch(number)
        orders.append(epoch(first))
    assert len({tuple(order) for order in orders}) == 3
    # The other one sees them backwards.
    for number in (2, 1, 0):
        second.set_epoch(number)
        for batch in (4, 0, 3, 1, 2):
            assert served(second[batch]) == orders[number][4 * batch : 4 * batch + 4]
    expected = np.random.default_rng([7, 1]).permutation(23)[:20].tolist()
    assert orders[1] == expected
    assert epoch(numbered(seed=8)) != orders[0]


@pytest.mark.once
def test_without_shuffle_the_order_is_that_of_the_source(numbered):
    images = numbered(shuffle=False)
    assert epoch(images) == list(range(20))
    images.set_epoch(3)
    assert epoch(images) == list(range(20))


@pytest.mark.once
def test_start_skips_the_first_batches_of_this_epoch(numbered):
    images = numbered()
    images.set_epoch(2)
    whole = epoch(images)
    images.start = 3
    assert len(images) == 2
    assert epoch(images) == whole[12:]
    images.set_epoch(2)
    assert images.start == 3
    for wrong in (-1, 5):
        with pytest.raises(UsageError, match=rf"^start must be a batch of the epoch, 0 to 4, got {wrong}$"):
            images.start = wrong


@pytest.mark.once
def test_epoch_ends_when_it_was_served_whole(numbered):
    images = numbered()
    images.start = 2
    images.on_epoch_end()
    assert (images.epoch, images.start) == (0, 2)
    images.on_epoch_begin()
    images[0]
    images.on_epoch_end()
    assert (images.epoch, images.start) == (0, 2)
    images.on_epoch_begin()
    epoch(images)
    images.on_epoch_end()
    assert (images.epoch, images.start, len(images)) == (1, 0, 5)


@pytest.mark.once
def test_labels_stay_with_their_images(flat_images):
    flat_images("set/ant", levels=range(0, 10))
    root = flat_images("set/bee", levels=range(10, 20)).parent
    images = load_images(root, label="label", batch_size=5)
    for batch in range(len(images)):
        pixels, labels = images[batch]
        assert labels.dtype == np.int32
        assert [number // 10 for number in served(pixels)] == labels.tolist()
    assert images.class_names == ["ant", "bee"]


@pytest.mark.once
def test_wrong_arguments(flat_images, numbered):
    root = flat_images("two", levels=[1, 2])
    for options, message in [
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, r"batch_size must be an integer of at least 1, got 2\.5"),
        ({"batch_size": True}, "batch_size must be an integer of at least 1, got True"),
        ({}, "batch_size must be at most 2, all images, got 64"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"channels": 4}, r"channels must be 1, 3 or None \(as the first image\), got 4"),
        ({"image_size": 0}, "image_size must be an integer of at least 1, got 0"),
        ({"image_size": "28"}, "image_size must be an integer of at least 1, got '28'"),
        ({"trim": -1}, "trim must be an integer >= 0, got -1"),
        ({"trim": 3, "image_size": 6}, "trim must be less than half of 6 pixels, got 3"),
        ({"image_size": (1, 2, 3)}, r"image_size must be an integer or \(height, width\), got \(1, 2, 3\)"),
    ]:
        with pytest.raises(UsageError, match=f"^{message}$"):
            load_images(root, **{"batch_size": 64 if not options else 1, **options})
    with pytest.raises(UsageError, match=r"^indices must be from 0 to 22, got 23$"):
        numbered().uint8([0, 23])
    with pytest.raises(UsageError, match=r"^epoch must be an integer of at least 0, got -1$"):
        numbered().set_epoch(-1)


def test_keras_receives_each_epoch_in_its_order(numbered):
    images, other = numbered(), numbered()
    for number in range(3):
        other.set_epoch(number)
        assert through_keras(images) == epoch(other)
        assert images.epoch == number + 1
    images.set_epoch(1)
    images.start = 2
    other.set_epoch(1)
    assert through_keras(images) == epoch(other)[8:]
    assert (images.epoch, images.start) == (2, 0)


class Seen(keras.callbacks.Callback):
    """What the data set says at each begin of an epoch, and how many batches each epoch had."""

    def __init__(self, images):
        super().__init__()
        self.images = images
        self.begins, self.batches = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.begins.append((self.images.epoch, self.images.start))
        self.batches.append(0)

    def on_train_batch_end(self, batch, logs=None):
        self.batches[-1] += 1


def classifier():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])


def test_fit_counts_epochs_from_the_first(flat_images):
    flat_images("set/ant", levels=range(0, 10))
    images = load_images(flat_images("set/bee", levels=range(10, 23)).parent, label="label", batch_size=4)
    model = classifier()
    # Not built: some backends look at a batch before the first epoch begins.
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    seen = Seen(images)
    model.fit(images, epochs=3, shuffle=False, verbose=0, callbacks=[seen])
    assert seen.begins == [(0, 0), (1, 0), (2, 0)]
    assert seen.batches == [5, 5, 5]
    images.set_epoch(1)
    images.start = 3
    seen = Seen(images)
    model.fit(images, epochs=1, shuffle=False, verbose=0, callbacks=[seen])
    assert (seen.begins, seen.batches) == ([(1, 3)], [2])
    assert (images.epoch, images.start) == (2, 0)


def test_interrupted_epoch_is_begun_again(flat_images):
    class Stop(Seen):
        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.model.stop_training = batch == 1

    flat_images("set/ant", levels=range(0, 40))
    images = load_images(flat_images("set/bee", levels=range(40, 80)).parent, label="label", batch_size=2)
    model = classifier()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    stop = Stop(images)
    model.fit(images, epochs=1, shuffle=False, verbose=0, callbacks=[stop])
    assert stop.batches == [2]
    assert (images.epoch, images.start) == (0, 0)
    seen = Seen(images)
    model.fit(images, epochs=2, shuffle=False, verbose=0, callbacks=[seen])
    assert seen.begins == [(0, 0), (1, 0)]


IMPORTS = """
import importlib.util, pathlib, sys
import keras
other = {"tensorflow", "torch", "jax"} - set(sys.modules)


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in other:
            raise ModuleNotFoundError(name)


if "missing" in sys.argv:
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name in other else find(name, package)
    sys.meta_path.insert(0, Missing())
import datasets
from kgan.data import load_images
datasets.config.HF_DATASETS_CACHE = pathlib.Path(sys.argv[2])
images = load_images(sys.argv[1], batch_size=2)
for index in range(len(images)):
    images[index]
print(keras.backend.backend(), sorted(other & set(sys.modules)))
"""


def imported(root, cache, backend, *options):
    command = [sys.executable, "-c", IMPORTS, str(root), str(cache), *options]
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def test_other_backends_are_not_imported(flat_images, tmp_path):
    backend = keras.backend.backend()
    assert imported(flat_images(levels=range(4)), tmp_path / "cache", backend) == f"{backend} []"


@pytest.mark.once
def test_other_backends_need_not_be_installed(flat_images, tmp_path):
    assert imported(flat_images(levels=range(4)), tmp_path / "cache", "jax", "missing") == "jax []"
