"""The one converter path: any backend's generator, rebuilt under TensorFlow in a process of its own."""

import ast
import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
import zipfile
from typing import Any

import keras
import numpy as np

from kgan.errors import MissingExtraError, UsageError
from kgan.export.process import run_worker

FORMATS = ("onnx", "saved_model")
_SCRIPT = "kgan_exported_script"
_NEEDS = {"onnx": ("tensorflow", "tf2onnx", "onnx", "onnxruntime"), "saved_model": ("tensorflow",)}


@dataclasses.dataclass(frozen=True)
class Part:
    """A network that is converted beside the sampling network, into a folder of its own.

    Args:
        name: of the folder.
        command: `"convert"` or `"convert_network"`.
        network: a built Keras model, of one tensor or a dict by input name.
        inputs: sequence of `kgan.types.Input`.
        spec: what the command must know besides.
    """

    name: str
    command: str
    network: Any
    inputs: Any
    spec: dict


def check_formats(formats):
    """Checks the wanted formats and that the packages which make them are installed.

    Args:
        formats: some of `"onnx"` and `"saved_model"`.

    Returns:
        The formats as a tuple.

    Raises:
        UsageError: an unknown format, or none.
        MissingExtraError: a package is not installed.
    """
    formats = (formats,) if isinstance(formats, str) else tuple(formats)
    if not formats or set(formats) - set(FORMATS):
        raise UsageError(f"formats must be some of {', '.join(FORMATS)}, got {', '.join(formats) or 'none'}")
    for name in formats:
        for package in _NEEDS[name]:
            if importlib.util.find_spec(package) is None:
                raise MissingExtraError(package, "export")
    return formats


def convert(network, work, *, inputs, references, data_range, image_shape, formats, float_output, parts=()):
    """Converts a sampling network.

    Args:
        network: built `keras.Model` or layer in float32, of one tensor or a dict by input name.
        work: an existing empty folder, which receives `generator.onnx` and `saved_model/`.
        inputs: sequence of `kgan.types.Input`.
        references: sequence of dicts of name to array `[8, ...]`, inputs to run the SavedModel on; what it
            makes of number i goes to `outputs_i.npz`.
        data_range: (low, high) of the network's images.
        image_shape: (height, width, channels).
        formats: some of `"onnx"` and `"saved_model"`.
        float_output: whether `images_float` is an output beside `images`.
        parts: sequence of `Part`; each receives `work/NAME/`.

    Returns:
        dict with `"versions"` and, for ONNX, `"onnx"`: opset, number of nodes, layout of the float images.

    Raises:
        UsageError: the network cannot be rebuilt elsewhere; the message says what to do.
        BundleError: the conversion failed.
    """
    work = pathlib.Path(work)
    if not isinstance(network, keras.Model):
        network = keras.Model(*symbolic(network, inputs))
    spec = {
        "data_range": list(data_range),
        "image_shape": list(image_shape),
        "formats": list(formats),
        "float_output": float_output,
        "parts": [[part.name, part.command] for part in parts],
    }
    prepare(network, work, inputs, spec)
    for part in parts:
        (work / part.name).mkdir()
        prepare(part.network, work / part.name, part.inputs, part.spec)
    for place, reference in enumerate(references):
        np.savez(work / f"inputs_{place}.npz", **reference)
    run_worker("convert", work)
    return json.loads((work / "result.json").read_text(encoding="utf-8"))


def prepare(network, work, inputs, more):
    """Writes what the converter's process reads: `network.keras` and `spec.json`.

    Args:
        network: a built Keras model, of one tensor or a dict by input name.
        work: an existing empty folder.
        inputs: sequence of `kgan.types.Input`.
        more: what the spec says besides the inputs and the objects to import.

    Raises:
        UsageError: the network cannot be rebuilt elsewhere; the message says what to do.
    """
    path = work / "network.keras"
    try:
        network.save(path)
    except (TypeError, ValueError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"the network cannot be saved, so it cannot be exported: {reason}") from error
    spec = {
        "inputs": [{"name": i.name, "shape": list(i.shape), "dtype": i.dtype} for i in inputs],
        "custom": custom_objects(_saved_config(path)),
        **more,
    }
    (work / "spec.json").write_text(json.dumps(spec), encoding="utf-8")


def symbolic(network, inputs):
    """Symbolic inputs of a sampling network, and its symbolic images.

    Args:
        network: a built Keras model or layer.
        inputs: sequence of `kgan.types.Input`.
    """
    tensors = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in inputs}
    tensors = tensors if len(tensors) > 1 else next(iter(tensors.values()))
    return tensors, network(tensors, training=False)


def _saved_config(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def custom_objects(config):
    """What the converter's process must import to rebuild a network.

    Args:
        config: the content of `config.json` in a `.keras` file.

    Returns:
        A list of dicts: `name` in the config, `module`, its `file`, and the module's `attribute`, which is
        None for objects that register themselves when the module is imported.

    Raises:
        UsageError: a lambda, or an object that no other process can import.
    """
    found = {}
    for entry in _entries(config):
        if entry["class_name"] == "__lambda__":
            raise UsageError(
                "the network must not contain a Python lambda, which cannot be saved safely: make it a "
                "layer class with @keras.saving.register_keras_serializable() in an importable module"
            )
        name = entry["config"] if entry["class_name"] == "function" else entry.get("registered_name")
        module = entry.get("module") or "__main__"  # Keras leaves the name of a script out
        if not isinstance(name, str) or name in found or module.split(".")[0] == "keras":
            continue
        known = keras.saving.get_registered_object(name)
        if known is None and module == "builtins":
            continue  # a built-in function such as an activation; the converter's process says if it is not
        module = module if known is None else known.__module__
        # Keras knows an object from its decorator, or only for now, by a custom object scope.
        decorated = name in keras.saving.get_custom_objects()
        attribute = entry["class_name"] if known is None else known.__name__
        found[name] = _importable(name, module, None if decorated else attribute)
    return list(found.values())


def _entries(config):
    """Every serialized object in a config, outermost first."""
    if isinstance(config, dict):
        if isinstance(config.get("class_name"), str) and "config" in config:
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _entries(item)


def _importable(name, module, attribute):
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    entry = {"name": name, "module": module, "file": file, "attribute": attribute}
    if attribute is not None and not hasattr(loaded, attribute):
        raise UsageError(f"{name} must be at the top of an importable module, {module} has no {attribute}")
    if module != "__main__":
        return entry
    spec = getattr(loaded, "__spec__", None)
    if spec is not None:  # python -m package.script
        return {**entry, "module": spec.name}
    if file is None or not os.path.isfile(file):
        raise UsageError(f"{name} must be in an importable module, it was defined in an interactive session")
    if not _is_guarded(file):
        raise UsageError(
            f"{name} must be in an importable module, or the script {os.path.basename(file)} must run its "
            'code under `if __name__ == "__main__":`'
        )
    return {**entry, "module": _SCRIPT, "file": os.path.abspath(file)}


def _is_guarded(file):
    """Whether a script has an `if __name__ == "__main__":`, so that importing it does not run it."""
    tree = ast.parse(pathlib.Path(file).read_bytes())
    tests = [ast.unparse(node.test) for node in tree.body if isinstance(node, ast.If)]
    return any(test in ("__name__ == '__main__'", "'__main__' == __name__") for test in tests)
