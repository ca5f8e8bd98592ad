"""Where images come from: a hub id, a local folder of a `datasets` data set, or a plain folder of images."""

import contextlib
import dataclasses
import hashlib
import importlib
import os
import pathlib
from typing import Any

import numpy as np

from kgan.data import folder as plain
from kgan.data import hub
from kgan.errors import DataError, MissingExtraError, UsageError

# Below this size a local data set is converted to Arrow before a progress bar would be read.
_QUIET_BYTES = 1 << 30


@dataclasses.dataclass(frozen=True)
class Source:
    """An opened data set whose images are still files.

    Args:
        rows: a `datasets.Dataset`.
        column: its column of images.
        name: how errors call it.
        fingerprint: changes whenever the content may have changed.
    """

    rows: Any
    column: str
    name: str
    fingerprint: str

    def labels(self, column):
        """The column of class labels: int32 array of shape (rows,) and the class names (None if it has none).

        Raises:
            UsageError: there is no such column, or it holds no classes.
            DataError: a row has no label.
        """
        if column not in self.rows.features:
            known = _names(self.rows.features)
            raise UsageError(f"label column {column!r} is not in {self.name}: it has {known}")
        feature = self.rows.features[column]
        names = getattr(feature, "names", None)
        if names is None and not str(getattr(feature, "dtype", "")).startswith(("int", "uint")):
            raise UsageError(
                f"label column {column!r} of {self.name} is {feature}: it must be a ClassLabel or integers "
                "(`datasets` converts with class_encode_column)"
            )
        values = self.rows.select_columns([column]).with_format("arrow")[:][column]
        if values.null_count:
            row = np.flatnonzero(values.is_null().to_numpy())[0]
            raise DataError(f"row {row} of {self.name} has no {column!r}")
        return values.to_numpy().astype(np.int32), names


def open_source(source, split):
    """Opens a data set without decoding an image.

    Args:
        source: hub id such as "zalando-datasets/fashion_mnist"; or folder. What looks like a path is never
            looked up on the hub.
        split: name of a split, or a slice of one as `datasets` writes it, e.g. "train[:1000]".

    Returns:
        A `Source`.

    Raises:
        UsageError: `source` or `split` does not exist.
        DataError: the data set cannot be read, or has no column of images.
        MissingExtraError: `datasets` is not installed.
    """
    _require_datasets()
    if not isinstance(source, (str, os.PathLike)) or not isinstance(split, str):
        raise UsageError(f"source must be a hub id or a folder, split a name: got {source!r}, {split!r}")
    path = pathlib.Path(source).expanduser()
    if path.is_file():
        raise UsageError(f"source must be a hub id or a folder, got the file {source}")
    if path.is_dir():
        return _open_folder(path, split)
    if not isinstance(source, str) or hub.looks_like_path(source):
        raise UsageError(f"there is no folder {source}")
    with _one_line(source, split):
        return _checked(hub.load(source, split), f"{source} ({split})")


def _require_datasets():
    try:
        importlib.import_module("datasets")
    except ImportError:
        raise MissingExtraError("datasets", "data") from None


def _open_folder(path, split):
    import datasets

    name = f"{path} ({split})"
    with _one_line(path, split):
        if (path / "state.json").exists() or (path / "dataset_dict.json").exists():
            saved = datasets.load_from_disk(str(path))
            splits = saved if isinstance(saved, dict) else {str(saved.split or "train"): saved}
            return _checked(_select(splits, split), name)
        if plain.is_image_folder(path):
            return _open_images(path, split, name)
        with _quiet(_size(path) < _QUIET_BYTES):
            return _checked(datasets.load_dataset(str(path), split=split), name)


def _open_images(path, split, name):
    import datasets

    listed = {part: plain.list_images(root) for part, root in plain.image_splits(path).items()}
    features = datasets.Features(image=datasets.Image())
    if all(classes for _, classes, _ in listed.values()):
        # One list of classes for all splits: a label means the same in train and test.
        names = sorted({label for _, classes, _ in listed.values() for label in classes})
        features["label"] = datasets.ClassLabel(names=names)
    splits = {}
    for part, (paths, classes, _) in listed.items():
        columns = {"image": paths, "label": classes} if "label" in features else {"image": paths}
        splits[part] = datasets.Dataset.from_dict(columns, features=features)
    state = hashlib.sha256("".join([split, *(print_ for _, _, print_ in listed.values())]).encode())
    return Source(_select(splits, split), "image", name, state.hexdigest())


def _select(splits, spec):
    """A split, or a slice of it, out of a dict of data sets."""
    import datasets

    sizes = {name: len(rows) for name, rows in splits.items()}
    parts = []
    for part in datasets.ReadInstruction.from_spec(spec).to_absolute(sizes):
        rows = splits[part.splitname]
        whole = (part.from_, part.to) == (0, len(rows))
        parts.append(rows if whole else rows.select(range(part.from_, part.to)))
    return parts[0] if len(parts) == 1 else datasets.concatenate_datasets(parts)


def _checked(rows, name):
    """The `Source` of an opened data set: the column "image", or else its only column of images."""
    import datasets

    images = [column for column, feature in rows.features.items() if isinstance(feature, datasets.Image)]
    if "image" in images:
        images = ["image"]
    if len(images) != 1:
        raise DataError(f"{name} must have a column 'image' of type Image: it has {_names(rows.features)}")
    return Source(rows, images[0], name, rows._fingerprint)


def _names(features):
    kinds = {name: getattr(feature, "dtype", None) for name, feature in features.items()}
    return ", ".join(f"{name} ({kinds[name] or type(features[name]).__name__})" for name in kinds)


def _size(path):
    return sum(file.stat().st_size for file in path.rglob("*.parquet"))


@contextlib.contextmanager
def _one_line(source, split):
    """Turns whatever the loader raises into one line that names the data set."""
    from datasets.exceptions import DatasetsError
    from pyarrow import ArrowException

    damaged = (OSError, ValueError, TypeError, LookupError, RuntimeError, ImportError)
    try:
        yield
    except (DataError, UsageError):
        raise
    except (DatasetsError, ArrowException, *damaged) as error:
        # A failed conversion says what went wrong in its cause only.
        while type(error).__name__ == "DatasetGenerationError" and error.__cause__ is not None:
            error = error.__cause__
        text = " ".join(str(error).split())[:300] or type(error).__name__
        kind = UsageError if text.startswith(("Unknown split", "Unrecognized instruction")) else DataError
        raise kind(f"cannot read {source} ({split}): {text}") from None


@contextlib.contextmanager
def _quiet(quiet):
    """Hides the progress bars of `datasets` where nothing takes long."""
    from datasets import utils

    if not quiet or utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()
