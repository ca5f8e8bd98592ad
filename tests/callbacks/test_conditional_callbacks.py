"""Callbacks that watch a conditional model: class consistency, spread, sheets of vectors."""

import types

import numpy as np
import pytest

from kgan.callbacks import ClassConsistency, SampleSheet, Spread
from kgan.data import load_images
from kgan.errors import UsageError
from kgan.recipes import FASHION_MNIST_MINI
from kgan.types import Input

pytestmark = pytest.mark.once


class Copier:
    """Makes real test images of the class that is asked for, or always the same one."""

    image_shape = (28, 28, 1)

    def __init__(self, varied=True, shift=0):
        data = load_images(FASHION_MNIST_MINI, "test", label="label")
        self.images, self.labels = data.uint8(np.arange(data.num_examples)), data.labels
        self.varied, self.shift = varied, shift

    def sampling_inputs(self):
        return (Input("label", (), "int32", "label", num_classes=10),)

    def banks(self):
        return {}

    def sample(self, n, seed, label):
        rng = np.random.default_rng(seed)
        rows = [np.flatnonzero(self.labels == (k + self.shift) % 10) for k in label]
        return self.images[[rng.choice(row) if self.varied else row[0] for row in rows]]


def ended(callback, model, epoch=0, epochs=1):
    callback.set_model(types.SimpleNamespace())
    callback._model = model
    callback.set_params({"epochs": epochs})
    logs = {}
    callback.on_epoch_end(epoch, logs)
    return logs


def test_real_images_are_consistent_and_shuffled_ones_are_not():
    watch = ClassConsistency(per_class=30)
    assert ended(watch, Copier())["class_consistency"] > 0.85
    assert watch.result.per_class.shape == (10,)
    assert ended(watch, Copier(shift=1))["class_consistency"] < 0.15
    assert ended(ClassConsistency(per_class=2, every_epochs=2), Copier(), epoch=0, epochs=3) == {}
    assert ended(ClassConsistency(per_class=2, every_epochs=2), Copier(), epoch=2, epochs=3)


def test_spread_is_zero_where_noise_is_ignored():
    assert ended(Spread(samples=3), Copier(varied=False))["spread"] < 1e-12
    assert 0.05 < ended(Spread(samples=6, conditions=4), Copier())["spread"] < 0.5


def test_spread_counts_hidden_pixels_only():
    class Masked:
        image_shape = (2, 2, 1)

        def sampling_inputs(self):
            return ()

        def banks(self):
            mask = np.zeros((1, 2, 2, 1), "float32")
            mask[0, 0] = 1.0
            return {"mask": mask}

        def sample(self, n, seed, mask):
            images = np.zeros((n, 2, 2, 1), np.uint8)
            images[::2, 1] = 255  # the hidden row is black or white
            images[::2, 0] = 100  # what is seen does not count
            return images

    assert ended(Spread(samples=2), Masked())["spread"] == pytest.approx(0.5)


def test_models_without_conditions_are_refused(make_gan):
    for callback in (ClassConsistency(), Spread()):
        with pytest.raises(UsageError, match="needs a model with classes"):
            ended(callback, make_gan())


def test_a_classifier_of_other_classes_is_refused_before_the_training():
    spec = types.SimpleNamespace(distribution="label", num_classes=3, name="label")
    model = types.SimpleNamespace(sampling_inputs=lambda: (spec,), image_shape=(28, 28, 1))
    for classifier, message in (
        ("fashion_mnist", "num_classes must be 10, as the classifier fashion_mnist has, got 3"),
        ("typo.onnx", "typo.onnx"),
    ):
        callback = ClassConsistency(classifier)
        callback.set_model(model)
        with pytest.raises((UsageError, FileNotFoundError), match=message):
            callback.on_train_begin()


@pytest.mark.parametrize("build", [ClassConsistency, Spread])
def test_arguments_out_of_range(build):
    with pytest.raises(UsageError, match="every_epochs must be at least 1, got 0"):
        build(every_epochs=0)


def test_no_sheet_of_vectors(tmp_path):
    model = types.SimpleNamespace(sheet=lambda n, seed: (None, None))
    ended(SampleSheet(tmp_path / "samples"), model)
    assert not (tmp_path / "samples").exists()
