"""Where images come from: a hub id, a local folder of a `datasets` data set, or a plain folder of images."""

import contextlib
import dataclasses
import hashlib
import logging
import os
import pathlib
import re
import socket
import urllib.parse
import urllib.request
from typing import Any

import numpy as np

from kgan.data import folder as plain
from kgan.errors import DataError, MissingExtraError, UsageError

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
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
            raise UsageError(f"label column {column!r} is not in {self.name}: it has {_names(self.rows.features)}")
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
    _import_datasets()
    if not isinstance(source, (str, os.PathLike)) or not isinstance(split, str):
        raise UsageError(f"source and split must be a hub id or a folder, and a name: got {source!r}, {split!r}")
    path = pathlib.Path(source).expanduser()
    if path.is_file():
        raise UsageError(f"source must be a hub id or a folder, got the file {source}")
    if path.is_dir():
        return _open_folder(path, split)
    if not isinstance(source, str) or _looks_like_path(source):
        raise UsageError(f"there is no folder {source}")
    with _one_line(source, split), _quiet(False), _offline_if_unreachable():
        rows = _datasets().load_dataset(source, split=split)
    return _checked(rows, f"{source} ({split})")


def _import_datasets():
    try:
        import datasets  # noqa: F401  (told apart here from an ImportError inside a data set's own reader)
    except ImportError:
        raise MissingExtraError("datasets", "data") from None


def _open_folder(path, split):
    datasets = _datasets()
    name = f"{path} ({split})"
    with _one_line(path, split), _quiet(_size(path) < _QUIET_BYTES):
        if (path / "state.json").exists() or (path / "dataset_dict.json").exists():
            saved = datasets.load_from_disk(str(path))
            splits = saved if isinstance(saved, dict) else {str(saved.split or "train"): saved}
            return _checked(_select(splits, split), name)
        if not plain.is_image_folder(path):
            return _checked(datasets.load_dataset(str(path), split=split), name)
    return _open_images(path, split)
