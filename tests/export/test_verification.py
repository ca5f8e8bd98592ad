"""`verify` repeats the comparison with the stored reference."""

import importlib.util
import json

import numpy as np
import pytest

from kgan.errors import BundleError
from kgan.export import verify
from kgan.export.manifest import write_manifest
from kgan.export.verification import compare
from kgan.types import to_uint8

pytestmark = pytest.mark.once


def rewrite(bundle, **changes):
    """Changes the reference's arrays, and the manifest's hashes with them."""
    with np.load(bundle / "reference.npz") as file:
        arrays = {**{name: file[name] for name in file.files}, **changes}
    np.savez(bundle / "reference.npz", **{name: value for name, value in arrays.items() if value is not None})
    content = json.loads((bundle / "kgan.json").read_text())
    (bundle / "kgan.json").unlink()
    write_manifest(bundle, {key: content[key] for key in content if key not in ("files", "format_version")})


def reference(bundle):
    with np.load(bundle / "reference.npz") as file:
        return file["images_float"]


def test_report(bundle):
    report = verify(bundle)
    assert report.files == 3
    assert 0 < report.errors["onnx"]["float"] < 1e-6
    assert report.errors["onnx"]["uint8"] <= 1
    assert "3 files unchanged" in str(report)


def test_float_difference(bundle):
    images = reference(bundle)
    images[7, 0, 0, 0] += 2e-4
    rewrite(bundle, images_float=images)
    with pytest.raises(BundleError, match=r"must differ .* by at most 0.0001 \(float\), got 0.0002"):
        verify(bundle)


def test_values_beyond_the_range_are_compared_by_their_size():
    expected = np.linspace(-20.0, 20.0, 8 * 12, dtype="float32").reshape(8, 2, 2, 3)
    for step, passes in ((1e-3, True), (3e-3, False)):
        made = {"images": to_uint8(expected), "images_float": expected + np.float32(step)}
        if passes:
            assert compare("it", made, expected, (-1.0, 1.0))["float"] == pytest.approx(step / 20, rel=1e-2)
            continue
        with pytest.raises(BundleError, match=r"at most 0.0001 \(float\), got 0.00015"):
            compare("it", made, expected, (-1.0, 1.0))


def test_not_a_number(bundle):
    images = reference(bundle)
    images[0] = np.nan
    rewrite(bundle, images_float=images)
    with pytest.raises(BundleError, match="finite"):
        verify(bundle)


def test_another_shape(bundle):
    rewrite(bundle, images_float=reference(bundle)[:, :3])
    with pytest.raises(BundleError, match=r"of shape \[8, 4, 5, 1\], the Keras generator \[8, 3, 5, 1\]"):
        verify(bundle)


def test_missing_array(bundle):
    rewrite(bundle, input_z=None)
    with pytest.raises(BundleError, match="must hold input_z, input_label, images_float"):
        verify(bundle)


def test_inputs_of_another_graph(bundle):
    rewrite(bundle, input_z=np.zeros((8, 4), "float32"))
    with pytest.raises(BundleError, match="onnxruntime cannot run"):
        verify(bundle)


def test_pickled_arrays_are_refused(bundle):
    rewrite(bundle, input_z=np.array([{}] * 8))
    with pytest.raises(BundleError, match="is damaged"):
        verify(bundle)


def test_saved_model_without_tensorflow(bundle, monkeypatch):
    path = bundle / "kgan.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "formats": ["onnx", "saved_model"]}))
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "tensorflow" else find(name, *more)
    )
    report = verify(bundle)
    assert report.left_out == {"saved_model": "tensorflow is not installed"}
    assert "saved_model: not run, tensorflow is not installed" in str(report)
