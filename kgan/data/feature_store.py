"""Unit feature vectors of a data set's images and their exact nearest neighbours."""

import hashlib
import pathlib
import zipfile
from typing import Any

import numpy as np

from kgan.data import neighbors
from kgan.errors import DataError, UsageError
from kgan.files import replacing

_FORMAT = 1


def unit_features(features, name="features"):
    """Features divided by their length, as float32.

    Args:
        features: array `[n, d]`, any positive scale.
        name: how an error calls them.

    Returns:
        float32 array `[n, d]` of unit rows.

    Raises:
        DataError: a value is not finite, or a vector is zero, which has no direction.
        UsageError: another shape.

    Example:

    >>> unit_features(np.array([[3.0, 4.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    features = np.asarray(features)
    if features.ndim != 2 or 0 in features.shape:
        raise UsageError(f"{name} must be of shape [n >= 1, d >= 1], got {list(features.shape)}")
    wrong = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if wrong.size:
        raise DataError(f"{name} must be finite, row {wrong[0]} is not")
    # In float64, and first by the largest entry: the square of 1e-30 is no float32.
    largest = np.max(np.abs(features), axis=1).astype(np.float64)
    zero = np.flatnonzero(largest == 0.0)
    if zero.size:
        raise DataError(f"{name} must not be zero, which has no cosine with anything, row {zero[0]} is")
    units = np.empty(features.shape, np.float32)
    for start in range(0, len(features), 4096):
        rows = slice(start, start + 4096)
        part = features[rows] / largest[rows, None]
        units[rows] = part / np.sqrt(np.sum(np.square(part), axis=1, keepdims=True))
    return units


class FeatureStore:
    """The unit feature vector of every image of a data set, and each one's nearest other images.

    Args:
        features: array `[n, d]`; rows are divided by their length.
        extractor: what made the features, as `describe` says it: `"name digest"`, maybe `" 64x64"`.
        data: fingerprint of the images, in their order.
        mirrored: features `[n, d]` of the mirrored images, or `None`.

    Attributes:
        features: float32 unit rows `[n, d]`.
        mirrored: float32 unit rows `[n, d]` of the mirrored images, or `None`.

    Raises:
        UsageError: an argument breaks its rule.
        DataError: a feature vector is zero or not finite.

    Reference: Casanova et al., Instance-Conditioned GAN, 2021.

    Example:

    >>> store = FeatureStore(np.array([[2.0, 0.0], [3.0, 0.1], [0.0, 1.0]]))
    >>> indices, radii = store.neighbors(1)
    >>> indices.ravel().tolist(), store.hubs(1).tolist()
    ([1, 0, 1], [1, 2, 0])
    """

    def __init__(self, features, *, extractor="", data="", mirrored=None):
        self.features: Any = unit_features(features)
        self.mirrored: Any = None if mirrored is None else unit_features(mirrored, "mirrored features")
        if self.mirrored is not None and self.mirrored.shape != self.features.shape:
            raise UsageError(
                f"mirrored features must be of shape {list(self.features.shape)}, "
                f"got {list(self.mirrored.shape)}"
            )
        self.extractor, self.data = str(extractor), str(data)
        self._known = {}

    def __len__(self):
        return len(self.features)

    @classmethod
    def build(cls, images, extractor, *, mirrored=False, batch_size=64):
        """Runs an extractor over all images.

        Args:
            images: a `kgan.data.Images`, or uint8 `[n, height, width, channels]`.
            extractor: function of uint8 images to a dict with `"features"` `[n, d]`, such as
                `kgan.metrics.ONNXFeatures`, with the attributes `name` and `digest`.
            mirrored: whether the mirrored images are looked at as well, for feature augmentation.
            batch_size: images at a time, >= 1.

        Raises:
            DataError: a feature vector is zero or not finite.
        """
        count = len(images) if isinstance(images, np.ndarray) else images.num_examples
        take = images.__getitem__ if isinstance(images, np.ndarray) else images.uint8
        plain, flipped = [], []
        for start in range(0, count, batch_size):
            part = take(np.arange(start, min(start + batch_size, count)))
            plain.append(np.asarray(extractor(part)["features"]))
            if mirrored:
                flipped.append(np.asarray(extractor(np.ascontiguousarray(part[:, :, ::-1]))["features"]))
        return cls(
            np.concatenate(plain),
            extractor=describe(extractor),
            data=fingerprint(images),
            mirrored=np.concatenate(flipped) if mirrored else None,
        )

    def neighbors(self, k):
        """The k nearest other images of each image by cosine, the nearest first.

        Args:
            k: from 1 to n - 1.

        Returns:
            `(indices, radii)`: int64 `[n, k]`, and float32 `[n]`, the Euclidean distance of the unit
            vectors to the k-th neighbour, `sqrt(2 - 2 cos)`.

        Raises:
            UsageError: k out of range.
        """
        if k not in self._known:
            indices, cosines = neighbors.nearest_others(self.features, k)
            radii = np.sqrt(np.maximum(2.0 - 2.0 * cosines[:, -1], 0.0)).astype(np.float32)
            self._known[k] = indices, radii
        return self._known[k]

    def hubs(self, k):
        """In how many neighbourhoods each image is: the law of the real images in training, times n k.

        Args:
            k: from 1 to n - 1.

        Returns:
            int64 array `[n]`; `np.bincount` of it is the hub histogram.
        """
        return np.bincount(self.neighbors(k)[0].ravel(), minlength=len(self))

    def nearest(self, features, k=1):
        """The images nearest to given features.

        Args:
            features: array `[m, d]` of the same extractor.
            k: from 1 to n.

        Returns:
            int64 array `[m, k]`, the nearest first.

        Raises:
            UsageError: another number of features, or k out of range.
        """
        queries: Any = unit_features(features)
        if queries.shape[1] != self.features.shape[1]:
            raise UsageError(f"features must have {self.features.shape[1]} columns, got {queries.shape[1]}")
        return neighbors.nearest(queries, self.features, k)[0]

    def save(self, path):
        """Writes the features and every neighbourhood searched so far to an `.npz` file."""
        arrays: dict[str, Any] = {"features": self.features}
        if self.mirrored is not None:
            arrays["mirrored"] = self.mirrored
        for k, (indices, radii) in self._known.items():
            arrays |= {f"neighbors_{k}": indices, f"radii_{k}": radii}
        texts: dict[str, Any] = {"extractor": np.array(self.extractor), "data": np.array(self.data)}
        with replacing(path) as temporary:
            np.savez(temporary, format=np.array(_FORMAT), **texts, **arrays)

    @classmethod
    def load(cls, path, *, extractor=None, images=None):
        """Reads a store that `save` wrote.

        Args:
            path: the `.npz` file.
            extractor: the extractor in use, or its description; a store of another one is refused.
            images: the images in use; a store of other ones is refused.

        Raises:
            DataError: the file is no store, is damaged, or is of another extractor or of other images.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if arrays.pop("format").item() != _FORMAT:
                raise DataError(f"the feature store {path} must be of format {_FORMAT}")
            about = {key: str(arrays.pop(key)) for key in ("extractor", "data")}
            features, mirrored = arrays.pop("features"), arrays.pop("mirrored", None)
            known = {int(name[10:]): name[10:] for name in arrays if name.startswith("neighbors_")}
            known = {k: (arrays[f"neighbors_{t}"], arrays[f"radii_{t}"]) for k, t in known.items()}
        except FileNotFoundError:
            raise DataError(f"there is no feature store {path}") from None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} is no feature store, or it is damaged: {error}") from error
        store = cls(features, mirrored=mirrored, **about)
        # Not divided a second time: rounding would change the last bit.
        store.features, store.mirrored = features, mirrored
        store._known = {k: found for k, found in known.items() if store._fits(k, *found)}
        store.check(extractor, images, pathlib.Path(path).name)
        return store

    def _fits(self, k, indices, radii):
        count = len(self)
        right = indices.shape == (count, k) and radii.shape == (count,) and indices.dtype == np.int64
        return right and bool(((indices >= 0) & (indices < count)).all())

    def check(self, extractor=None, images=None, name="the feature store"):
        """Refuses features of another extractor or of other images.

        Args:
            extractor: the extractor in use, its description, or `None` for any.
            images: the images in use, or `None` for any.
            name: how an error calls the store.

        Raises:
            DataError: the store is of another extractor or of other images.
        """
        wanted = None if extractor is None else describe(extractor)
        if wanted is not None and wanted != self.extractor:
            raise DataError(
                f"{name} must be made by the extractor {short(wanted)}, it is of {short(self.extractor)}"
            )
        if images is not None and fingerprint(images) != self.data:
            raise DataError(f"{name} must be of the images in use, it is of others")


def describe(extractor):
    """What identifies an extractor: its name, digest and image size; a text is taken as it is."""
    if isinstance(extractor, str):
        return extractor
    size = getattr(extractor, "size", None)
    return f"{extractor.name} {extractor.digest}" + (f" {size[0]}x{size[1]}" if size else "")


def fingerprint(images):
    """What identifies images in their order."""
    if isinstance(images, np.ndarray):
        state = hashlib.sha256(repr((images.shape, images.dtype.str)).encode())
        state.update(np.ascontiguousarray(images).data)
        return state.hexdigest()
    return images.fingerprint


def short(description):
    """An extractor's description for an error: the digest is cut to 12 digits."""
    name, *rest = description.split(" ")
    return f"{name} ({', '.join(text[:12] for text in rest)})" if rest else name or "unnamed"
