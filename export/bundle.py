"""Writes a bundle: both formats of a generator, verified, with everything an application needs to know."""

import contextlib
import importlib.metadata
import json
import pathlib
import platform
import shutil
import tempfile

import keras
import numpy as np

from kgan import latents
from kgan._version import __version__
from kgan.errors import BundleError, UsageError
from kgan.export.card import model_card
from kgan.export.convert import check_formats, convert
from kgan.export.manifest import NAME, ONNX, REFERENCE, SAVED_MODEL, write_manifest
from kgan.export.precision import full_precision, in_float32
from kgan.export.verification import BATCH_SIZES, FLOAT, TOLERANCE, compare, load_arrays, run_onnx
from kgan.files import replacing
from kgan.types import to_uint8

_SHEET = 64


def export_bundle(model_or_path, folder, formats, *, float_output, overwrite, recipe, labels):
    """Exports a generator; `kgan.export.export` documents the arguments."""
    folder = pathlib.Path(folder)
    _check_target(folder, overwrite)
    formats = check_formats(formats)
    model, recipe = _load(model_or_path, recipe)
    inputs = _checked_inputs(model, labels)
    network = _network(model)
    reference = latents.draw(inputs, sum(BATCH_SIZES), seed=0)
    with full_precision():
        expected = _generate(model, network, reference)
        samples = _generate(model, network, latents.draw(inputs, _SHEET, seed=0))
    if not np.isfinite(expected).all():
        raise BundleError("the generator must make finite values, got NaN or infinity")
    details = {
        "system": type(model).__name__,
        "preset": model.preset,
        "recipe": recipe,
        "inputs": inputs,
        "labels": list(labels) if labels is not None else None,
        "image_shape": list(model.image_shape),
        "data_range": [float(v) for v in model.data_range],
        "formats": list(formats),
        "parameters": int(network.count_params()),
    }
    with tempfile.TemporaryDirectory() as work, replacing(folder) as temporary:
        work = pathlib.Path(work)
        result = convert(
            network,
            work,
            inputs=inputs,
            reference=reference,
            data_range=details["data_range"],
            image_shape=details["image_shape"],
            formats=formats,
            float_output=float_output,
        )
        errors = _compare(work, reference, expected, details, result)
        temporary.mkdir()
        for name in (ONNX, SAVED_MODEL):
            if (work / name).exists():
                shutil.move(work / name, temporary / name)
        arrays = {f"input_{name}": value for name, value in reference.items()}
        np.savez_compressed(temporary / REFERENCE, **arrays, **{FLOAT: expected})
        _write_samples(temporary / "samples.png", to_uint8(samples, model.data_range))
        content = _manifest(details, result, errors, float_output)
        (temporary / "README.md").write_text(model_card(content), encoding="utf-8")
        write_manifest(temporary, content)
    return folder


def _check_target(folder, overwrite):
    if not folder.exists() and not folder.is_symlink():
        return
    if not overwrite:
        raise UsageError(f"the bundle's folder must not exist yet, got {folder}; overwrite=True replaces a bundle")
    if folder.is_symlink() or not (folder / NAME).is_file():
        raise UsageError(f"only a bundle can be overwritten, {folder} holds no {NAME}")


def _load(model_or_path, recipe):
    """The model, and the recipe's name and settings where the run folder tells them."""
    if not isinstance(model_or_path, str | pathlib.Path):
        missing = [
            name
            for name in ("sampling_network", "sampling_inputs", "data_range", "image_shape", "generate")
            if not hasattr(model_or_path, name)
        ]
        if missing:
            raise UsageError(
                f"model must be a kgan model, got {type(model_or_path).__name__}, which has no {missing[0]}"
            )
        return model_or_path, recipe
    path = pathlib.Path(model_or_path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"model must be a run folder with model.keras or a .keras file, found no {file}")
    importlib.import_module("kgan.models")  # registers the classes that the file names
    try:
        model = keras.saving.load_model(file, compile=False)
    except (TypeError, ValueError, KeyError, OSError) as error:
        raise UsageError(f"{file} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    settings = path / "config.json"
    if recipe is None and path.is_dir() and settings.is_file():
        recipe = json.loads(settings.read_text(encoding="utf-8"))
    return _load(model, recipe)


def _checked_inputs(model, labels):
    inputs = tuple(model.sampling_inputs())
    for spec in inputs:
        if not spec.name.isidentifier() or spec.name in ("images", FLOAT):
            raise UsageError(f"an input's name must be an identifier other than images, got {spec.name!r}")
    classes = [spec.num_classes for spec in inputs if spec.distribution == "label"]
    if labels is not None and classes != [len(labels)]:
        wanted = f"{classes[0]} names" if classes else "absent, as the model takes no class"
        raise UsageError(f"labels must be {wanted}, got {len(labels)}")
    return inputs


def _network(model):
    """The network to export: in float32, and including what `display` does to its images."""
    network = in_float32(model.sampling_network())
    probe = np.zeros((1, *model.image_shape), np.float32)
    if not hasattr(model, "display") or model.display(probe) is probe:
        return network
    inputs = network.input
    return keras.Model(inputs, model.display(network(inputs)))


def _generate(model, network, inputs):
    """Float images `[n, h, w, c]` of the network that is exported, on the backend that runs."""
    if network is model.sampling_network():
        return np.asarray(model.generate(inputs))
    parts = []
    names = list(inputs)
    for start in range(0, len(inputs[names[0]]), _SHEET):
        part = {k: keras.ops.convert_to_tensor(v[start : start + _SHEET]) for k, v in inputs.items()}
        images = network(part if len(names) > 1 else part[names[0]], training=False)
        parts.append(keras.ops.convert_to_numpy(keras.ops.stop_gradient(images)))
    return np.concatenate(parts).astype(np.float32)


def _compare(work, reference, expected, details, result):
    errors = {}
    if "onnx" in details["formats"]:
        made = run_onnx((work / ONNX).read_bytes(), work, reference, result["onnx"])
        errors["onnx"] = compare(ONNX, made, expected, details["data_range"])
    if "saved_model" in details["formats"]:
        made = load_arrays(work / "saved_model.npz")
        errors["saved_model"] = compare(SAVED_MODEL, made, expected, details["data_range"])
    return errors


def _manifest(details, result, errors, float_output):
    shape = ["batch", *details["image_shape"]]
    outputs = [{"name": "images", "dtype": "uint8", "shape": shape, "layout": "NHWC", "range": [0, 255]}]
    if float_output:
        floats = {"name": FLOAT, "dtype": "float32", "range": details["data_range"]}
        outputs.append({**outputs[0], **floats})
    backend = keras.backend.backend()
    return {
        **details,
        "inputs": [{**vars(spec), "shape": list(spec.shape)} for spec in details["inputs"]],
        "outputs": outputs,
        "onnx": result.get("onnx"),
        "trained_with": backend,
        "versions": {
            "kgan": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            **{name: importlib.metadata.version(name) for name in _trained_with(backend)},
            **result["versions"],
        },
        "verification": {
            "against": f"the Keras generator on {backend}",
            "batch_sizes": list(BATCH_SIZES),
            "tolerance": TOLERANCE,
            "largest_error": errors,
        },
    }


def _trained_with(backend):
    found = []
    for name in (backend, "onnxruntime"):
        # TensorFlow's distribution has several names; the converter reports its version.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version(name)
            found.append(name)
    return found


def _write_samples(path, images):
    from kgan.pictures import save_sheet

    save_sheet(path, images, scale=2 if images.shape[1] <= 32 else 1)
