"""The comparison of an exported generator with the Keras generator it was made from."""

import dataclasses
import importlib.util
import pathlib
import tempfile
import zipfile

import numpy as np

from kgan.errors import BundleError, UsageError
from kgan.export.manifest import (
    MAPPING,
    ONNX,
    REFERENCES,
    SAVED_MODEL,
    STYLE_REFERENCE,
    STYLES,
    SYNTHESIS,
    check_files,
    read_checked,
    read_manifest,
)
from kgan.export.process import run_worker
from kgan.export.runtime import open_session
from kgan.export.style_runtime import StyleGenerator
from kgan.types import to_uint8

BATCH_SIZES = (1, 7)
TOLERANCE = {"float": 1e-4, "uint8": 1}
FLOAT = "images_float"


@dataclasses.dataclass(frozen=True)
class Report:
    """What `verify` found.

    Args:
        folder: the bundle.
        files: number of files whose SHA-256 was checked.
        errors: for each format that was run, the largest difference from the Keras generator's images:
            `{"onnx": {"float": in data range units, "uint8": in levels}}`; the halves of a style-based
            generator are formats of their own, the mapping with `"float"` alone, in parts of the largest w.
        left_out: for each format that was not run, the reason.
    """

    folder: pathlib.Path
    files: int
    errors: dict[str, dict[str, float]]
    left_out: dict[str, str]

    def __str__(self):
        lines = [f"{self.folder}: {self.files} files unchanged"]
        for name, error in self.errors.items():
            line = (
                f"{name}: largest difference from the Keras generator {error['float']:.1e} "
                f"(at most {TOLERANCE['float']:.0e})"
            )
            if "uint8" in error:
                line += f", {error['uint8']:.0f} of 255 levels (at most {TOLERANCE['uint8']})"
            lines.append(line)
        return "\n".join([*lines, *(f"{name}: not run, {reason}" for name, reason in self.left_out.items())])


def verify_bundle(folder):
    """Checks a bundle: every file's hash, then both formats against the stored reference.

    The ONNX model needs onnxruntime only. The SavedModel is run where TensorFlow is installed.

    Args:
        folder: a bundle, as `kgan.export.export` writes it.

    Returns:
        A `Report`.

    Raises:
        UsageError: the folder is no bundle.
        BundleError: a file is missing, unknown, changed or outside the folder, or an output differs.
        MissingExtraError: onnxruntime is not installed.
    """
    folder = pathlib.Path(folder)
    manifest = read_manifest(folder)
    files = check_files(folder, manifest)
    references = [read_reference(folder, manifest, name) for name in REFERENCES if name in manifest["files"]]
    if not references:
        raise BundleError(f"the bundle {folder} misses {REFERENCES[0]}")
    made, left_out = {}, {}
    if "onnx" in manifest["formats"]:
        model, details = read_checked(folder, manifest, ONNX), manifest["onnx"]
        made["onnx"] = [run_onnx(model, folder, inputs, details) for inputs, _ in references]
    if "saved_model" in manifest["formats"]:
        if importlib.util.find_spec("tensorflow") is None:
            left_out["saved_model"] = "tensorflow is not installed"
        else:
            made["saved_model"] = _run_saved_model(folder, [inputs for inputs, _ in references])
    names = {"onnx": ONNX, "saved_model": SAVED_MODEL}
    errors = {
        kind: worst(
            compare(names[kind], images, expected, manifest["data_range"])
            for images, (_, expected) in zip(found, references)
        )
        for kind, found in made.items()
    }
    if manifest.get("style"):
        models = {name: read_checked(folder, manifest, name) for name in (MAPPING, SYNTHESIS)}
        given = {**references[0][0], **load_arrays(folder / STYLE_REFERENCE)}
        halves = compare_halves(models, folder, manifest["style"], given, manifest["data_range"])
        halves["synthesis"] = worst([halves["synthesis"], compare_styles(folder, *references[0])])
        errors.update(halves)
    return Report(folder, files, errors, left_out)


def batches(values):
    """The reference inputs in batches of 1 and 7, a list of dicts.

    Args:
        values: dict of name to array `[8, ...]`.
    """
    ends = np.cumsum(BATCH_SIZES)
    return [{k: v[end - size : end] for k, v in values.items()} for size, end in zip(BATCH_SIZES, ends)]


