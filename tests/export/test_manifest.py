"""A bundle is what its manifest says, or it is refused with one line."""

import json
import os

import pytest

from kgan.errors import BundleError, UsageError
from kgan.export import verify
from kgan.export.manifest import check_files, read_manifest

pytestmark = pytest.mark.once


def edit(bundle, **changes):
    path = bundle / "kgan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def files(bundle):
    return json.loads((bundle / "kgan.json").read_text())["files"]


def test_whole_bundle(bundle):
    manifest = read_manifest(bundle)
    assert check_files(bundle, manifest) == 3
    assert manifest["inputs"][1].num_classes == 2
    assert manifest["image_shape"] == (4, 5, 1)


@pytest.mark.parametrize("name", ["generator.onnx", "reference.npz", "README.md"])
def test_changed_byte(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was changed"):
        verify(bundle)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret", "a/../../secret", "a//b", "./a", "C:/a", "..\\secret", "", "a/"]
)
def test_path_outside_the_folder(bundle, name):
    (bundle.parent / "secret").write_text("s")
    edit(bundle, files={**files(bundle), name: "0" * 64})
    with pytest.raises(BundleError, match="must list paths inside its folder"):
        verify(bundle)


def test_link_out_of_the_folder(bundle):
    (bundle / "README.md").rename(bundle.parent / "outside.md")
    os.symlink(bundle.parent / "outside.md", bundle / "README.md")
    with pytest.raises(BundleError, match="must hold files, not links"):
        verify(bundle)


def test_linked_folder(bundle):
    (bundle.parent / "elsewhere").mkdir()
    os.symlink(bundle.parent / "elsewhere", bundle / "saved_model")
    with pytest.raises(BundleError, match="must hold files, not links"):
        verify(bundle)


def test_missing_file(bundle):
    (bundle / "reference.npz").unlink()
    with pytest.raises(BundleError, match=r"misses reference\.npz"):
        verify(bundle)


def test_unknown_file(bundle):
    (bundle / "saved_model").mkdir()
    (bundle / "saved_model" / "extra.pb").write_text("x")
    with pytest.raises(BundleError, match=r"unlisted, saved_model/extra\.pb"):
        verify(bundle)


@pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 1}', "\xff"])
def test_damaged_manifest(bundle, text):
    (bundle / "kgan.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(BundleError, match="is damaged"):
        verify(bundle)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("inputs", [{"name": "z"}]),
        ("inputs", [{"name": "z", "shape": [3], "distribution": "cauchy"}]),
        ("image_shape", ["x"]),
        ("data_range", [1]),
        ("files", []),
        ("files", {"README.md": 3}),
        ("onnx", None),
    ],
)
def test_damaged_entry(bundle, key, value):
    edit(bundle, **{key: value})
    with pytest.raises(BundleError):
        verify(bundle)


def test_newer_format(bundle):
    edit(bundle, format_version=2)
    with pytest.raises(BundleError, match=r"format_version must be 1, .* has 2"):
        verify(bundle)


def test_no_bundle(tmp_path):
    with pytest.raises(UsageError, match=r"must be a folder that holds kgan\.json"):
        verify(tmp_path)
