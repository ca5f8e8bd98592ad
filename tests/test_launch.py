import json
import os
import sys

import pytest

from kgan import launch
from kgan.errors import MissingExtraError, UsageError

pytestmark = pytest.mark.once


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine where Keras is not loaded: `machine(installed, environment, file)`."""

    def make(installed=launch.BACKENDS, environment=None, file=None):
        monkeypatch.delitem(sys.modules, "keras", raising=False)
        monkeypatch.setattr(launch, "installed", installed.__contains__)
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        monkeypatch.setenv("KERAS_BACKEND", environment or "")
        if file is not None:
            (tmp_path / "keras.json").write_text(file)

    return make


@pytest.mark.parametrize(
    ("settings", "wanted", "chosen"),
    [
        ({}, "jax", "jax"),
        ({}, None, "tensorflow"),
        ({"installed": ("torch",)}, None, "torch"),
        ({"installed": ("jax", "torch")}, None, "jax"),
        ({"environment": "torch"}, None, "torch"),
        ({"environment": "torch"}, "jax", "jax"),
        ({"file": json.dumps({"backend": "torch"})}, None, "torch"),
        ({"file": json.dumps({"backend": "torch"}), "environment": "jax"}, None, "jax"),
        # Keras writes this file naming tensorflow, which need not be there.
        ({"file": json.dumps({"backend": "tensorflow"}), "installed": ("torch",)}, None, "torch"),
        ({"file": "{broken"}, None, "tensorflow"),
        ({"file": "[]"}, None, "tensorflow"),
    ],
)
def test_order_of_wishes(machine, settings, wanted, chosen):
    machine(**settings)
    assert launch.choose_backend(wanted) == chosen
    assert os.environ["KERAS_BACKEND"] == chosen


@pytest.mark.parametrize(
    ("settings", "wanted", "error", "message"),
    [
        ({"installed": ("torch",)}, "jax", MissingExtraError, r"jax is not installed.*kgan\[jax\]"),
        ({"installed": ("torch",), "environment": "jax"}, None, MissingExtraError, r"kgan\[jax\]"),
        ({"installed": ()}, None, MissingExtraError, r"a backend is not installed.*kgan\[tensorflow\]"),
        ({"environment": "numpy"}, None, UsageError, "one of tensorflow, jax, torch, got 'numpy'"),
    ],
)
def test_wishes_that_cannot_be_met(machine, settings, wanted, error, message):
    machine(**settings)
    with pytest.raises(error, match=message):
        launch.choose_backend(wanted)


def test_keras_cannot_change_its_backend():
    import keras

    running = keras.config.backend()
    other = next(name for name in launch.BACKENDS if name != running)
    assert launch.choose_backend() == running
    with pytest.raises(UsageError, match=f"must be {running}"):
        launch.choose_backend(other)


def test_importing_keras_says_nothing(capfd):
    launch.import_keras()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