def compare(name, made, expected, data_range):
    """The largest differences of an exported model's images from the Keras generator's.

    Args:
        name: what the model is called in an error.
        made: `{"images": uint8 [8, h, w, c], "images_float": float32 [8, h, w, c]}`.
        expected: float32 `[8, h, w, c]` of the Keras generator.
        data_range: `(low, high)`.

    Returns:
        `{"float": ..., "uint8": ...}`. Where the floats go beyond the range, as those of a linear last layer
        may, their difference is that of images scaled into it: rounding grows with the values.

    Raises:
        BundleError: another shape, or a difference above the tolerance.
    """
    for output in ("images", FLOAT):
        if made[output].shape != expected.shape:
            raise BundleError(
                f"{name} makes {output} of shape {list(made[output].shape)}, "
                f"the Keras generator {list(expected.shape)}"
            )
    levels = made["images"].astype(int) - to_uint8(expected, data_range)
    beyond = float(np.max(np.abs(expected))) / max(map(abs, data_range))
    errors = {
        "float": float(np.max(np.abs(made[FLOAT] - expected))) / max(1.0, beyond),
        "uint8": int(np.max(np.abs(levels))),
    }
    for kind, error in errors.items():
        if not error <= TOLERANCE[kind]:  # also for NaN
            raise BundleError(
                f"{name} must differ from the Keras generator by at most {TOLERANCE[kind]:g} ({kind}), "
                f"got {error:.2g}"
            )
    return errors


def compare_values(name, made, expected):
    """The largest difference of arrays without a range of their own, relative to the largest value.

    Args:
        name: what is compared, in an error.
        made: float array of the exported network.
        expected: float array of the Keras network.

    Returns:
        The difference, in parts of the largest value if that is above 1.

    Raises:
        BundleError: another shape, or a difference above the tolerance.
    """
    if made.shape != expected.shape:
        raise BundleError(f"{name} has shape {list(made.shape)}, that of Keras {list(expected.shape)}")
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    error = float(np.max(np.abs(made - expected), initial=0.0)) / scale
    if not error <= TOLERANCE["float"]:  # also for NaN
        raise BundleError(
            f"{name} must differ from that of Keras by at most {TOLERANCE['float']:g} of the largest value, "
            f"got {error:.2g}"
        )
    return error


def compare_halves(models, folder, about, given, data_range):
    """The largest differences of a style-based generator's halves from the Keras networks.

    Args:
        models: dict of `mapping.onnx` and `synthesis.onnx` to the serialized models.
        folder: the bundle.
        about: the manifest's `"style"`.
        given: dict of the combined graph's inputs, `w` as Keras maps it, `styles`, and `images_float` as
            Keras makes them of these styles and this noise.
        data_range: `(low, high)`.

    Returns:
        `{"mapping": {"float": ...}, "synthesis": {"float": ..., "uint8": ...}}`.

    Raises:
        BundleError: a half cannot be run or differs, or something that it needs is absent.
    """
    try:
        inputs = {name: given[name] for name in about["inputs"]}
        session = open_session(models[MAPPING], folder, name=MAPPING)
        (w,) = _run_batches(session, ["w"], inputs, MAPPING)
        noise = {name: value for name, value in given.items() if name.startswith("noise_")}
        styles = {"w": given["styles"], **noise}
        made = run_onnx(models[SYNTHESIS], folder, styles, about["synthesis"], name=SYNTHESIS)
        return {
            "mapping": {"float": compare_values(f"w of {MAPPING}", w, given["w"])},
            "synthesis": compare(SYNTHESIS, made, given[FLOAT], data_range),
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"the bundle {folder} is damaged: {error} in its styles") from error


