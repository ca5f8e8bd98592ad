"""The manifest `kgan.json` of a bundle, and the check of a bundle's files; imports no framework."""

import hashlib
import json
import pathlib

from kgan.errors import BundleError, UsageError
from kgan.types import Input

FORMAT_VERSION = 1
NAME = "kgan.json"
ONNX = "generator.onnx"
SAVED_MODEL = "saved_model"
REFERENCE = "reference.npz"
REFERENCES = (REFERENCE, "reference_other_size.npz")
CONDITIONS = "conditions.npz"
# Of a style-based generator, whose two halves are graphs of their own.
MAPPING = "mapping.onnx"
SYNTHESIS = "synthesis.onnx"
STYLES = "styles.npz"
STYLE_REFERENCE = "reference_styles.npz"
_KEYS = {
    "format_version": int,
    "system": str,
    "inputs": list,
    "image_shape": list,
    "data_range": list,
    "formats": list,
    "verification": dict,
    "files": dict,
}


def write_manifest(folder, content):
    """Writes `kgan.json` with the SHA-256 of every other file of the folder.

    Args:
        folder: the bundle's folder, complete but for the manifest.
        content: what the manifest says besides `format_version` and `files`.
    """
    folder = pathlib.Path(folder)
    files = {name: sha256((folder / name).read_bytes()) for name in sorted(_files(folder))}
    text = json.dumps({"format_version": FORMAT_VERSION, **content, "files": files}, indent=2)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder):
    """Reads a bundle's `kgan.json`.

    Args:
        folder: a bundle, as `kgan.export.export` writes it.

    Returns:
        The manifest's content as a dict; `"inputs"` holds `kgan.types.Input`s.

    Raises:
        UsageError: the folder is no bundle.
        BundleError: the manifest is damaged, names a file outside the folder, or is of a newer kgan.
    """
    path = pathlib.Path(folder) / NAME
    if not path.is_file():
        raise UsageError(f"a bundle must be a folder that holds {NAME}, got {folder}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise BundleError(f"{path} is damaged: it must hold an object, got {type(content).__name__}")
    for key, kind in _KEYS.items():
        if not isinstance(content.get(key), kind):
            raise BundleError(f"{path} is damaged: {key} must be of type {kind.__name__}")
    if "onnx" in content["formats"] and not isinstance(content.get("onnx"), dict):
        raise BundleError(f"{path} is damaged: onnx must be of type dict")
    for key in ("translation", "style"):
        if not isinstance(content.get(key), dict | None):
            raise BundleError(f"{path} is damaged: {key} must be of type dict")
    if content["format_version"] != FORMAT_VERSION:
        raise BundleError(f"format_version must be {FORMAT_VERSION}, {path} has {content['format_version']}")
    try:
        content["inputs"] = tuple(Input(**item) for item in content["inputs"])
        content["image_shape"] = tuple(None if n is None else int(n) for n in content["image_shape"])
        low, high = (float(v) for v in content["data_range"])
    except (TypeError, KeyError, ValueError) as error:
        raise BundleError(f"{path} is damaged: {error}") from error
    content["data_range"] = (low, high)
    for name in content["files"]:
        _check_name(name)
    return content


def check_files(folder, manifest):
    """Checks that a bundle holds the files of its manifest, unchanged, and no others.

    Args:
        folder: the bundle.
        manifest: what `read_manifest` returned.

    Returns:
        The number of files.

    Raises:
        BundleError: a file is missing, unknown, changed, or outside the folder.
    """
    folder = pathlib.Path(folder)
    listed = manifest["files"]
    present = _files(folder) - {NAME}
    for problem, names in (("misses", set(listed) - present), ("holds, unlisted,", present - set(listed))):
        if names:
            raise BundleError(f"the bundle {folder} {problem} {', '.join(sorted(names))}")
    for name in listed:
        read_checked(folder, manifest, name)
    return len(listed)


def read_checked(folder, manifest, name):
    """The bytes of one file of a bundle, whose SHA-256 must be that of the manifest.

    Args:
        folder: the bundle.
        manifest: what `read_manifest` returned.
        name: the file's path in the bundle.

    Raises:
        BundleError: the file is missing, changed, a link, or not in the manifest.
    """
    _check_name(name)
    path = pathlib.Path(folder)
    if name not in manifest["files"]:
        raise BundleError(f"{path / NAME} does not list {name}")
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise BundleError(f"a bundle must hold files, not links, got {path}")
    if not path.is_file():
        raise BundleError(f"the bundle {folder} misses {name}")
    content = path.read_bytes()
    if sha256(content) != manifest["files"][name]:
        raise BundleError(f"{path} was changed: its SHA-256 is not that of {NAME}")
    return content


def sha256(content):
    """The SHA-256 of bytes as a hexadecimal string."""
    return hashlib.sha256(content).hexdigest()


def _check_name(name):
    """Refuses a listed path that is not a plain path inside the folder."""
    parts = name.split("/")
    # A backslash or a colon is part of a name here, and leads elsewhere on another system.
    if "" in parts or "." in parts or ".." in parts or "\\" in name or ":" in name or "\0" in name:
        raise BundleError(f"{NAME} must list paths inside its folder, got {name!r}")


def _files(folder):
    """The paths of all files below a folder, relative and with slashes; links are refused, not followed."""
    found = set()
    for path in folder.iterdir():
        if path.is_symlink():
            raise BundleError(f"a bundle must hold files, not links, got {path}")
        if path.is_dir():
            found |= {f"{path.name}/{name}" for name in _files(path)}
        else:
            found.add(path.name)
    return found
