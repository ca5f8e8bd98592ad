"""Perceptual path length: how much an image changes along a short step in the latent space."""

import numpy as np

from kgan import latents
from kgan.errors import DataError, UsageError
from kgan.metrics import checks
from kgan.metrics.score import Value


def perceptual_path_length(
    generate,
    distance,
    start,
    end,
    *,
    space="z",
    sampling="full",
    epsilon=1e-4,
    face_crop=False,
    pool_to=256,
    keep=(1.0, 99.0),
    batch_size=32,
    seed=0,
):
    """`E[d(G(l(t)), G(l(t + epsilon))) / epsilon^2]` over paths l between pairs of latents.

    Karras et al. 2019: 100,000 pairs, d the squared LPIPS distance of VGG-16, no truncation, and outside the
    `keep` percentiles nothing counts. In Z the path is a great circle, in W a line. The face crop of that
    paper changes the number; so do every other d, epsilon, `keep` and `pool_to`.

    Args:
        generate: latents `[b, d]` -> images `[b, height, width, channels]` in [0, 255], float32 or float64;
            noise inside it must be the same in every call.
        distance: images, images -> squared distances `[b]`; `feature_distance` makes one.
        start: float `[n, d]`, one end of each path, n >= 1.
        end: the other end, of the same shape.
        space: `"z"` for spherical, `"w"` for linear interpolation.
        sampling: `"full"` for t uniform in [0, 1), `"end"` for t = 0.
        epsilon: the step in t, > 0; below about 1e-5 float32 images no longer differ.
        face_crop: bool, keep rows 3/8 to 7/8 and columns 2/8 to 6/8.
        pool_to: height above which images are average-pooled by a whole factor, in pixels, >= 1.
        keep: two rising percentiles between which distances count; the bounds are distances that occur.
        batch_size: pairs at a time, >= 1.
        seed: int >= 0 of the draws of t.

    Returns:
        `Value(mean, std)` of what counts.

    Raises:
        UsageError: a setting out of its range.
        DataError: latents of different shapes, or distances that are not finite, one per pair, and >= 0.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> line = lambda w: np.reshape(2.0 * w, (-1, 1, 1, 1))
        >>> squared = lambda a, b: np.square(a - b).sum(axis=(1, 2, 3))
        >>> ends = np.zeros((4, 1)), np.full((4, 1), 3.0)
        >>> round(perceptual_path_length(line, squared, *ends, space="w").value, 6)
        36.0
    """
    for name, value, choices in (("space", space, ("z", "w")), ("sampling", sampling, ("full", "end"))):
        if not isinstance(value, str) or value not in choices:
            raise UsageError(f"{name} must be {choices[0]} or {choices[1]}, got {checks.shown(value)}")
    epsilon, pool_to = checks.positive("epsilon", epsilon), checks.count("pool_to", pool_to)
    batch_size, seed = checks.count("batch_size", batch_size), checks.count("seed", seed, 0)
    face_crop = checks.flag("face_crop", face_crop)
    pair = tuple(keep) if isinstance(keep, tuple | list | np.ndarray) else ()
    if len(pair) != 2 or not all(checks.is_number(part, 0, 100) for part in pair) or pair[0] >= pair[1]:
        raise UsageError(f"keep must be two rising percentiles from 0 to 100, got {checks.shown(keep)}")
    start, end = checks.matrix("start", start), checks.matrix("end", end)
    if start.shape != end.shape or not len(start):
        raise DataError(
            f"end must have the shape {list(start.shape)} of start, n >= 1, got {list(end.shape)}"
        )
    t = np.zeros(len(start))
    if sampling == "full":
        t = np.random.default_rng(seed).uniform(size=len(start))
    between = latents.slerp if space == "z" else latents.lerp
    found = np.empty(len(start))
    for i in range(0, len(start), batch_size):
        part = slice(i, i + batch_size)
        images = [
            _prepared(generate(between(start[part], end[part], at)), face_crop, pool_to)
            for at in (t[part], t[part] + epsilon)
        ]
        found[part] = _distances(distance(*images), len(t[part]))
    found /= epsilon**2
    low, high = np.percentile(found, keep[0], method="lower"), np.percentile(found, keep[1], method="higher")
    kept = found[(found >= low) & (found <= high)]
    return Value(float(kept.mean()), float(kept.std()))


