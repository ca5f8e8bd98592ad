"""Checkpoints on disk: folders `step-000000123`, each written whole and checked by hash."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil

from kgan.errors import CheckpointError
from kgan.files import replacing

WEIGHTS = "model.weights.h5"
STATE = "state.json"
KEPT = 2


@dataclasses.dataclass(frozen=True)
class State:
    """What a checkpoint says of itself.

    Args:
        epoch: finished epochs, >= 0.
        batch: batches done of the epoch that follows them, >= 0.
        step: train steps since the first, >= 0.
        system: the model's class.
        structure: SHA-256 of the shapes and types of the model's variables.
        settings: SHA-256 of the run's settings, or `None`.
        data: the data set's fingerprint, or `None`.
        weights: SHA-256 of the file that holds weights, optimizers, seeds and metrics.
    """

    epoch: int
    batch: int
    step: int
    system: str
    structure: str
    settings: str | None
    data: str | None
    weights: str


def digest(path):
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed(folder):
    """The checkpoints in a folder, newest first; they may be damaged.

    Example:

    >>> listed("there/is/no/such/folder")
    []
    """
    folder = pathlib.Path(folder)
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted((p for p in found if re.fullmatch(r"step-\d{9,}", p.name)), key=step_of, reverse=True)


def step_of(path):
    """The train step in the name of a checkpoint."""
    return int(path.name.removeprefix("step-"))


def newest(folder):
    """A text that names the newest checkpoint of a folder, for messages."""
    found = listed(folder) if folder else []
    return str(found[0]) if found else "none"


def write(folder, fields, save_weights):
    """Writes a checkpoint, then removes all but the last two; a failure leaves the earlier ones as they are.

    Args:
        folder: the folder of checkpoints; it is created.
        fields: the fields of `State` but `weights`.
        save_weights: is called with the path of the file to write.

    Raises:
        CheckpointError: it could not be written, for example because the disk is full.
    """
    target = pathlib.Path(folder) / f"step-{fields['step']:09d}"
    if _same(target, fields):
        return
    try:
        with replacing(target) as temporary:
            temporary.mkdir()
            save_weights(temporary / WEIGHTS)
            state = {**fields, "weights": digest(temporary / WEIGHTS)}
            (temporary / STATE).write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
            for file in (temporary / WEIGHTS, temporary / STATE):
                _flush(file)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise CheckpointError(
            f"cannot write the checkpoint {target}: {_reason(error)}; the last good one: {newest(folder)}"
        ) from error
    for old in listed(folder)[KEPT:]:
        shutil.rmtree(old)


def _same(target, fields):
    # A run that resumes and stops at once comes to the step that it began at: the state is the same.
    try:
        state = dataclasses.asdict(read(target))
    except CheckpointError:
        return False
    return {**state, **fields} == state


def _flush(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _reason(error):
    code = getattr(error, "errno", None)
    return os.strerror(code) if code else " ".join(str(error).split())


def read(path):
    """Reads and checks a checkpoint's `state.json` and the hash of its weights.

    Args:
        path: the folder of one checkpoint.

    Returns:
        A `State`.

    Raises:
        CheckpointError: a file is missing or is not what was written.
    """
    try:
        state = State(**json.loads((path / STATE).read_text(encoding="utf-8")))
        for field in dataclasses.fields(State):
            value = getattr(state, field.name)
            if not isinstance(value, int if field.type is int else str | None):
                raise TypeError(field.name)
        whole = digest(path / WEIGHTS) == state.weights
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {_reason(error)}") from error
    if not whole:
        raise CheckpointError(f"the checkpoint {path} is damaged: the SHA-256 of {WEIGHTS} is another")
    return state


def set_aside(path):
    """Renames a damaged checkpoint, so that it is neither read again nor counted."""
    target = path.with_name(path.name + ".damaged")
    shutil.rmtree(target, ignore_errors=True)
    path.rename(target)
