"""Samples beside the training images nearest to them, against the suspicion of copying."""

import dataclasses

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas, tiles

# Bytes of training images that are held as float64 at a time.
_CHUNK = 32 << 20


@dataclasses.dataclass(frozen=True)
class NearestNeighbours:
    """The numbers of one figure. Distances are squared Euclidean ones of images with pixels from 0 to 1.

    Args:
        indices: the training image nearest to each sample, int64 `[samples]`; the first of equal ones.
        distances: how far it is, `[samples]`.
        heldout_indices: likewise for each held-out image, `[heldout]`, or None.
        heldout_distances: likewise, `[heldout]`, or None.
    """

    indices: np.ndarray
    distances: np.ndarray
    heldout_indices: np.ndarray | None = None
    heldout_distances: np.ndarray | None = None


def draw_nearest_neighbours(path, samples, train, heldout=None, *, rows=4, columns=5):
    """Draws rows of samples that end with the training image nearest to the last sample of the row.

    All of the training set is searched, for all samples, and a histogram of the distances is drawn beside it.
    Samples that are learnt by heart lie nearer to the training images than held-out images do, which are
    of the same law but were never seen.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        samples: uint8 `[n, height, width, channels]`, such as `model.sample(200, seed=0)`: random, not
            picked. The first `rows * columns` are shown, all are measured.
        train: the training set, a `kgan.data.Images` or a uint8 array `[m, height, width, channels]`.
        heldout: images not trained on, of the same two kinds, or None; a few hundred are enough.
        rows: of the sheet, >= 1.
        columns: samples in a row, >= 1.

    Returns:
        `NearestNeighbours`.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014, figure 2.

    Example:

    >>> import pathlib, tempfile
    >>> train = np.zeros((3, 8, 8, 1), "uint8")
    >>> train[1], train[2] = 255, 51
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "nearest.png"
    >>> found = draw_nearest_neighbours(path, np.zeros((1, 8, 8, 1), "uint8") + 102, train, rows=1, columns=1)
    >>> found.indices.tolist(), found.distances.round(6).tolist()
    ([2], [2.56])
    """
    canvas.check_png(path)
    for name, value in (("rows", rows), ("columns", columns)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}")
    samples = np.asarray(samples)
    shape = _image_shape("samples", samples)
    for name, images in (("train", train), ("heldout", heldout)):
        if images is not None and _image_shape(name, images) != shape:
            raise UsageError(f"{name} must be images of shape {shape}, got {_image_shape(name, images)}")
    if len(samples) < rows * columns:
        raise UsageError(f"samples must be at least {rows * columns}, one per place, got {len(samples)}")
    found = NearestNeighbours(*_nearest(samples, train))
    if heldout is not None:
        images = _rows(heldout, 0, _count(heldout))
        found = dataclasses.replace(
            found, **dict(zip(("heldout_indices", "heldout_distances"), _nearest(images, train)))
        )
    shown = samples[: rows * columns]
    last = found.indices[columns - 1 : rows * columns : columns]
    neighbours = np.concatenate([_rows(train, index, index + 1) for index in last])
    canvas.save(_figure(shown, neighbours, columns, found), path)
    return found


# The search.


def _image_shape(name, images):
    if not isinstance(images, np.ndarray):
        return tuple(images.image_shape)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise UsageError(
            f"{name} must be uint8 of shape [n >= 1, height, width, 1 or 3], "
            f"got {images.dtype} of shape {list(images.shape)}"
        )
    return images.shape[1:]


def _count(images):
    # The length of `Images` is in batches.
    return len(images) if isinstance(images, np.ndarray) else images.num_examples


def _rows(images, start, stop):
    return images[start:stop] if isinstance(images, np.ndarray) else images.uint8(range(start, stop))


def _nearest(queries, train):
    """(index, squared distance) of the training image nearest to each query; in float64 no sum is rounded."""
    chunk = max(1, _CHUNK // (8 * int(np.prod(queries.shape[1:]))))
    parts = [_nearest_of_part(queries[i : i + chunk], train, chunk) for i in range(0, len(queries), chunk)]
    indices, distances = (np.concatenate(part) for part in zip(*parts))
    return indices, distances / 255.0**2


def _nearest_of_part(queries, train, chunk):
    queries = _flat(queries)
    best = np.full(len(queries), np.inf)
    indices = np.zeros(len(queries), np.int64)
    for start in range(0, _count(train), chunk):
        images = _flat(_rows(train, start, min(start + chunk, _count(train))))
        # |q - x|^2 = |q|^2 - 2 q.x + |x|^2, one matrix product for all pairs
        distances = np.square(images).sum(axis=1) - 2.0 * (queries @ images.T)
        nearest = distances.argmin(axis=1)
        distance = np.take_along_axis(distances, nearest[:, None], axis=1)[:, 0]
        closer = distance < best
        best[closer], indices[closer] = distance[closer], start + nearest[closer]
    return indices, best + np.square(queries).sum(axis=1)


def _flat(images):
    return images.reshape(len(images), -1).astype("float64")


# What is drawn.


def _figure(shown, neighbours, columns, found):
    images = tiles.fitted(np.concatenate([shown, neighbours]))
    left, right = tiles.sheet(images[: len(shown)], columns), tiles.sheet(images[len(shown) :], 1)
    height = max(left.shape[0], 230)
    start = 10 + left.shape[1] + 12
    plot = start + right.shape[1] + 70
    figure = tiles.surface(plot + 330, height + 40)
    tiles.place(figure, left, 10, 28)
    tiles.place(figure, right, start, 28)
    tiles.write(figure, 10 + left.shape[1] / 2, 14, "samples")
    tiles.write(figure, start + right.shape[1] / 2, 14, "nearest")
    width, tall = figure.bbox.size
    axes = figure.add_axes((plot / width, 60 / tall, 310 / width, (height - 48) / tall))
    groups = [(np.sqrt(found.distances), {"color": canvas.FAKE, "alpha": 0.6, "label": "samples"})]
    if found.heldout_distances is not None:
        style = {"histtype": "step", "color": canvas.REAL, "lw": 1.5, "label": "held-out images"}
        groups.append((np.sqrt(found.heldout_distances), style))
    bins = np.linspace(0.0, max(values.max() for values, _ in groups) + 1e-9, 31)
    for values, style in groups:
        axes.hist(values, bins, weights=np.full(len(values), 100.0 / len(values)), **style)
    axes.set(xlabel="distance to the nearest training image", ylabel="% of them", xlim=(0.0, bins[-1]))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 0.97), ncols=2, frameon=False, fontsize=9)
    return figure
