"""Opening an ONNX file with onnxruntime, safely; imports neither Keras nor a training framework."""

import importlib
import os
import pathlib

from kgan.errors import KganError, MissingExtraError


def open_session(model, folder, *, name, error=KganError, threads=None, providers=None):
    """An onnxruntime session on the bytes of a model.

    Args:
        model: serialized ONNX model.
        folder: a model that refers to files may refer to files in this folder only.
        name: what the model is called in an error.
        error: class of the error for a model that cannot be loaded.
        threads: number of CPU threads, or `None`.
        providers: onnxruntime's execution providers, or `None` for the CPU.

    Raises:
        KganError: onnxruntime cannot load the model; of the class `error`.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as missing:
        raise MissingExtraError("onnxruntime", "runtime") from missing
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    inside = os.fspath(pathlib.Path(folder).resolve())
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", inside)
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers or ["CPUExecutionProvider"])
    except Exception as reason:  # onnxruntime's errors share no base but Exception
        raise error(f"onnxruntime cannot load {name}: {first_line(reason)}") from reason


def first_line(reason):
    """The first line of an error's text.

    Example:

    >>> first_line(ValueError("no such input\\nstack"))
    'no such input'
    """
    return (str(reason).strip().splitlines() or [type(reason).__name__])[0]