def feature_distance(features):
    """A distance for `perceptual_path_length`: squared Euclidean distance between features.

    Args:
        features: images `[b, height, width, channels]` in [0, 255] -> float `[b, ...]`.

    Returns:
        images, images -> float64 `[b]`.

    Example:
        >>> distance = feature_distance(lambda images: images.mean(axis=(1, 2)))
        >>> distance(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 3.0)).tolist()
        [9.0]
    """

    def distance(a, b):
        gap = np.asarray(features(a), np.float64) - np.asarray(features(b), np.float64)
        return np.square(gap).reshape(len(gap), -1).sum(axis=1)

    return distance


def extractor_distance(extractor):
    """A distance for `perceptual_path_length` by a feature network, whose images are not rounded.

    Args:
        extractor: a `kgan.metrics.features.Extractor`; images of another size are resized as it does.

    Returns:
        images, images -> float64 `[b]`.

    Raises:
        UsageError: no such network.

    Example:
        >>> import types
        >>> mean = lambda images: {"features": images.mean(axis=(1, 2))}
        >>> distance = extractor_distance(types.SimpleNamespace(size=(2, 2), channels=1, run=mean))
        >>> distance(np.zeros((1, 4, 4, 1), "float32"), np.full((1, 4, 4, 1), 3.0, "float32")).tolist()
        [9.0]
    """
    for name in ("size", "channels", "run"):
        if not hasattr(extractor, name):
            raise UsageError(f"features must be a kgan.metrics extractor, got {type(extractor).__name__}")
    height, width = extractor.size

    def features(images):
        images = np.asarray(images, np.float32)
        if images.shape[-1] < extractor.channels:
            images = np.repeat(images, extractor.channels, axis=-1)
        if images.shape[1:3] != (height, width):
            maps = np.moveaxis(images, -1, 1)
            resized = [_resized(one, width, height) for one in maps.reshape(-1, *maps.shape[2:])]
            images = np.moveaxis(np.stack(resized).reshape(*maps.shape[:2], height, width), 1, -1)
        return extractor.run(np.ascontiguousarray(images))["features"]

    return feature_distance(features)


def _resized(one, width, height):
    """One channel in floats, by the filter of `Extractor`."""
    from PIL import Image  # late: scores of ready features need numpy alone

    return np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BILINEAR))


def _prepared(images, face_crop, pool_to):
    images = np.asarray(images)
    # Along a step of 1e-4, images of half precision differ by their rounding alone.
    if images.ndim != 4 or images.dtype not in (np.float32, np.float64):
        raise DataError(
            "generate must give float32 or float64 of shape [b, height, width, channels], "
            f"got {images.dtype} of {list(images.shape)}"
        )
    if face_crop:
        y, x = images.shape[1] // 8, images.shape[2] // 8
        images = images[:, 3 * y : 7 * y, 2 * x : 6 * x]
    factor = images.shape[1] // pool_to
    if factor > 1:
        b, h, w, c = images.shape
        images = images[:, : h // factor * factor, : w // factor * factor]
        images = images.reshape(b, h // factor, factor, w // factor, factor, c).mean(axis=(2, 4))
    return images


def _distances(values, count):
    values = np.asarray(values, np.float64)
    if values.shape != (count,) or not np.isfinite(values).all() or (values < 0.0).any():
        raise DataError(
            f"distance must give {count} finite numbers >= 0, one per pair, got shape {list(values.shape)} "
            f"from {np.min(values, initial=np.inf):.6g} to {np.max(values, initial=-np.inf):.6g}"
        )
    return values
