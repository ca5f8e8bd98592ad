"""Checkpoints on disk: folders `step-000000123`, each written whole and checked by hash."""

import dataclasses
import errno
import hashlib
import json
import math
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
        metrics: the values of the metrics' variables, as nested lists, within an epoch; Keras does not
            save them.
        random: states of the generators that the backend draws from outside Keras' seeds, in hexadecimal.
        weights: SHA-256 of the file that holds weights, optimizers, averages and seeds.
        seeds: states of the seed generators of a model that does not save them by itself.
    """

    epoch: int
    batch: int
    step: int
    system: str
    structure: str
    settings: str | None
    data: str | None
    metrics: list
    random: list
    weights: str
    seeds: list = dataclasses.field(default_factory=list)


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


def write(folder, fields, save_weights, size):
    """Writes a checkpoint, then removes all but the last two; a failure leaves the earlier ones as they are.

    Args:
        folder: the folder of checkpoints; it is created.
        fields: the fields of `State` but `weights`.
        save_weights: is called with the path of the file to write.
        size: at most so many bytes will be written.

    Raises:
        CheckpointError: it could not be written, for example because the disk is full.
    """
    target = pathlib.Path(folder) / f"step-{fields['step']:09d}"
    if _same(target, fields):
        return
    try:
        with replacing(target) as temporary:
            temporary.mkdir()
            reserve(temporary / "reserve", size)
            save_weights(temporary / WEIGHTS)
            state = {**fields, "weights": digest(temporary / WEIGHTS)}
            text = json.dumps({**state, "sha256": _checksum(state)}, indent=2)
            (temporary / STATE).write_text(text + "\n", encoding="utf-8")
            for file in (temporary / WEIGHTS, temporary / STATE):
                _flush(file)
    except (OSError, RuntimeError) as error:  # HDF5 reports a full disk as either
        raise CheckpointError(
            f"cannot write the checkpoint {target}: {_reason(error)}; the last good one: {newest(folder)}"
        ) from error
    for old in listed(folder)[KEPT:]:
        shutil.rmtree(old)


def size_of(model):
    """An upper bound, in bytes, of what Keras writes for a model's variables and optimizers.

    Args:
        model: a built model.
    """
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer else ())]
    # At most 8 bytes a number; HDF5 spends one to three kilobytes on each variable and group.
    return sum(8 * math.prod(variable.shape) + 16_384 for variable in variables) + 2**20


def reserve(path, size):
    """Raises OSError unless a file of some size can be written; the file is removed again.

    HDF5 can crash the process when a write fails, so a full disk has to be noticed before.

    Args:
        path: a file that does not exist.
        size: in bytes.
    """
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):  # knows of quotas, but not on every system
            os.posix_fallocate(file.fileno(), 0, size)
        elif shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path.unlink()


def _same(target, fields):
    # A run that resumes and stops at once comes to the step that it began at: the state is the same.
    try:
        state = dataclasses.asdict(read(target))
    except CheckpointError:
        return False
    return {**state, **fields} == state


def _checksum(state):
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


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
        values = json.loads((path / STATE).read_text(encoding="utf-8"))
        whole = values.pop("sha256") == _checksum(values)
        state = State(**values)
        wrong = STATE if not whole else WEIGHTS if digest(path / WEIGHTS) != state.weights else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {_reason(error)}") from error
    if wrong:
        raise CheckpointError(f"the checkpoint {path} is damaged: the SHA-256 of {wrong} is another")
    return state


def set_aside(path):
    """Renames a damaged checkpoint, so that it is neither read again nor counted."""
    target = path.with_name(path.name + ".damaged")
    shutil.rmtree(target, ignore_errors=True)
    path.rename(target)
