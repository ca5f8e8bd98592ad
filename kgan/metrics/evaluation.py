"""Scores of a generator in one pass over real images and samples, each with its protocol."""

import hashlib
import importlib
import json
import pathlib
import time
from typing import Any

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks
from kgan.metrics.features import NETWORKS, ONNXFeatures, default_network, shipped_networks
from kgan.metrics.protocol import Protocol, Result

# name: its class in kgan.metrics
METRICS = {
    "fid": "FID",
    "kid": "KID",
    "inception_score": "InceptionScore",
    "precision_recall": "PrecisionRecall",
    "density_coverage": "DensityCoverage",
    "sliced_wasserstein": "SlicedWasserstein",
    "ms_ssim": "MSSSIM",
    "parzen": "Parzen",
    "memorization": "Memorization",
}
# Samples of one seed. It does not depend on the batch size, so that this changes no image.
DRAW = 500


def evaluate(
    source,
    data,
    metrics=("fid", "kid"),
    *,
    extractor=None,
    n=None,
    real_n=None,
    seed=0,
    batch_size=64,
    mirror=False,
    heldout=None,
    conditions=None,
    data_name=None,
    split=None,
    progress=None,
):
    """Scores a generator against real images, in one pass over both.

    Memory holds what the metrics must keep (KID and precision keep features, pixel scores keep bytes) and
    one batch. The same seed scores the same images whether a model or its exported bundle makes them.

    Args:
        source: a kgan model, a `kgan.export.runtime.Generator`, or anything with `sample(n, seed=...)` that
            gives uint8 `[n, height, width, channels]`; or such an array.
        data: real images: what `kgan.data.load_images` gives, or a uint8 array.
        metrics: names among `METRICS`, or objects such as `kgan.metrics.KID(subsets=10)`.
        extractor: a feature network, see `kgan.metrics.ONNXFeatures`; default the one that ships with kgan,
            for 28x28 grey images.
        n: number of samples, default as many as real images.
        real_n: number of real images, chosen by the seed; default all.
        seed: int >= 0.
        batch_size: images in the feature network at a time, >= 1.
        mirror: whether each real image counts a second time, mirrored.
        heldout: real images that were not trained on, for metrics that compare with such; like `data`.
        conditions: dict of what `sample` is given besides, e.g. `{"truncation_psi": 0.7}`.
        data_name: where the data come from, for the protocol.
        split: their split, for the protocol.
        progress: called with (what, images seen, all images), see `ProgressLine`, or `None`.

    Returns:
        A list of `Result`, in the order of the metrics.

    Raises:
        UsageError: an unknown metric, an argument out of range, or an extractor without what a metric needs.
        DataError: too few images, images of another shape, or features that are not finite.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> reals, fakes = rng.integers(0, 256, (2, 300, 28, 28, 1), dtype=np.uint8)
    >>> [result] = evaluate(fakes, reals, ["fid"])
    >>> result.name, result.protocol.fake, result.value < 1000
    ('fid[fashion_mnist]', 300, True)
    """
    for name, value in (("batch_size", batch_size), ("n", n), ("real_n", real_n)):
        checks.count(name, 1 if value is None else value)
    seed = checks.count("seed", seed, 0)
    scores = chosen_metrics(metrics)
    reals = _Reals(data, real_n, seed)
    network = _network(scores, extractor, reals.shape)
    total = checks.count("n", _length(source, n, len(reals)))
    held = None if heldout is None else _Reals(heldout, None, seed)
    started = time.monotonic()
    _feed(scores, network, source, reals, held, total, seed, batch_size, mirror, conditions, progress)
    values = [(score, score.result()) for score in scores]
    seconds = time.monotonic() - started
    shared = {
        "fake": total,
        "mirror": bool(mirror),
        "truncation": (conditions or {}).get("truncation_psi"),
        # A bundle does not say, and an array cannot.
        "ema": source.average is not None if hasattr(source, "average") else None,
        "seed": seed,
    }
    origin = {"real": len(reals), "data": data_name, "split": split, "fingerprint": reals.fingerprint}
    results = []
    for score, found in values:
        of_reals = origin if score.needs_real else {**dict.fromkeys(origin), "real": 0}
        protocol = Protocol(
            metric=score.name,
            settings=json.loads(json.dumps(score.settings())),
            heldout=held.fingerprint if held and hasattr(score, "update_heldout") else None,
            **_of_network(score, network),
            **of_reals,
            **shared,
        )
        on = protocol.extractor or "pixels"
        for name, value in found.items():
            number, note = float(value.value), value.note
            results.append(Result(f"{name}[{on}]", number, value.std, protocol, seconds, note))
    return results


def _feed(scores, network, source, reals, held, total, seed, batch_size, mirror, conditions, progress):
    """Shows all images to the scores that want them."""
    wanting: list[Any] = [score for score in scores if score.needs_real]
    taking: list[Any] = [score for score in scores if hasattr(score, "update_heldout")] if held else []
    images_of_reals = reals if wanting else ()
    count = _Count(progress, len(images_of_reals) + (len(held) if taking else 0) + total)
    if wanting:
        for images in count.over("real images", reals.batches(batch_size)):
            _update([score.update_real for score in wanting], wanting, images, network, mirror)
    if taking:
        for images in count.over("held-out images", held.batches(batch_size)):
            _update([score.update_heldout for score in taking], taking, images, network)
    for images in draws(source, total, seed, conditions):
        _check_shape(images, reals.shape)
        parts = (images[start : start + batch_size] for start in range(0, len(images), batch_size))
        for part in count.over("samples", parts):
            _update([score.update_fake for score in scores], scores, part, network)


