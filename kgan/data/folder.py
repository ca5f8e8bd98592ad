"""A plain folder of image files as a `datasets` data set of paths."""

import hashlib
import os
import pathlib

from kgan.data.decode import SUFFIXES
from kgan.errors import DataError

# A folder that holds one of these is left to `datasets`, whatever images lie beside it.
_DATA_SUFFIXES = (".parquet", ".arrow", ".tar")
_METADATA = ("metadata.csv", "metadata.jsonl")
_OTHER_SUFFIXES = (".csv", ".json", ".jsonl", ".zip", ".webdataset")
_SPLITS = ("train", "test", "validation", "valid", "val", "dev")


def is_image_folder(folder):
    """Whether a folder holds image files and nothing that `datasets` would rather read.

    Raises:
        DataError: it holds neither images nor data files.
    """
    images = others = False
    for path in _files(folder):
        suffix = path.suffix.lower()
        if suffix in _DATA_SUFFIXES or path.name in _METADATA:
            return False
        images = images or suffix in SUFFIXES
        others = others or suffix in _OTHER_SUFFIXES
    if not images and not others:
        raise DataError(f"{folder} holds no images: neither {' '.join(SUFFIXES)} nor a data set")
    return images


def image_splits(folder):
    """The splits of a folder of images: its subfolders train, test, ... or else all of it as "train".

    Returns:
        dict from the name of a split to its folder.
    """
    found = {name: folder / name for name in _SPLITS if (folder / name).is_dir()}
    return found or {"train": folder}


def list_images(folder):
    """Paths and classes of the images below a folder, in the order of their names.

    Hidden files and linked folders are passed over.

    Returns:
        paths (list of str), classes (list of str, the first subfolder of each image; empty if some image
        lies directly in the folder) and a fingerprint of names, sizes and times of change.

    Raises:
        DataError: there is no image.
    """
    paths = [path for path in _files(folder) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DataError(f"{folder} holds no images: no file ends in {' '.join(SUFFIXES)}")
    inner = [path.relative_to(folder).parts for path in paths]
    classes = [parts[0] for parts in inner] if all(len(parts) > 1 for parts in inner) else []
    state = hashlib.sha256(str(folder.resolve()).encode())
    for path in paths:
        status = path.stat()
        state.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return [str(path) for path in paths], classes, state.hexdigest()


def _files(folder):
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (pathlib.Path(root, name) for name in sorted(files) if not name.startswith("."))
