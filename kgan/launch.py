"""The choice of the Keras backend, which has to be made before Keras is imported."""

import contextlib
import importlib.util
import json
import os
import pathlib
import sys

from kgan.errors import MissingExtraError, UsageError

BACKENDS = ("tensorflow", "jax", "torch")


def choose_backend(wanted=None):
    """Decides which backend Keras will use and tells Keras so.

    What is asked for comes first, then `KERAS_BACKEND`, then Keras' own configuration file if that backend
    is installed, then the first of tensorflow, jax and torch that is installed.

    Args:
        wanted: the backend's name, or `None` for no wish.

    Returns:
        The backend's name.

    Raises:
        UsageError: no such backend, or Keras already runs on another in this process.
        MissingExtraError: the backend is not installed, or none is.

    Example:

    >>> choose_backend() in BACKENDS
    True
    """
    running = sys.modules["keras"].config.backend() if "keras" in sys.modules else None
    name = wanted or running or os.environ.get("KERAS_BACKEND") or _configured() or _first_installed()
    if name not in BACKENDS:
        raise UsageError(f"the backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if not installed(name):
        raise MissingExtraError(name, name)
    if running not in (None, name):
        raise UsageError(f"the backend must be {running}, which Keras runs on in this process, got {name}")
    os.environ["KERAS_BACKEND"] = name
    # TensorFlow greets with several lines, also when it only writes an exported model.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return name


def import_keras():
    """Imports Keras, and TensorFlow where it is installed, without the lines that TensorFlow prints.

    Keras imports TensorFlow under every backend as soon as a model is saved, and TensorFlow writes to the
    process's standard error, past Python and past its own log level.
    """
    with _silent():
        importlib.import_module("keras")
        with contextlib.suppress(ImportError):  # as Keras does: a broken TensorFlow is no TensorFlow
            importlib.import_module("tensorflow")


@contextlib.contextmanager
def _silent():
    before = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def installed(backend):
    """Whether a backend's package can be imported; it is not imported.

    Example:

    >>> installed("no_such_backend")
    False
    """
    return importlib.util.find_spec(backend) is not None


def _configured():
    home = pathlib.Path(os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras")
    try:
        name = json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
    # Keras writes this file by itself, naming tensorflow, whether that is installed or not.
    return name if name in BACKENDS and installed(name) else None


def _first_installed():
    for name in BACKENDS:
        if installed(name):
            return name
    raise MissingExtraError("a backend", "tensorflow")
