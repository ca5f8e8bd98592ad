"""Instances beside their neighbours and the images made of them, one panel for each model and data set."""

import dataclasses

import numpy as np

from kgan.errors import UsageError
from kgan.figures import canvas, tiles

# Pixels between the three parts of a panel, between panels, and of the words above.
_GAP, _MARGIN, _TITLE = 8, 14, 34


@dataclasses.dataclass(frozen=True)
class InstancePanel:
    """Some rows of one instance, its neighbours, and samples of it.

    Args:
        title: above the panel.
        instances: uint8 `[rows, height, width, channels]`.
        neighbors: uint8 `[rows, k, height, width, channels]`, the nearest first.
        samples: uint8 `[rows, m, height, width, channels]`.
    """

    title: str
    instances: np.ndarray
    neighbors: np.ndarray
    samples: np.ndarray


def instance_panel(title, model, images, store, chosen, *, neighbors=3, samples=5, seed=0, labels=None):
    """Samples of given instances, beside the images themselves and their neighbours.

    Args:
        title: above the panel.
        model: an `InstanceConditionedGAN`, or the runtime of its bundle.
        images: what the store describes, a `kgan.data.Images` or uint8 `[n, height, width, channels]`: the
            data of the training, or others, which transfers the model to them.
        store: `kgan.data.FeatureStore` of these images, by the model's extractor.
        chosen: places of the instances, int `[rows]`.
        neighbors: how many are shown, >= 1.
        samples: images made of each instance, >= 1.
        seed: int >= 0; the same noise in each row.
        labels: for a model with classes: int `[rows]`, the class asked for in each row.

    Returns:
        `InstancePanel`.

    Raises:
        UsageError: a place out of range, or a number below 1.
    """
    chosen = np.asarray(chosen)
    if chosen.ndim != 1 or not len(chosen) or chosen.min() < 0 or chosen.max() >= len(store):
        raise UsageError(f"instances must be places from 0 to {len(store) - 1}, got {chosen.tolist()}")
    for name, value in (("neighbors", neighbors), ("samples", samples)):
        if value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}")
    take = images.__getitem__ if isinstance(images, np.ndarray) else images.uint8
    near = store.neighbors(neighbors)[0][chosen]
    made = []
    for row, place in enumerate(chosen):
        given = {} if labels is None else {"label": np.full(samples, labels[row], np.int32)}
        features = np.repeat(store.features[place][None], samples, axis=0)
        made.append(model.sample(samples, seed=seed, instance=features, **given))
    return InstancePanel(title, take(chosen), np.stack([take(places) for places in near]), np.stack(made))


def draw_instances(path, panels, columns=2):
    """Draws panels of instance, neighbours and samples: the overview of an instance-conditioned model.

    Four panels show it whole: without labels and with them, each on its own data and on others.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        panels: list of `InstancePanel` of images of one shape.
        columns: panels side by side, >= 1.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Casanova et al., Instance-Conditioned GAN, 2021.

    Example:

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "instances.png"
    >>> rows = np.zeros((2, 8, 8, 3), "uint8")
    >>> draw_instances(path, [InstancePanel("own data", rows, rows[:, None], rows[:, None])])
    >>> path.exists()
    True
    """
    canvas.check_png(path)
    if not panels or columns < 1:
        raise UsageError(f"panels and columns must be at least 1, got {len(panels)} and {columns}")
    shapes = sorted({part.shape[-3:] for panel in panels for part in _parts(panel)})
    if len(shapes) != 1:
        raise UsageError(f"all images must be of one shape, got {shapes}")
    pictures = _pictures(panels, shapes[0])
    width = max(picture.shape[1] for picture in pictures)
    height = max(picture.shape[0] for picture in pictures)
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = tiles.surface(
        columns * (width + _MARGIN) + _MARGIN, rows * (height + _TITLE + _MARGIN) + _MARGIN
    )
    for number, (panel, picture) in enumerate(zip(panels, pictures)):
        left = _MARGIN + (number % columns) * (width + _MARGIN)
        top = _MARGIN + (number // columns) * (height + _TITLE + _MARGIN)
        tiles.write(figure, left, top + 8, panel.title, ha="left", fontsize=10)
        tiles.write(
            figure, left, top + 25, "instance, neighbours, samples", ha="left", fontsize=7, color="0.4"
        )
        tiles.place(figure, picture, left, top + _TITLE)
    canvas.save(figure, path)


def _parts(panel):
    return panel.instances[:, None], panel.neighbors, panel.samples


def _pictures(panels, shape):
    """Each panel's three sheets side by side, all images magnified alike."""
    parts = [part for panel in panels for part in _parts(panel)]
    flat = tiles.fitted(np.concatenate([part.reshape(-1, *shape) for part in parts]))
    sheets, start = [], 0
    for part in parts:
        count = part.shape[0] * part.shape[1]
        sheets.append(tiles.sheet(flat[start : start + count], part.shape[1]))
        start += count
    pictures = []
    for first in range(0, len(sheets), 3):
        gap = np.full((sheets[first].shape[0], _GAP, 3), 255, np.uint8)
        own, near, made = sheets[first : first + 3]
        pictures.append(np.concatenate([own, gap, near, gap, made], axis=1))
    return pictures