def compare_styles(folder, inputs, expected):
    """The largest differences of a bundle's two halves, with its mean of w between them, from Keras.

    Args:
        folder: a complete bundle of a style-based generator.
        inputs: dict of the combined graph's inputs to arrays `[8, ...]`.
        expected: float32 `[8, h, w, c]`, as Keras makes them of these inputs.

    Returns:
        `{"float": ..., "uint8": ...}`.

    Raises:
        BundleError: the styles are damaged, or the images differ.
    """
    generator = StyleGenerator(folder)
    manifest = generator.manifest
    model, details = read_checked(folder, manifest, SYNTHESIS), manifest["style"]["synthesis"]
    try:
        w = generator.mapping(inputs["z"], inputs.get("label"))
        rows = generator.truncate(w, inputs["truncation_psi"])
    except UsageError as error:
        raise BundleError(f"the bundle {folder} is damaged: {error} in its reference") from error
    noise = {name: value for name, value in inputs.items() if name.startswith("noise_")}
    made = run_onnx(model, folder, {"w": rows, **noise}, details, name=SYNTHESIS)
    return compare(f"{MAPPING}, {STYLES} and {SYNTHESIS} together", made, expected, manifest["data_range"])


def run_onnx(model, folder, inputs, details, name=ONNX):
    """Runs the bytes of a bundle's ONNX model on the reference inputs.

    Args:
        model: the serialized model.
        folder: the bundle.
        inputs: dict of name to array `[8, ...]`.
        details: the manifest's `"onnx"`, or that of the half.
        name: the model's file.

    Returns:
        `{"images": uint8 NHWC, "images_float": float32 NHWC}`.

    Raises:
        BundleError: onnxruntime cannot run the model.
    """
    session = open_session(_exposing(model, FLOAT), folder, name=name)
    images, floats = _run_batches(session, ["images", FLOAT], inputs, name)
    if details.get("float_layout") == "NCHW":
        floats = np.moveaxis(floats, 1, 3)
    return {"images": images, FLOAT: floats}


def _run_batches(session, outputs, inputs, name):
    """Outputs of a session on batches of 1 and 7, together."""
    try:
        parts = [session.run(outputs, batch) for batch in batches(inputs)]
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise BundleError(f"onnxruntime cannot run {name}: {str(error).splitlines()[0]}") from error
    return [np.concatenate(part) for part in zip(*parts)]


def _exposing(model, tensor):
    """The serialized model with one more output, its tensor of that name.

    Concatenated protobuf messages merge, and repeated fields append: graph is field 7 of ModelProto, output
    field 12 of GraphProto, name field 1 of ValueInfoProto. So the float images of the very file that was
    hashed can be compared, without the package onnx.
    """
    name = tensor.encode()
    value = b"\x0a" + bytes([len(name)]) + name
    output = b"\x62" + bytes([len(value)]) + value
    return model + b"\x3a" + bytes([len(output)]) + output


def _run_saved_model(folder, references):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for place, inputs in enumerate(references):
            np.savez(work / f"inputs_{place}.npz", **inputs)
        run_worker("run", (folder / SAVED_MODEL).resolve(), work)
        return [load_arrays(work / f"outputs_{place}.npz") for place in range(len(references))]


def worst(errors):
    """The largest of several comparisons' differences.

    Args:
        errors: iterable of what `compare` returned.
    """
    errors = list(errors)
    return {kind: max(error[kind] for error in errors) for kind in errors[0]}


def read_reference(folder, manifest, name):
    """A stored reference of a bundle.

    Args:
        folder: the bundle.
        manifest: what `read_manifest` returned.
        name: one of `kgan.export.manifest.REFERENCES`.

    Returns:
        `(inputs, images)`: dict of name to array `[8, ...]`, float32 `[8, h, w, c]`.

    Raises:
        BundleError: the file is damaged.
    """
    arrays = load_arrays(folder / name)
    names = {f"input_{spec.name}": spec.name for spec in manifest["inputs"]}
    if set(arrays) != {*names, FLOAT}:
        raise BundleError(f"{name} must hold {', '.join([*names, FLOAT])}, got {', '.join(arrays)}")
    if not np.isfinite(arrays[FLOAT]).all():
        raise BundleError(f"{name} must hold finite images, got NaN or infinity")
    return {key: arrays[stored] for stored, key in names.items()}, arrays[FLOAT]


def load_arrays(path):
    """All arrays of an `.npz` file, without pickle.

    Raises:
        BundleError: the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path} is damaged: {error}") from error
