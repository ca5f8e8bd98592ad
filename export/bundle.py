"""Writes a bundle: both formats of a generator, verified, with everything an application needs to know."""

import contextlib
import importlib.metadata
import math
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
from kgan.export.manifest import CONDITIONS, NAME, ONNX, REFERENCES, SAVED_MODEL, write_manifest
from kgan.export.source import generator_subject, images_of, load_source, with_laws
from kgan.export.style_parts import style_parts
from kgan.export.translation import translation_card, translator_subject
from kgan.export.verification import (
    BATCH_SIZES,
    FLOAT,
    TOLERANCE,
    compare,
    compare_styles,
    load_arrays,
    run_onnx,
    worst,
)
from kgan.files import replacing
from kgan.pictures import save_sheet
from kgan.types import to_uint8

SHEET = 64


def export_bundle(
    model_or_path, folder, formats, *, float_output, overwrite, recipe, labels, extractor, direction
):
    """Exports a generator; `kgan.export.export` documents the arguments."""
    folder = pathlib.Path(folder)
    _check_target(folder, overwrite)
    formats = check_formats(formats)
    model, recipe = load_source(model_or_path, recipe)
    if hasattr(model, "translator"):
        subject = translator_subject(model, direction, labels)
    elif direction is not None:
        raise UsageError(f"direction is for models that translate, this {type(model).__name__} does not")
    else:
        subject = generator_subject(model, labels)
    halves = None
    if hasattr(model, "style_generator") and "onnx" in formats:
        halves = style_parts(model, subject)
    network_of_instances, entry = checked_extractor(model, extractor)
    expected = [images_of(model, subject.network, reference) for reference in subject.references]
    if not all(np.isfinite(images).all() for images in expected):
        raise BundleError("the generator must make finite values, got NaN or infinity")
    about = {
        "system": type(model).__name__,
        "preset": getattr(model, "preset", None),
        "recipe": recipe,
        "labels": subject.labels,
        "image_shape": list(subject.image_shape),
        "data_range": [float(v) for v in model.data_range],
        "formats": list(formats),
        "parameters": count_parameters(subject.network),
        "conditions": {name: len(rows) for name, rows in subject.banks.items()},
        "extractor": entry,
        "translation": subject.translation,
        "style": halves.about if halves else None,
    }
    with tempfile.TemporaryDirectory() as work, replacing(folder) as temporary:
        work = pathlib.Path(work)
        result = convert(
            subject.network,
            work,
            inputs=subject.inputs,
            references=subject.references,
            data_range=about["data_range"],
            image_shape=about["image_shape"],
            formats=formats,
            float_output=float_output,
            parts=halves.parts if halves else (),
        )
        errors = _compare(work, subject.references, expected, about, result)
        temporary.mkdir()
        if halves is not None:
            errors.update(halves.compare(work))
            halves.write(work, temporary)
        for name in (ONNX, SAVED_MODEL):
            if (work / name).exists():
                shutil.move(work / name, temporary / name)
        for name, reference, images in zip(REFERENCES, subject.references, expected):
            arrays: dict[str, Any] = {f"input_{key}": value for key, value in reference.items()}
            np.savez_compressed(temporary / name, **{**arrays, FLOAT: images})
        if subject.banks:
            arrays = dict(subject.banks)
            np.savez_compressed(temporary / CONDITIONS, **arrays)
        if network_of_instances is not None:
            (temporary / EXTRACTOR).write_bytes(network_of_instances)
        about["samples"] = _write_samples(temporary / "samples.png", model, subject)
        content = {**about, **_manifest(about, subject, result, errors, float_output)}
        card = model_card if subject.translation is None else translation_card
        (temporary / "README.md").write_text(card(content), encoding="utf-8")
        write_manifest(temporary, content)
        if halves is not None:
            compare_styles(temporary, subject.references[0], expected[0])
    return folder


def count_parameters(network):
    """How many numbers of a network are trained: neither statistics nor alpha, frozen or not.

    Args:
        network: a built Keras model or layer.
    """
    # Of a moving average no weight is trainable; the layers still know which ones they made to be trained.
    layers = network._flatten_layers()
    trained = {id(weight): weight for layer in layers for weight in layer._trainable_variables}
    return sum(math.prod(weight.shape) for weight in trained.values())


def _check_target(folder, overwrite):
    if not folder.exists() and not folder.is_symlink():
        return
    if not overwrite:
        raise UsageError(f"the bundle's folder must not exist yet, got {folder} (overwrite=True replaces it)")
    if folder.is_symlink() or not (folder / NAME).is_file():
        raise UsageError(f"only a bundle can be overwritten, {folder} holds no {NAME}")


def _compare(work, references, expected, about, result):
    errors = {}
    for place, (reference, images) in enumerate(zip(references, expected)):
        if "onnx" in about["formats"]:
            made = run_onnx((work / ONNX).read_bytes(), work, reference, result["onnx"])
            errors.setdefault("onnx", []).append(compare(ONNX, made, images, about["data_range"]))
        if "saved_model" in about["formats"]:
            made = load_arrays(work / f"outputs_{place}.npz")
            errors.setdefault("saved_model", []).append(
                compare(SAVED_MODEL, made, images, about["data_range"])
            )
    return {name: worst(found) for name, found in errors.items()}


def _write_samples(path, model, subject):
    """A sheet of what the bundle makes, and whether it was written.

    Images of 1 or 3 channels can be shown as a picture, and noise as a condition would show nothing.
    """
    if subject.samples is not None:
        save_sheet(path, subject.samples, 2)
        return True
    height, _, channels = subject.image_shape
    inputs, banks = subject.inputs, subject.banks
    if channels not in (1, 3) or subject.translation:
        return False
    scale = 2 if height <= 32 else 1
    if hasattr(model, "sheet") and any(spec.distribution == "given" for spec in inputs):
        images, columns = model.sheet(SHEET)
        if columns is not None:  # conditions, each beside what becomes of it
            save_sheet(path, images, columns, scale=scale)
            return True
    if with_laws(inputs, banks) != tuple(inputs):
        return False
    images = images_of(model, subject.network, latents.draw(inputs, SHEET, seed=0, banks=banks))
    save_sheet(path, to_uint8(images, model.data_range), scale=scale)
    return True


def _manifest(about, subject, result, errors, float_output):
    free = ("batch", "height", "width", "channels")
    shape = [name if side is None else side for name, side in zip(free, (None, *subject.image_shape))]
    outputs = [{"name": "images", "dtype": "uint8", "shape": shape, "layout": "NHWC", "range": [0, 255]}]
    if float_output:
        outputs.append({**outputs[0], "name": FLOAT, "dtype": "float32", "range": about["data_range"]})
    backend = keras.backend.backend()
    return {
        "inputs": [{**vars(spec), "shape": list(spec.shape)} for spec in subject.inputs],
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
            "image_sizes": subject.image_sizes,
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
