"""Errors of a classifier, each epoch and at the end."""

import json

import numpy as np
import pytest

from kgan.callbacks import ClassifierError
from kgan.callbacks.classifier_error import error_rate
from kgan.data import load_images
from kgan.errors import UsageError
from kgan.recipes import FASHION_MNIST_MINI

pytestmark = pytest.mark.once


class Oracle:
    """Knows the classes of some images; says `wrong` of them wrongly."""

    def __init__(self, images, wrong):
        pixels = images.uint8(np.arange(images.num_examples))
        shift = np.arange(len(pixels)) < wrong
        self.answers = {p.tobytes(): (y + s) % 10 for p, y, s in zip(pixels, images.labels, shift)}

    def classify(self, images, batch_size):
        return np.eye(10)[[self.answers[image.tobytes()] for image in images]]


@pytest.fixture
def images():
    return load_images(FASHION_MNIST_MINI, "test[:50]", label="label", batch_size=1)


def test_error_rate_counts(images):
    assert error_rate(Oracle(images, 7), images, batch_size=8) == (7, 50)
    images.labels = np.where(np.arange(50) < 20, images.labels, -1)
    assert error_rate(Oracle(images, 7), images) == (7, 20)
    images.labels = None
    with pytest.raises(UsageError, match="images must have labels"):
        error_rate(Oracle, images)


def test_test_split_is_seen_once_at_the_end(images, tmp_path):
    seen = []

    def test():
        seen.append(True)
        return images

    callback = ClassifierError(images, test, labelled=np.array([3, 5]), every_epochs=3)
    callback.join_run(tmp_path, epochs=4)
    callback.set_model(Oracle(images, 10))
    callback.on_train_begin()
    logs = [{} for _ in range(4)]
    for epoch in range(4):
        assert not seen
        callback.on_epoch_end(epoch, logs[epoch])
    assert logs == [{}, {}, {"validation_error": 0.2}, {"validation_error": 0.2}]
    assert len(seen) == 1
    expected = {"test_error": 0.2, "wrong": 10, "of": 50, "epochs": 4, "labelled": [3, 5]}
    assert json.loads((tmp_path / "test.json").read_text()) == callback.result == expected


def test_what_was_given_stays(images, tmp_path):
    callback = ClassifierError(images, epochs=1, folder=tmp_path / "mine")
    callback.join_run(tmp_path, epochs=3)
    assert (callback.folder, callback.epochs) == (tmp_path / "mine", 1)


def test_a_test_needs_a_folder_and_an_end(images, tmp_path):
    with pytest.raises(UsageError, match="folder must be given outside of kgan run"):
        ClassifierError(images, lambda: images, epochs=1).on_train_begin()
    with pytest.raises(UsageError, match="epochs must be given outside of kgan run"):
        ClassifierError(images, lambda: images, folder=tmp_path).on_train_begin()
    ClassifierError(images).on_train_begin()


def test_wrong_arguments_say_the_rule_and_the_value(images):
    with pytest.raises(UsageError, match="epochs must be at least 1, got 0"):
        ClassifierError(images, epochs=0)
    with pytest.raises(UsageError, match="every_epochs must be at least 1, got 0"):
        ClassifierError(images, epochs=1, every_epochs=0)
