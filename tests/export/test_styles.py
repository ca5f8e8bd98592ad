"""Style-based generators: two verified halves and a combined graph, with numpy and onnxruntime alone."""

import json
import shutil

import numpy as np
import onnx
import pytest

from kgan.errors import BundleError, UsageError
from kgan.export import export, verify
from kgan.export.runtime import Generator
from kgan.export.style_runtime import StyleGenerator
from kgan.models import StyleGAN
from kgan.types import to_uint8


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model with three classes, trained for a few steps, and its bundle."""
    model = StyleGAN.tiny(num_classes=3)
    model.compile()
    model.fit(model.example_data(8), epochs=1, initial_epoch=0, verbose=0)
    return model, export(model, tmp_path_factory.mktemp("export") / "bundle")


@pytest.fixture(scope="module")
def generator(exported):
    return StyleGenerator(exported[1])


def gap(made, expected):
    assert made.dtype == expected.dtype == np.uint8
    assert made.shape == expected.shape
    return np.abs(made.astype(int) - expected).max()


def drawn(n, dim=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dim)).astype("float32")


@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("noise", ["random", "fixed", "none"])
def test_same_seed_same_images_as_the_model(exported, generator, n, noise):
    model, _ = exported
    for psi, cutoff in ((1.0, None), (0.5, None), (-0.5, 4)):
        settings = {"seed": 5, "noise": noise, "truncation_psi": psi, "truncation_cutoff": cutoff}
        expected = model.sample(n, **settings)
        assert gap(generator.sample(n, **settings), expected) <= 1
        if (noise, cutoff) == ("random", None):
            assert gap(Generator(generator.folder).sample(n, seed=5, truncation_psi=psi), expected) <= 1
