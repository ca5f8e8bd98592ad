"""Export of any Keras network, such as a classifier or an encoder, as one verified ONNX file."""

import pathlib
import tempfile

import keras
import numpy as np

from kgan import latents, onnx_session
from kgan.errors import BundleError, UsageError
from kgan.export.convert import check_formats, prepare
from kgan.export.precision import full_precision, in_float32
from kgan.export.process import run_worker
from kgan.export.source import with_laws
from kgan.export.verification import BATCH_SIZES, batches, compare_values
from kgan.files import replacing
from kgan.types import Input


def write_network(network, path, *, inputs, outputs, reference, overwrite):
    """Exports a network; `kgan.export.export_network` documents the arguments."""
    path = pathlib.Path(path)
    check_formats("onnx")
    if path.suffix != ".onnx":
        raise UsageError(f"the file must end in .onnx, got {path}")
    if path.is_dir() or (path.exists() and not overwrite):
        raise UsageError(f"the file must not exist yet, got {path} (overwrite=True replaces it)")
    specs = _inputs(network, inputs)
    reference = _reference(specs, reference)
    wrapped, shapes = _with_names(in_float32(network), specs, outputs)
    expected = _run_keras(wrapped, reference)
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        described = [{"name": name, "shape": shape} for name, shape in shapes.items()]
        prepare(wrapped, work, specs, {"outputs": described})
        run_worker("convert_network", work)
        model = (work / "network.onnx").read_bytes()
        _compare(model, work, path.name, reference, expected)
        with replacing(path) as temporary:
            temporary.write_bytes(model)
    return path


def _inputs(network, inputs):
    if inputs is None:
        if not getattr(network, "inputs", None):
            raise UsageError(
                f"inputs must be given for a network that does not know its own, got {type(network).__name__}"
            )
        inputs = [_input_of(tensor) for tensor in network.inputs]
    inputs = tuple(inputs)
    for spec in inputs:
        if not spec.name.isidentifier():
            raise UsageError(f"an input's name must be an identifier, got {spec.name!r}")
    return inputs


def _input_of(tensor):
    shape = tuple(tensor.shape[1:])
    if None in shape:
        raise UsageError(f"inputs must be of one size but for the batch, {tensor.name} is {tensor.shape}")
    name = (
        tensor.name if tensor.name.isidentifier() else "".join(c if c.isalnum() else "_" for c in tensor.name)
    )
    whole = "int" in keras.backend.standardize_dtype(tensor.dtype)
    return Input(name, shape, "int32" if whole else "float32", "zeros" if whole else "normal")


def _reference(specs, reference):
    if reference is None:
        return latents.draw(with_laws(specs), sum(BATCH_SIZES), seed=0)
    if set(reference) != {spec.name for spec in specs}:
        names = ", ".join(spec.name for spec in specs)
        raise UsageError(f"reference must hold {names}, got {', '.join(reference)}")
    found = {}
    for spec in specs:
        found[spec.name] = np.asarray(reference[spec.name])[: sum(BATCH_SIZES)].astype(spec.dtype)
        if found[spec.name].shape != (sum(BATCH_SIZES), *spec.shape):
            wanted = "x".join(map(str, (sum(BATCH_SIZES), *spec.shape)))
            raise UsageError(f"reference[{spec.name!r}] must be {wanted}, got {found[spec.name].shape}")
    return found


def _with_names(network, specs, outputs):
    """The network as a model from one tensor or a dict to a dict, and the shape of each output."""
    tensors = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in specs}
    given = list(tensors.values())
    if len(given) > 1 and getattr(network, "inputs", None):
        given = keras.tree.pack_sequence_as(network.input, given)
    else:
        given = tensors if len(given) > 1 else given[0]
    made = network(given, training=False)
    named = _named(made, getattr(network, "output_names", None), outputs)
    clash = sorted(set(named) & set(tensors))
    if clash:
        raise UsageError(f"outputs must not have the name of an input, got {', '.join(clash)}")
    model = keras.Model(tensors if len(tensors) > 1 else next(iter(tensors.values())), named)
    return model, {name: list(tensor.shape[1:]) for name, tensor in named.items()}


def _named(made, own, outputs):
    """The outputs by name: those of the caller, of a dict, or of the network's last layers."""
    flat = keras.tree.flatten(made)
    if outputs is None:
        outputs = list(made) if isinstance(made, dict) else own or ["output"]
    elif isinstance(made, dict):
        missing = sorted(set(outputs) - set(made))
        if missing:
            raise UsageError(f"outputs must be among {', '.join(made)}, got {', '.join(missing)}")
        return {name: made[name] for name in outputs}
    if isinstance(made, dict):
        return dict(made)
    if len(outputs) != len(flat) or len(set(outputs)) < len(outputs):
        raise UsageError(f"outputs must be {len(flat)} different names, got {', '.join(outputs)}")
    return dict(zip(outputs, flat))


def _run_keras(model, reference):
    parts = []
    with full_precision():
        for batch in batches(reference):
            tensors = {name: keras.ops.convert_to_tensor(value) for name, value in batch.items()}
            made = model(tensors if len(tensors) > 1 else next(iter(tensors.values())), training=False)
            parts.append({name: keras.ops.convert_to_numpy(value) for name, value in _detached(made).items()})
    expected = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name, value in expected.items():
        if not np.isfinite(value).all():
            raise BundleError(f"the network must make finite values, {name} holds NaN or infinity")
    return expected


def _detached(made):
    return {name: keras.ops.stop_gradient(value) for name, value in made.items()}


def _compare(model, folder, file, reference, expected):
    """Raises unless onnxruntime's outputs are those of Keras, at batches of 1 and 7."""
    session = onnx_session.open_session(model, folder, name=file, error=BundleError)
    names = list(expected)
    try:
        parts = [session.run(names, batch) for batch in batches(reference)]
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise BundleError(f"onnxruntime cannot run {file}: {onnx_session.first_line(error)}") from error
    for name, made in zip(names, (np.concatenate(part) for part in zip(*parts))):
        # Features and logits have no range of their own.
        compare_values(f"{name} of {file}", made, expected[name])
