"""How near translated images come to their true partners, which the training never saw as pairs."""

import numpy as np

from kgan.errors import DataError, UsageError
from kgan.metrics import checks

_ORDERS = 10


def paired_scores(made, inputs, truth, extractor=None, *, seed=0, batch_size=64):
    """Mean distances to the true images: of translations, of the untouched inputs, and of shuffled pairs.

    A translation that helps lies below the untouched input; one that keeps what an image shows lies below the
    shuffled pairs, which are translations beside the true partners of others.

    Args:
        made: translations, uint8 `[n >= 2, height, width, channels]`.
        inputs: what they were made from, likewise; left out of the scores where its shape is another one.
        truth: the true partners of the inputs, likewise.
        extractor: a feature network such as `kgan.metrics.ONNXFeatures`, or `None` for pixels alone.
        seed: int >= 0 of the shuffled pairs, of which there are ten for each image, or n - 1.
        batch_size: images in the feature network at a time, >= 1.

    Returns:
        Dict of `"l1"`, mean absolute difference of pixels in [0, 1], and with an extractor of
        `"features[NAME]"`, mean of 1 - cosine between features, to dicts of `"output"`, `"input"` and
        `"shuffled"`.

    Raises:
        UsageError: an argument breaks its rule.
        DataError: images of another type or shape, or of different numbers.

    Example:

    >>> truth = np.arange(3, dtype="uint8").reshape(3, 1, 1, 1) * np.full((1, 4, 4, 1), 51, "uint8")
    >>> scores = paired_scores(truth, 0 * truth, truth)["l1"]
    >>> [round(scores[name], 3) for name in ("output", "input", "shuffled")]
    [0.0, 0.2, 0.267]
    """
    checks.count("batch_size", batch_size)
    groups = {"made": made, "inputs": inputs, "truth": truth}
    groups = {name: checks.pictures(name, images) for name, images in groups.items()}
    if len({len(images) for images in groups.values()}) > 1 or len(truth) < 2:
        sizes = {name: len(images) for name, images in groups.items()}
        raise DataError(f"made, inputs and truth must be the same number of images, at least 2, got {sizes}")
    if groups["made"].shape != groups["truth"].shape:
        raise DataError(f"made must have the shape of truth, {truth.shape}, got {made.shape}")
    if seed < 0:
        raise UsageError(f"seed must be at least 0, got {seed}")
    if groups["inputs"].shape != groups["truth"].shape:
        del groups["inputs"]
    scores = {"l1": _distances(groups, _absolute, seed)}
    if extractor is not None:
        features = {name: _features(x, extractor, batch_size) for name, x in groups.items()}
        scores[f"features[{extractor.name}]"] = _distances(features, _cosine, seed)
    return scores


def _distances(groups, distance, seed):
    made, truth = groups["made"], groups["truth"]
    found = {"output": float(np.mean(distance(made, truth)))}
    if "inputs" in groups:
        found["input"] = float(np.mean(distance(groups["inputs"], truth)))
    # Steps around a random circle: no image meets its own partner.
    circle = np.random.default_rng(seed).permutation(len(made))
    steps = range(1, min(_ORDERS, len(made) - 1) + 1)
    others = [np.mean(distance(made[circle], truth[np.roll(circle, step)])) for step in steps]
    return {**found, "shuffled": float(np.mean(others))}


def _absolute(a, b):
    return np.abs(a.astype(np.int16) - b).reshape(len(a), -1).mean(axis=1) / 255.0


def _cosine(a, b):
    return 1.0 - np.sum(a * b, axis=1)


def _features(images, extractor, batch_size):
    """Features of unit length, float64."""
    parts = [extractor(images[i : i + batch_size])["features"] for i in range(0, len(images), batch_size)]
    features = np.concatenate(parts).astype(np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
