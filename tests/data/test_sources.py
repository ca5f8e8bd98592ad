import json
import os
import socket
import sys

import datasets
import huggingface_hub.constants
import numpy as np
import PIL.Image
import pytest

from kgan.data import load_images
from kgan.data.sources import open_source
from kgan.errors import DataError, KganError, MissingExtraError, UsageError

pytestmark = pytest.mark.once


def levels(images):
    """The grey level of each image of one colour, in the order of the source."""
    return images.uint8(range(images.num_examples))[:, 0, 0, 0].tolist()


def rows(n, **columns):
    images = [PIL.Image.new("L", (8, 8), level) for level in range(n)]
    return datasets.Dataset.from_dict({"image": images, **columns}).cast_column("image", datasets.Image())


def one_line(caught):
    assert "\n" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return str(caught.value)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_parquet_folder(tmp_path):
    rows(6).to_parquet(tmp_path / "train-00000-of-00001.parquet")
    rows(4).to_parquet(tmp_path / "test-00000-of-00001.parquet")
    assert levels(load_images(tmp_path, batch_size=2)) == list(range(6))
    assert levels(load_images(str(tmp_path), "test", batch_size=2)) == list(range(4))
    assert levels(load_images(tmp_path, "train[2:4]", batch_size=2)) == [2, 3]


@pytest.mark.parametrize("whole", [True, False], ids=["dict", "split"])
def test_saved_to_disk(tmp_path, whole, no_network):
    saved = datasets.DatasetDict(train=rows(5), test=rows(3)) if whole else rows(5)
    saved.save_to_disk(tmp_path / "saved")
    for path in (tmp_path / "saved").rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    assert levels(load_images(tmp_path / "saved", batch_size=2)) == list(range(5))
    assert levels(load_images(tmp_path / "saved", "train[1:4]", batch_size=2)) == [1, 2, 3]
    assert levels(load_images(tmp_path / "saved", "train[-2:]", batch_size=2)) == [3, 4]
    with pytest.raises(UsageError, match="Unknown split"):
        load_images(tmp_path / "saved", "validation")


def test_image_folder(flat_images, no_network):
    root = flat_images(levels=[3, 1, 2])
    (root / "notes.txt").write_text("not an image")
    (root / ".hidden.png").write_text("not an image either")
    images = load_images(root, batch_size=2)
    assert levels(images) == [1, 2, 3]
    assert images.image_shape == (8, 8, 1)
    assert levels(load_images(root, "train[:2]", batch_size=2)) == [1, 2]


def test_image_folder_with_splits_and_classes(flat_images):
    flat_images("set/train/dog", levels=[1, 2])
    flat_images("set/train/cat/kittens", levels=[3])
    root = flat_images("set/test/dog", levels=[4]).parents[1]
    train = load_images(root, label="label", batch_size=1)
    assert levels(train) == [3, 1, 2]
    assert train.labels.tolist() == [0, 1, 1]
    assert train.class_names == ["cat", "dog"]
    test = load_images(root, "test", label="label", batch_size=1)
    assert test.labels.tolist() == [1]
    assert test.class_names == ["cat", "dog"]
    with pytest.raises(UsageError, match=r"Unknown split .?validation"):
        load_images(root, "validation")


def test_images_outside_class_folders_have_no_labels(flat_images):
    flat_images("set/dog", levels=[1, 2])
    root = flat_images("set/cat", levels=[3]).parent
    PIL.Image.new("L", (8, 8), 9).save(root / "stray.png")
    assert load_images(root, batch_size=1).num_examples == 4
    with pytest.raises(UsageError, match=r"label column 'label' is not in .*set \(train\): it has image \("):
        load_images(root, label="label", batch_size=1)


def test_changed_files_are_decoded_again(flat_images):
    root = flat_images(levels=[1, 2])
    before = load_images(root, batch_size=1)
    PIL.Image.new("L", (8, 8), 77).save(root / "002.png")
    os.utime(root / "002.png", (1, 1))
    after = load_images(root, batch_size=1)
    assert (levels(before), levels(after)) == ([1, 2], [1, 77])
    assert before.fingerprint != after.fingerprint


def test_metadata_folder_is_read_by_datasets(flat_images):
    root = flat_images(levels=[1, 2])
    lines = [json.dumps({"file_name": f"00{level}.png", "size": 4 + level}) for level in (1, 2)]
    (root / "metadata.jsonl").write_text("\n".join(lines))
    images = load_images(root, label="size", batch_size=1)
    assert levels(images) == [1, 2]
    assert images.labels.tolist() == [5, 6]
    assert images.class_names is None


def test_only_image_column_is_taken(tmp_path):
    rows(3, answer=[1, 2, 3]).rename_column("image", "img").save_to_disk(tmp_path / "saved")
    images = load_images(tmp_path / "saved", label="answer", batch_size=1)
    assert levels(images) == [0, 1, 2]
    assert images.labels.dtype == np.int32


def test_missing_image_column(tmp_path):
    datasets.Dataset.from_dict({"text": ["a", "b"], "number": [1, 2]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError) as caught:
        load_images(tmp_path / "saved")
    assert one_line(caught).endswith(
        "must have a column 'image' of type Image: it has text (string), number (int64)"
    )


def test_label_column_rules(tmp_path):
    rows(3, name=["a", "b", "c"], part=[1, None, 2]).save_to_disk(tmp_path / "saved")
    with pytest.raises(
        UsageError, match=r"label column 'kind' is not in .*: it has image .*, name \(string\), part"
    ):
        load_images(tmp_path / "saved", label="kind", batch_size=1)
    with pytest.raises(UsageError, match=r"label column 'name' .* must be a ClassLabel or integers"):
        load_images(tmp_path / "saved", label="name", batch_size=1)
    with pytest.raises(DataError, match=r"^row 1 of .* has no 'part'$"):
        load_images(tmp_path / "saved", label="part", batch_size=1)


def test_empty_sources(tmp_path, no_network):
    with pytest.raises(DataError) as caught:
        load_images(tmp_path)
    assert one_line(caught).startswith(f"{tmp_path} holds no images: neither .png")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match="holds no images"):
        load_images(tmp_path)
    (tmp_path / "saved").mkdir()
    rows(3).select([]).to_parquet(tmp_path / "saved/train.parquet")
    with pytest.raises(DataError, match=r"saved.*(is empty|no data|no examples)"):
        load_images(tmp_path / "saved")


def test_unknown_split(tmp_path):
    rows(3).to_parquet(tmp_path / "train-00000-of-00001.parquet")
    for split in ("test", "train[:", "train[a:b]"):
        with pytest.raises(UsageError) as caught:
            load_images(tmp_path, split)
        assert one_line(caught).startswith(f"cannot read {tmp_path} ({split}): Un")


def test_damaged_parquet(tmp_path):
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(DataError) as caught:
        load_images(tmp_path)
    assert one_line(caught).startswith(f"cannot read {tmp_path} (train): ")


@pytest.mark.parametrize(
    "source", ["./missing", "missing/deeper/still", "/missing", "~/missing-folder", "C:\\missing"]
)
def test_missing_path_is_not_looked_up(source, no_network):
    with pytest.raises(UsageError) as caught:
        load_images(source)
    assert one_line(caught) == f"there is no folder {source}"


def test_missing_folder_beside_existing_ones_is_not_looked_up(tmp_path, monkeypatch, no_network):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(UsageError, match=r"^there is no folder pictures/cats$"):
        load_images("pictures/cats")
    with pytest.raises(UsageError, match=r"^there is no folder "):
        load_images(tmp_path / "cats")


def test_file_and_nonsense_as_source(flat_images):
    root = flat_images(levels=[1])
    with pytest.raises(UsageError, match=r"^source must be a hub id or a folder, got the file .*001\.png$"):
        load_images(root / "001.png")
    with pytest.raises(UsageError, match=r"^source must be .* got 7, 'train'$"):
        load_images(7)
    with pytest.raises(UsageError, match=r"got .*, 3$"):
        load_images(root, 3)


def test_unreachable_hub_is_one_line(monkeypatch):
    def unknown(*arguments, **options):
        raise socket.gaierror(-2, "Name or service not known")

    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for module in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
    with pytest.raises(DataError) as caught:
        load_images("kgan-tests/not-there")
    assert one_line(caught).startswith(
        "cannot read kgan-tests/not-there: there is no such folder, it is not in the "
    )
    assert not datasets.config.HF_HUB_OFFLINE
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_hub_id_is_asked_for(monkeypatch):
    asked = []

    def load_dataset(source, split):
        asked.append((source, split))
        return rows(3)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: [])
    assert levels(load_images("someone/pictures", "test", batch_size=1)) == [0, 1, 2]
    assert asked == [("someone/pictures", "test")]


def test_missing_package_names_the_extra(flat_images, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        MissingExtraError, match=r"^datasets is not installed: run `pip install 'kgan\[data\]'`$"
    ):
        load_images(flat_images(levels=[1]))


def test_progress_bars_are_left_as_they_were(flat_images, capfd):
    root = flat_images(levels=[1, 2])
    before = datasets.utils.are_progress_bars_disabled()
    load_images(root, batch_size=1)
    assert datasets.utils.are_progress_bars_disabled() == before
    assert capfd.readouterr().err == ""


def test_errors_of_the_project_are_value_errors():
    with pytest.raises(KganError) as caught:
        open_source("./missing", "train")
    assert isinstance(caught.value, ValueError)
    assert caught.value.exit_code == 2
