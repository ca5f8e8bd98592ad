import errno
import os
import pathlib

import datasets
import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kgan.data.pixels
from kgan.data import load_images
from kgan.data.pixels import Pixels
from kgan.errors import DataError

pytestmark = pytest.mark.once


def write(path, images, rows_per_batch):
    """An Arrow stream as `decoded` writes it, with digests of zeros."""
    with pa.OSFile(str(path), "wb") as file:
        writer = None
        for first in range(0, len(images), rows_per_batch):
            part = images[first : first + rows_per_batch]
            flat = pa.array(part.reshape(-1))
            digest = pa.array(np.zeros(16 * len(part), np.uint8))
            columns = [
                pa.FixedSizeListArray.from_arrays(flat, len(flat) // len(part)),
                pa.FixedSizeListArray.from_arrays(digest, 16),
            ]
            batch = pa.record_batch(columns, names=["pixels", "digest"])
            writer = writer or pa.ipc.new_stream(file, batch.schema)
            writer.write_batch(batch)
        writer.close()


@pytest.mark.parametrize("positioned", [True, False])
@pytest.mark.parametrize("rows_per_batch", [1, 4, 7, 100])
def test_rows_are_found_in_every_batch(tmp_path, rows_per_batch, positioned, monkeypatch):
    if not positioned:  # as on Windows
        monkeypatch.setattr(kgan.data.pixels, "_POSITIONED", False)
    images = np.random.default_rng(0).integers(0, 256, (23, 5, 3, 3), dtype=np.uint8)
    write(tmp_path / "pixels.arrow", images, rows_per_batch)
    pixels = Pixels(tmp_path / "pixels.arrow", (5, 3, 3))
    assert len(pixels) == 23
    for rows in (np.arange(23), np.array([22, 0, 0, 4, 7]), np.array([], dtype=np.int64)):
        np.testing.assert_array_equal(pixels.take(rows), images[rows])


def test_file_cut_short_is_named(tmp_path):
    path = tmp_path / "pixels.arrow"
    write(path, np.full((4, 2, 2, 1), 5, np.uint8), 2)
    pixels = Pixels(path, (2, 2, 1))
    os.truncate(path, 8)
    with pytest.raises(
        DataError, match=r"^the decoded images in .*pixels\.arrow are cut short: delete that file$"
    ):
        pixels.take(np.array([3]))


def resident():
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


@pytest.mark.skipif(
    not pathlib.Path("/proc/self/status").exists(), reason="reads the resident memory from /proc"
)
def test_memory_does_not_grow_with_the_file(tmp_path):
    path = tmp_path / "pixels.arrow"
    write(path, np.zeros((10_000, 64, 64, 3), np.uint8), 1000)
    assert path.stat().st_size > 110 << 20
    pixels = Pixels(path, (64, 64, 3))
    order = np.random.default_rng(0).permutation(len(pixels))
    largest = before = resident()
    for first in range(0, len(order), 32):
        pixels.take(order[first : first + 32])
        largest = max(largest, resident())
    assert largest - before < 20


def test_decoded_once(flat_images, monkeypatch):
    root = flat_images(levels=range(5))
    calls = []
    one = kgan.data.pixels.to_pixels
    monkeypatch.setattr(kgan.data.pixels, "to_pixels", lambda *arguments: calls.append(1) or one(*arguments))
    first = load_images(root, batch_size=2)
    again = load_images(root, batch_size=5, seed=3, shuffle=False)
    assert len(calls) == 5
    assert first.fingerprint == again.fingerprint
    load_images(root, image_size=4, batch_size=2)
    load_images(root, channels=3, batch_size=2)
    assert len(calls) == 15


def test_many_batches_and_threads(tmp_path, monkeypatch):
    # Large files are decoded by threads; small batches cross many record batches.
    monkeypatch.setattr(kgan.data.pixels, "_LARGE_FILE", 0)
    monkeypatch.setattr(kgan.data.pixels, "_BATCH_BYTES", 7 * 64)
    images = [PIL.Image.new("L", (8, 8), level) for level in range(40)]
    rows = datasets.Dataset.from_dict({"image": images}).cast_column("image", datasets.Image())
    rows.save_to_disk(tmp_path / "saved")
    loaded = load_images(tmp_path / "saved", batch_size=2)
    assert loaded.uint8(range(40))[:, 3, 3, 0].tolist() == list(range(40))


def test_fingerprint_is_that_of_the_content(tmp_path, flat_images):
    folder = load_images(flat_images(levels=range(6)), batch_size=2)
    images = [PIL.Image.new("L", (8, 8), level) for level in range(6)]
    rows = datasets.Dataset.from_dict({"image": images, "part": [0, 1, 2, 0, 1, 2]})
    rows.cast_column("image", datasets.Image()).save_to_disk(tmp_path / "saved")
    saved = load_images(tmp_path / "saved", batch_size=2)
    assert folder.fingerprint == saved.fingerprint
    assert load_images(tmp_path / "saved", label="part", batch_size=2).fingerprint != saved.fingerprint
    assert load_images(tmp_path / "saved", "train[:5]", batch_size=2).fingerprint != saved.fingerprint


@pytest.mark.parametrize("large", [False, True], ids=["inline", "threads"])
def test_bad_image_is_named_and_nothing_is_kept(flat_images, cache, large, monkeypatch):
    if large:
        monkeypatch.setattr(kgan.data.pixels, "_LARGE_FILE", 0)
    root = flat_images(levels=range(8))
    PIL.Image.effect_noise((8, 8), 50).save(root / "005.png")
    whole = (root / "005.png").read_bytes()
    (root / "005.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError) as caught:
        load_images(root, batch_size=2)
    assert str(caught.value).startswith(f"{root / '005.png'} is damaged or unreadable: ")
    assert caught.value.__suppress_context__
    assert list((cache / "kgan_images").iterdir()) == []
    (root / "005.png").write_bytes(whole)
    assert load_images(root, batch_size=2).num_examples == 8


def test_bad_row_is_named(tmp_path):
    image = {"bytes": b"not an image", "path": "cat.png"}
    features = datasets.Features(image=datasets.Image())
    datasets.Dataset.from_dict({"image": [image]}, features=features).save_to_disk(tmp_path / "bad")
    with pytest.raises(DataError, match=r"^row 0 \(cat\.png\) of .*bad \(train\) is no readable image: "):
        load_images(tmp_path / "bad", batch_size=1)
    for missing in (None, {"bytes": None, "path": None}):
        column = pa.array([missing], type=pa.struct({"bytes": pa.binary(), "path": pa.string()}))
        (tmp_path / "none").mkdir(exist_ok=True)
        pq.write_table(pa.table([column], schema=features.arrow_schema), tmp_path / "none/train.parquet")
        with pytest.raises(DataError, match=r"^row 0 of .*none \(train\) has no image$"):
            load_images(tmp_path / "none", batch_size=1)


def test_unlike_images_name_the_row(flat_images):
    root = flat_images(levels=[1, 2, 3], mode="RGB")
    PIL.Image.new("L", (8, 8), 9).save(root / "010.png")
    with pytest.raises(
        DataError, match=r"^.*010\.png is grey \(mode L\) in a data set whose first image is colour"
    ):
        load_images(root, batch_size=1)
    assert load_images(root, channels=3, batch_size=1).uint8([3])[0, 0, 0].tolist() == [9, 9, 9]
    assert load_images(root, channels=1, batch_size=1).image_shape == (8, 8, 1)
    PIL.Image.new("RGB", (9, 8), (7, 7, 7)).save(root / "010.png")
    with pytest.raises(DataError, match=r"^.*010\.png is 8x9 in a data set whose first image is 8x8"):
        load_images(root, batch_size=1)
    assert load_images(root, image_size=8, batch_size=1).uint8([3])[0, 0, 0].tolist() == [7, 7, 7]
    with pytest.raises(DataError, match=r"^.*001\.png is 8x8, smaller than the image_size 16x16"):
        load_images(root, image_size=16, batch_size=1)
    assert load_images(root, image_size=(16, 12), upscale=True, batch_size=1).image_shape == (16, 12, 3)


def test_disk_full_is_one_line(flat_images, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.Dataset, "map", full)
    with pytest.raises(
        DataError, match=r"^cannot keep decoded images in .*kgan_images: No space left on device$"
    ):
        load_images(flat_images(levels=[1]), batch_size=1)


def test_damaged_cache_is_named(flat_images, cache):
    root = flat_images(levels=range(5))
    load_images(root, batch_size=1)
    (file,) = (cache / "kgan_images").iterdir()
    file.write_bytes(b"\xff\xff\xff\xff" + b"\x10\x00\x00\x00" + bytes(100))
    with pytest.raises(DataError) as caught:
        load_images(root, batch_size=1)
    assert str(caught.value) == f"the decoded images in {file} are damaged: delete that file"
    assert "\n" not in str(caught.value)
