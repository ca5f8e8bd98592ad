import types

import keras
import numpy as np
import pytest

from kgan.callbacks import ClassCoverage, ModeCoverage, class_coverage
from kgan.data import gaussian_ring
from kgan.errors import UsageError
from kgan.models import GAN

L = keras.layers


def constant(point):
    """A game whose generator makes one point."""
    generator = keras.Sequential([keras.Input((2,)), L.Dense(2), L.Reshape((1, 1, 2))], name="generator")
    generator.set_weights([np.zeros((2, 2)), np.array(point)])
    discriminator = keras.Sequential([keras.Input((1, 1, 2)), L.Flatten(), L.Dense(1)], name="discriminator")
    return GAN(generator, discriminator, data_range=(-1.5, 1.5))


@pytest.mark.parametrize(("point", "covered", "good"), [((1.0, 0.0), 0.125, 1.0), ((0.0, 0.5), 0.0, 0.0)])
def test_modes_are_counted_in_the_units_of_the_game(point, covered, good):
    callback, logs = ModeCoverage(gaussian_ring(), n=40), {}
    callback.set_model(constant(point))
    callback.on_epoch_end(0, logs)
    assert logs == {"modes_covered": covered, "high_quality": good}
    assert callback.result.covered == round(8 * covered)


@pytest.mark.once
def test_classes_of_stacked_digits_after_the_last_epoch(monkeypatch):
    # A channel's grey level is its digit.
    def read(images):
        assert images.shape[1:] == (28, 28, 1)
        return {"logits": np.eye(10)[images[:, 0, 0, 0]]}

    monkeypatch.setattr(class_coverage, "shipped_network", lambda name: {"mnist": read}[name])
    images = np.zeros((4, 28, 28, 3), "uint8")
    images[1:] = [4, 0, 7]
    callback, logs = ClassCoverage(n=4, seed=5), {}
    model = types.SimpleNamespace(sample=lambda n, seed: images[:n] + np.uint8(seed - 5))
    callback.set_model(model)
    callback.set_params({"epochs": 2})
    callback.on_epoch_end(0, logs)
    assert (logs, callback.result) == ({}, None)
    callback.on_epoch_end(1, logs)
    np.testing.assert_array_equal(np.flatnonzero(callback.result.counts), [0, 407])
    assert logs["classes_covered"] == 0.002
    # KL of (1/4, 3/4) against 1/1000 each.
    assert logs["reverse_kl"] == pytest.approx(0.25 * np.log(250) + 0.75 * np.log(750))


@pytest.mark.once
def test_wrong_arguments():
    with pytest.raises(UsageError, match="n must be at least 1, got 0"):
        ModeCoverage(gaussian_ring(), n=0)
    with pytest.raises(UsageError, match="seed must be at least 0, got -1"):
        ClassCoverage(seed=-1)
