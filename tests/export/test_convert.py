"""What the converter's process must import, and what its failures say."""

import sys
import types

import keras
import pytest

from kgan.errors import MissingExtraError, UsageError
from kgan.export.convert import check_formats, custom_objects
from kgan.export.process import essence
from kgan.layers import Conv2DTranspose

pytestmark = pytest.mark.once


class Plain(keras.layers.Layer):
    def call(self, x):
        return x


def config_of(*layers):
    network = keras.Sequential([keras.Input((2, 2, 1)), *layers])
    return keras.saving.serialize_keras_object(network)


def as_main(monkeypatch, **attributes):
    """A class that appears to be defined in a script."""
    script = types.ModuleType("__main__")
    vars(script).update(attributes)
    layer = type("Scripted", (Plain,), {"__module__": "__main__"})
    script.Scripted = layer
    monkeypatch.setitem(sys.modules, "__main__", script)
    return config_of(layer())


def test_keras_needs_nothing():
    assert custom_objects(config_of(keras.layers.Conv2D(3, 1, activation="relu"))) == []


def test_registered_objects_are_found_by_their_module():
    (found,) = custom_objects(config_of(Conv2DTranspose(3, 4, 2, 1), Conv2DTranspose(3, 4, 2, 1)))
    assert found["name"] == "kgan>Conv2DTranspose"
    assert found["module"] == "kgan.layers.conv_transpose"
    assert found["attribute"] is None


def test_unregistered_classes_are_found_by_module_and_name():
    (found,) = custom_objects(config_of(Plain()))
    assert (found["module"], found["attribute"], found["file"]) == (__name__, "Plain", __file__)


def test_local_classes_cannot_be_found():
    class Local(Plain):
        pass

    with pytest.raises(UsageError, match="Local must be at the top of an importable module"):
        custom_objects(config_of(Local()))


def test_lambdas_are_refused():
    with pytest.raises(UsageError, match="must not contain a Python lambda"):
        custom_objects(config_of(keras.layers.Lambda(lambda x: 2 * x)))


def test_guarded_script(monkeypatch, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import keras\nif __name__ == '__main__':\n    print('train')\n")
    config = as_main(monkeypatch, __file__=str(script), __spec__=None)
    (found,) = custom_objects(config)
    assert (found["module"], found["file"]) == ("kgan_exported_script", str(script))


def test_unguarded_script(monkeypatch, tmp_path):
    script = tmp_path / "train.py"
    script.write_text("import keras\nprint('train')\n")
    config = as_main(monkeypatch, __file__=str(script), __spec__=None)
    with pytest.raises(UsageError, match=r"the script train\.py must run its code under `if __name__"):
        custom_objects(config)


def test_interactive_session(monkeypatch):
    config = as_main(monkeypatch, __spec__=None)
    with pytest.raises(UsageError, match="it was defined in an interactive session"):
        custom_objects(config)


def test_module_run_as_script(monkeypatch):
    config = as_main(monkeypatch, __file__="x.py", __spec__=types.SimpleNamespace(name="package.train"))
    assert custom_objects(config)[0]["module"] == "package.train"


@pytest.mark.parametrize(
    ("report", "line"),
    [
        ("Traceback\n  File\nValueError: z must be 3\n", "z must be 3"),
        ("Traceback\nKeyError: 'z'\n\nDuring ...\nTraceback\nOSError: disk full\n", "OSError: disk full"),
        ("x\ntf2onnx.errors.OddError: no\nmore lines\n", "OddError: no"),
        ("W0000 some chatter\n", "its process ended with code -9"),
        (
            "TypeError: Could not locate class 'Noise'. Make sure custom classes and functions ...\n",
            "Noise cannot be found: decorate it with @keras.saving.register_keras_serializable() "
            "and put it at the top of an importable module",
        ),
    ],
)
def test_essence_is_one_line(report, line):
    assert essence(report, -9) == line


@pytest.mark.parametrize("formats", [(), ("pt2",), ("onnx", "tflite")])
def test_unknown_formats(formats):
    with pytest.raises(UsageError, match="formats must be some of onnx, saved_model, got"):
        check_formats(formats)


@pytest.mark.parametrize("package", ["tensorflow", "tf2onnx", "onnx", "onnxruntime"])
def test_missing_extra(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed: .*kgan\[export\]"):
        check_formats("onnx")


def test_saved_model_needs_tensorflow_only(monkeypatch):
    for package in ("tf2onnx", "onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    assert check_formats(["saved_model"]) == ("saved_model",)
