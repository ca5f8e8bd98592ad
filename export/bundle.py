"""Writes a bundle: both formats of a generator, verified, with everything an application needs to know."""

import contextlib
import importlib.metadata
import pathlib
import platform
import shutil
import tempfile
from typing import Any

import keras
import numpy as np

from kgan import latents
from kgan._version import __version__
from kgan.errors import BundleError, UsageError
from kgan.export.card import model_card
from kgan.export.convert import check_formats, convert
from kgan.export.extractor import EXTRACTOR, checked_extractor
from kgan.export.manifest import CONDITIONS, NAME, ONNX, REFERENCE, SAVED_MODEL, write_manifest
from kgan.export.source import (
    checked_inputs,
    class_names,
    exported_network,
    images_of,
    load_source,
    with_laws,
)
from kgan.export.verification import BATCH_SIZES, FLOAT, TOLERANCE, compare, load_arrays, run_onnx
from kgan.files import replacing
from kgan.pictures import save_sheet
from kgan.types import to_uint8

SHEET = 64


def export_bundle(model_or_path, folder, formats, *, float_output, overwrite, recipe, labels, extractor):
    """Exports a generator; `kgan.export.export` documents the arguments."""
    folder = pathlib.Path(folder)
    _check_target(folder, overwrite)
    formats = check_formats(formats)
    model, recipe = load_source(model_or_path, recipe)
    if len(model.image_shape) != 3:
        raise UsageError(
            f"a bundle holds a generator of images, this {type(model).__name__} makes vectors: "
            "kgan.export.export_network writes it as one ONNX file"
        )
    inputs = checked_inputs(model, labels)
    network_of_instances, entry = checked_extractor(model, extractor)
    network = exported_network(model, inputs)
    labels = class_names(model, inputs) if labels is None else labels
    banks = model.banks() if hasattr(model, "banks") else {}
    reference = latents.draw(with_laws(inputs, banks), sum(BATCH_SIZES), seed=0, banks=banks)
    expected = images_of(model, network, reference)
    if not np.isfinite(expected).all():
        raise BundleError("the generator must make finite values, got NaN or infinity")
    about = {
        "system": type(model).__name__,
        "preset": getattr(model, "preset", None),
        "recipe": recipe,
        "labels": list(labels) if labels is not None else None,
        "image_shape": list(model.image_shape),
        "data_range": [float(v) for v in model.data_range],
        "formats": list(formats),
        "parameters": int(network.count_params()),
        "conditions": {name: len(rows) for name, rows in banks.items()},
        "extractor": entry,
    }
    with tempfile.TemporaryDirectory() as work, replacing(folder) as temporary:
        work = pathlib.Path(work)
        result = convert(
            network,
            work,
            inputs=inputs,
            reference=reference,
            data_range=about["data_range"],
            image_shape=about["image_shape"],
            formats=formats,
            float_output=float_output,
        )
        errors = _compare(work, reference, expected, about, result)
        temporary.mkdir()
        for name in (ONNX, SAVED_MODEL):
            if (work / name).exists():
                shutil.move(work / name, temporary / name)
        arrays: dict[str, Any] = {f"input_{name}": value for name, value in reference.items()}
        np.savez_compressed(temporary / REFERENCE, **{**arrays, FLOAT: expected})
        if banks:
            arrays = dict(banks)
            np.savez_compressed(temporary / CONDITIONS, **arrays)
        if network_of_instances is not None:
            (temporary / EXTRACTOR).write_bytes(network_of_instances)
        about["samples"] = _write_samples(temporary / "samples.png", model, network, inputs, banks)
        content = {**about, **_manifest(about, inputs, result, errors, float_output)}
        (temporary / "README.md").write_text(model_card(content), encoding="utf-8")
        write_manifest(temporary, content)
    return folder


def _check_target(folder, overwrite):
    if not folder.exists() and not folder.is_symlink():
        return
    if not overwrite:
        raise UsageError(f"the bundle's folder must not exist yet, got {folder} (overwrite=True replaces it)")
    if folder.is_symlink() or not (folder / NAME).is_file():
        raise UsageError(f"only a bundle can be overwritten, {folder} holds no {NAME}")


def _compare(work, reference, expected, about, result):
    errors = {}
    if "onnx" in about["formats"]:
        made = run_onnx((work / ONNX).read_bytes(), work, reference, result["onnx"])
        errors["onnx"] = compare(ONNX, made, expected, about["data_range"])
    if "saved_model" in about["formats"]:
        made = load_arrays(work / "saved_model.npz")
        errors["saved_model"] = compare(SAVED_MODEL, made, expected, about["data_range"])
    return errors


def _write_samples(path, model, network, inputs, banks):
    """A sheet of what the bundle samples with seed 0, and whether it was written.

    Images of 1 or 3 channels can be shown as a picture, and noise as a condition would show nothing.
    """
    height, _, channels = model.image_shape
    if channels not in (1, 3) or with_laws(inputs, banks) != tuple(inputs):
        return False
    images = images_of(model, network, latents.draw(inputs, SHEET, seed=0, banks=banks))
    save_sheet(path, to_uint8(images, model.data_range), scale=2 if height <= 32 else 1)
    return True


def _manifest(about, inputs, result, errors, float_output):
    shape = ["batch", *about["image_shape"]]
    outputs = [{"name": "images", "dtype": "uint8", "shape": shape, "layout": "NHWC", "range": [0, 255]}]
    if float_output:
        outputs.append({**outputs[0], "name": FLOAT, "dtype": "float32", "range": about["data_range"]})
    backend = keras.backend.backend()
    return {
        "inputs": [{**vars(spec), "shape": list(spec.shape)} for spec in inputs],
        "outputs": outputs,
        "onnx": result.get("onnx"),
        "backend": backend,
        "versions": {
            "kgan": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            **_installed(backend, "onnxruntime"),
            **result["versions"],
        },
        "verification": {
            "against": f"the Keras generator on {backend}",
            "batch_sizes": list(BATCH_SIZES),
            "tolerance": TOLERANCE,
            "largest_error": errors,
        },
    }


def _installed(*names):
    versions = {}
    for name in names:
        # TensorFlow's distribution has several names; the converter reports its version.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions
