"""Decoded once into an Arrow file of rows of one size, then read without decoding."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import sys
import threading
import weakref

import numpy as np

from kgan.data.decode import POLICY, is_grey, open_image, to_pixels
from kgan.errors import DataError

_DIGEST = 16
# Bytes of pixels per Arrow record batch: what decoding holds in memory at a time.
_BATCH_BYTES = 32 << 20
# Reads that leave the file's position alone: threads and forked processes share it.
_POSITIONED = hasattr(os, "preadv")
# PIL decodes and resizes outside the interpreter's lock, but on small files threads lose more than they gain
# (28x28 PNG: 20,000 images/s in one thread, 12,000 in two).
_LARGE_FILE = 8 << 10


class Pixels:
    """Rows of uint8 pixels in an Arrow file, read from their place in it.

    Memory does not grow with the number of rows. A mapped file would be read faster, by some 70 us a batch,
    but every page once touched counts as memory of the process until the system wants it back, and a file
    cut short under it ends the process without a message.

    Args:
        path: Arrow stream file with the columns "pixels" and "digest", as `decoded` writes it.
        shape: (height, width, channels) of each row.
    """

    def __init__(self, path, shape):
        import pyarrow as pa

        self.shape = shape
        self._path = path
        self._size = int(np.prod(shape))
        counts, starts, state = [], [], hashlib.sha256(repr(shape).encode())
        with pa.memory_map(str(path)) as source:
            whole = source.read_buffer()
            for batch in pa.ipc.open_stream(whole):
                rows = batch.column("pixels").flatten()
                counts.append(batch.num_rows)
                starts.append(rows.buffers()[1].address - whole.address + rows.offset)
                state.update(batch.column("digest").flatten().to_numpy())
        self.fingerprint = state.hexdigest()
        self._first = np.cumsum([0, *counts])
        self._starts = np.asarray(starts, dtype=np.int64)
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 (read from as long as this object lives)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def __len__(self):
        return int(self._first[-1])

    def take(self, rows):
        """Reads rows.

        Args:
            rows: int array of shape (n,), each in [0, len).

        Returns:
            uint8 array of shape (n, height, width, channels).

        Raises:
            DataError: the file has become shorter.
        """
        batch = np.searchsorted(self._first, rows, side="right") - 1
        offsets = self._starts[batch] + (rows - self._first[batch]) * self._size
        images = np.empty((len(rows), *self.shape), np.uint8)
        for offset, image in zip(offsets.tolist(), images):
            if self._read(offset, image) != self._size:
                raise DataError(f"the decoded images in {self._path} are cut short: delete that file")
        return images

    def _read(self, offset, image):
        if _POSITIONED:
            return os.preadv(self._file.fileno(), [image], offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.readinto(image)


def decoded(source, target):
    """The pixels of a data set, decoded at most once: the file lies in the cache of `datasets`.

    Args:
        source: a `kgan.data.sources.Source`.
        target: a `kgan.data.decode.Target`.

    Returns:
        `Pixels`, one row per row of the source.

    Raises:
        DataError: an image cannot be used, or the cache cannot be written.
    """
    import datasets.config
    import pyarrow as pa

    key = json.dumps([POLICY, source.fingerprint, source.column, *vars(target).values()])
    name = hashlib.sha256(key.encode()).hexdigest()[:32]
    path = pathlib.Path(datasets.config.HF_DATASETS_CACHE) / "kgan_images" / f"{name}.arrow"
    size = target.height * target.width * target.channels
    byte = datasets.Value("uint8")
    features = datasets.Features(
        pixels=datasets.Sequence(byte, length=size), digest=datasets.Sequence(byte, length=_DIGEST)
    )
    batch = max(1, min(1000, _BATCH_BYTES // size))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _progress(len(source.rows)) as advance:
            source.rows.select_columns([source.column]).with_format("arrow").map(
                lambda table, rows: _decode(table, rows, source, target, advance),
                with_indices=True,
                batched=True,
                batch_size=batch,
                writer_batch_size=batch,
                remove_columns=[source.column],
                features=features,
                cache_file_name=str(path),
                new_fingerprint=name,
            )
        pixels = Pixels(path, target.shape)
    except (OSError, pa.ArrowException) as error:
        # Arrow reports a malformed file as an OSError too, but without a number of the system.
        if getattr(error, "errno", None) is None:
            raise DataError(f"the decoded images in {path} are damaged: delete that file") from None
        raise DataError(f"cannot keep decoded images in {path.parent}: {error.strerror}") from None
    if len(pixels) != len(source.rows):
        raise DataError(f"{path} holds {len(pixels)} of the {len(source.rows)} images: delete that file")
    return pixels


def first_image(source):
    """(height, width, channels) of the first image of a data set.

    Raises:
        DataError: the data set is empty, or its first image is damaged.
    """
    if len(source.rows) == 0:
        raise DataError(f"{source.name} is empty")
    table = source.rows.select_columns([source.column]).with_format("arrow")[:1]
    file, name = _file(table[source.column][0].as_py(), 0, source)
    image = open_image(file, name)
    return image.height, image.width, 1 if is_grey(image) else 3


def _decode(table, rows, source, target, advance):
    """One batch of image files as a table of pixels and their digests."""
    import pyarrow as pa

    values = table[source.column].to_pylist()
    size = target.height * target.width * target.channels
    pixels = np.empty((len(rows), *target.shape), np.uint8)
    digests = np.empty((len(rows), _DIGEST), np.uint8)

    def work(part):
        for place in part:
            file, name = _file(values[place], rows[place], source)
            pixels[place] = to_pixels(open_image(file, name), target, name)
            digest = hashlib.blake2b(pixels[place].tobytes(), digest_size=_DIGEST).digest()
            digests[place] = np.frombuffer(digest, np.uint8)

    places = np.arange(len(rows))
    threads = min(16, os.cpu_count() or 1)
    if _bytes(values[0]) < _LARGE_FILE:
        work(places)
    else:
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, np.array_split(places, threads)))
    advance(len(rows))
    return pa.table(
        {
            "pixels": pa.FixedSizeListArray.from_arrays(pa.array(pixels.reshape(-1)), size),
            "digest": pa.FixedSizeListArray.from_arrays(pa.array(digests.reshape(-1)), _DIGEST),
        }
    )


def _file(value, row, source):
    """The content or path of an image file, and how errors call it."""
    if value is None or (value["bytes"] is None and value["path"] is None):
        raise DataError(f"row {row} of {source.name} has no image")
    if value["bytes"] is None:
        return value["path"], value["path"]
    inner = f" ({value['path']})" if value["path"] else ""
    return value["bytes"], f"row {row}{inner} of {source.name}"


def _bytes(value):
    if value and value["bytes"] is not None:
        return len(value["bytes"])
    return os.path.getsize(value["path"]) if value and value["path"] and os.path.isfile(value["path"]) else 0


@contextlib.contextmanager
def _progress(total):
    """Shows how far decoding is once it has taken two seconds, instead of the bars of `datasets`."""
    from datasets import utils
    from tqdm import tqdm

    hidden = utils.are_progress_bars_disabled()
    if not hidden:
        utils.disable_progress_bars()
    # One line every 10 s where nobody watches.
    interval = 0.5 if sys.stderr.isatty() else 10
    try:
        with tqdm(total=total, desc="decoding images", unit="", delay=2, mininterval=interval) as bar:
            yield bar.update
    finally:
        if not hidden:
            utils.enable_progress_bars()
