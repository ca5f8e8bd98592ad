"""Images for training, from the Hugging Face hub, local data sets and folders of image files; points."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgan.data.feature_store import FeatureStore
    from kgan.data.gaussians import Gaussians, gaussian_grid, gaussian_ring
    from kgan.data.image_subset import subset
    from kgan.data.images import Images, load_images
    from kgan.data.instance_selection import select_instances
    from kgan.data.neighbor_batches import NeighborBatches
    from kgan.data.scenes import scene_pairs
    from kgan.data.semi_supervised import FewLabels, few_labels
    from kgan.data.shapes import drawn_shapes
    from kgan.data.stacked import StackedDigits
    from kgan.data.tags import TagPairs, WordVectors, load_tags, synthetic_tags
    from kgan.data.unpaired import UnpairedImages, load_unpaired

_NAMES = {
    "FeatureStore": "feature_store",
    "FewLabels": "semi_supervised",
    "Gaussians": "gaussians",
    "Images": "images",
    "NeighborBatches": "neighbor_batches",
    "StackedDigits": "stacked",
    "TagPairs": "tags",
    "UnpairedImages": "unpaired",
    "WordVectors": "tags",
    "drawn_shapes": "shapes",
    "few_labels": "semi_supervised",
    "gaussian_grid": "gaussians",
    "gaussian_ring": "gaussians",
    "load_images": "images",
    "load_tags": "tags",
    "load_unpaired": "unpaired",
    "scene_pairs": "scenes",
    "select_instances": "instance_selection",
    "subset": "image_subset",
    "synthetic_tags": "tags",
}

__all__ = [
    "FeatureStore",
    "FewLabels",
    "Gaussians",
    "Images",
    "NeighborBatches",
    "StackedDigits",
    "TagPairs",
    "UnpairedImages",
    "WordVectors",
    "drawn_shapes",
    "few_labels",
    "gaussian_grid",
    "gaussian_ring",
    "load_images",
    "load_tags",
    "load_unpaired",
    "scene_pairs",
    "select_instances",
    "subset",
    "synthetic_tags",
]


# Decoding a picture for an exported bundle must not load Keras.
def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(f"kgan.data.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'kgan.data' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_NAMES])