def chosen_metrics(metrics):
    """The one-pass objects of metrics.

    Args:
        metrics: names among `METRICS`, or such objects.

    Raises:
        UsageError: an unknown or repeated name, or none.

    Example:

    >>> [metric.name for metric in chosen_metrics(["fid", "ms_ssim"])]
    ['fid', 'ms_ssim']
    """
    metrics = [metrics] if isinstance(metrics, str) else list(metrics)
    found = []
    for metric in metrics:
        if isinstance(metric, str):
            if metric not in METRICS:
                raise UsageError(f"metrics must be among {', '.join(METRICS)}, got {metric!r}")
            metric = getattr(importlib.import_module("kgan.metrics"), METRICS[metric])()
        found.append(metric)
    names = [metric.name for metric in found]
    if not names or len(set(names)) < len(names):
        raise UsageError(f"metrics must be different ones, got {', '.join(names) or 'none'}")
    return found


def open_network(name_or_path, size=None):
    """A feature network by its name or file, as the command line names it.

    Args:
        name_or_path: one of `shipped_networks()`, `"inception_v3_keras"`, or an ONNX file.
        size: side of the network's images in pixels, where the file leaves it open.

    Raises:
        UsageError: there is no such network.
    """
    if name_or_path in shipped_networks():
        return ONNXFeatures(NETWORKS / f"{name_or_path}.onnx", size=size)
    if name_or_path == "inception_v3_keras":
        from kgan.metrics.keras_features import InceptionV3

        return InceptionV3()
    if pathlib.Path(name_or_path).suffix != ".onnx":
        known = ", ".join([*shipped_networks(), "inception_v3_keras"])
        raise UsageError(f"the extractor must be one of {known} or an .onnx file, got {name_or_path!r}")
    return ONNXFeatures(name_or_path, size=size)


def draws(source, n, seed=0, conditions=None):
    """Samples of a generator, `DRAW` of one seed at a time.

    Args:
        source: see `evaluate`.
        n: how many, >= 1.
        seed: int >= 0.
        conditions: dict of further arguments of `sample`.

    Returns:
        A generator of uint8 arrays `[at most DRAW, height, width, channels]`.

    Raises:
        DataError: an array holds fewer images.
    """
    if isinstance(source, np.ndarray):
        checks.enough("samples", len(source), n, f"n={n}")
        for start in range(0, n, DRAW):
            yield source[start : min(n, start + DRAW)]
        return
    for place, start in enumerate(range(0, n, DRAW)):
        state = np.random.SeedSequence([seed, place]).generate_state(1, np.uint32)
        yield np.asarray(source.sample(min(DRAW, n - start), seed=int(state[0]), **(conditions or {})))


class _Reals:
    """Real images by batches, from a data set or an array."""

    def __init__(self, data, n, seed):
        self._array = data if isinstance(data, np.ndarray) else None
        self._data: Any = data
        if self._array is not None:
            checks.pictures("real images", self._array)
            self.shape, have = self._array.shape[1:], len(self._array)
            self.fingerprint = hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()
        else:
            self.shape, have = tuple(self._data.image_shape), self._data.num_examples
            self.fingerprint = self._data.fingerprint
        self.rows = np.arange(have)
        if n is not None:
            checks.enough("real images", have, n, f"real_n={n}")
            self.rows = np.sort(np.random.default_rng(seed).permutation(have)[:n])

    def __len__(self):
        return len(self.rows)

    def batches(self, size):
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield self._data.uint8(rows) if self._array is None else self._array[rows]


class _Count:
    """Tells `progress` how many of all images were seen."""

    def __init__(self, progress, total):
        self.progress, self.total, self.done = progress, total, 0

    def over(self, what, batches):
        for images in batches:
            yield images
            self.done += len(images)
            if self.progress is not None:
                self.progress(what, self.done, self.total)


def _length(source, n, reals):
    if isinstance(source, np.ndarray):
        return len(source) if n is None else n
    if not hasattr(source, "sample"):
        raise UsageError(f"source must have sample(n, seed=...) or be an array, got {type(source).__name__}")
    return reals if n is None else n


def _network(scores, extractor, shape):
    """The feature network, or `None` where no score needs one."""
    needed = {name for score in scores for name in score.needs} & {"features", "logits"}
    if not needed:
        return None
    network = default_network(shape) if extractor is None else extractor
    missing = sorted(needed - network.outputs)
    if missing:
        wanting = [score.name for score in scores if score.needs & set(missing)]
        raise UsageError(
            f"the extractor must have the output {missing[0]!r} for {', '.join(wanting)}, "
            f"{network.name} has {', '.join(sorted(network.outputs))}"
        )
    return network


def _of_network(score, network):
    names = ("extractor", "digest", "output", "size", "resize")
    if not score.needs & {"features", "logits"}:
        return dict.fromkeys(names)
    return dict(zip(names, (network.name, network.digest, network.output, network.size, network.resize)))


def _check_shape(images, shape):
    if images.shape[1:] != tuple(shape):
        made, given = ("x".join(map(str, s)) for s in (images.shape[1:], shape))
        raise DataError(f"samples and real images must be of one shape, got {made} and {given}")


def _update(updates, scores, images, network, mirror=False):
    needed = {name for score in scores for name in score.needs}
    for shown in (images, images[:, :, ::-1]) if mirror else (images,):
        batch = {"images": shown}
        if needed & {"features", "logits"}:
            batch.update(network(np.ascontiguousarray(shown)))
        for update in updates:
            update(batch)
