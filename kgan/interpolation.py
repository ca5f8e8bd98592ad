"""Walks between the latents of an exported bundle, as an animation or a strip; imports no Keras."""

import itertools
import pathlib

import numpy as np

from kgan import latents, styles
from kgan.errors import UsageError
from kgan.export.manifest import read_manifest
from kgan.export.runtime import Generator
from kgan.export.style_runtime import StyleGenerator
from kgan.files import replacing
from kgan.pictures import check_suffix, save_sheet, sheet

_ROUND = ("normal", "sphere")
_STRAIGHT = ("uniform", "uniform01", "uniform_sqrt3")
# A GIF counts hundredths of a second, and viewers slow down what takes less than two.
MOST_FPS = 50


def open_bundle(folder):
    """A bundle's `StyleGenerator`, or its `Generator` where it has no styles.

    Args:
        folder: a bundle, as `kgan.export.export` writes it.

    Raises:
        UsageError: the folder is no bundle, or one that translates images.
        BundleError: the bundle is damaged or holds no ONNX model.
        MissingExtraError: onnxruntime is not installed.
    """
    return (StyleGenerator if read_manifest(folder).get("style") else Generator)(folder)


def walk(generator, seeds, steps, space="z", *, psi=None, label=None, closed=False):
    """Images on the way from the first image of one seed to that of the next, all else unchanged.

    Args:
        generator: a `kgan.export.runtime.Generator`, or a `kgan.export.style_runtime.StyleGenerator`, whose
            fixed noise is used.
        seeds: ints of at least 0, at least 2; each names the image that `sample(1, seed=seed)` makes.
        steps: images from one to the next, both included, at least 2.
        space: "z", or "w" for a straight line between the styles of a style-based generator. A walk in z
            follows a great circle where z is normal or on a sphere, and is straight otherwise.
        psi: truncation in [-1, 1], or `None` for none.
        label: class number or name of all images; `None` for the class that the first seed draws.
        closed: whether the walk goes back to the first seed.

    Returns:
        uint8 `[walks, steps, height, width, channels]`.

    Raises:
        UsageError: an argument breaks its rule, or the generator has no such space.
    """
    seeds = [*seeds, *(seeds[:1] if closed else ())]
    if len(seeds) < 2:
        raise UsageError(f"seeds must be at least 2, got {len(seeds)}")
    spec = _latent(generator)
    banks = generator.banks()
    ends = [latents.draw(generator.inputs, 1, seed, banks)[spec.name][0] for seed in seeds]
    first = latents.draw(generator.inputs, 1, seeds[0], banks)
    if label is not None:
        first["label"] = label
    pairs = itertools.pairwise(ends)
    if isinstance(generator, StyleGenerator):
        settings = {"label": first.get("label"), "psi": 1.0 if psi is None else psi}
        return np.stack([generator.interpolate(*pair, steps, space, **settings) for pair in pairs])
    if styles.check_space(space) == "w":
        raise UsageError(f"space must be z, as {generator.folder} has no styles, got w")
    others = {name: value for name, value in first.items() if name != spec.name}
    if psi is not None:
        others["truncation_psi"] = psi
    kind = "slerp" if spec.distribution in _ROUND else "lerp"
    paths = [latents.path(*pair, steps, kind) for pair in pairs]
    return np.stack([generator.sample(steps, **{**others, spec.name: path}) for path in paths])


def write_walk(path, images, *, fps=12, scale=1, closed=False):
    """Writes walks to a GIF that repeats for ever, or to a picture with a row for each walk.

    Args:
        path: the file; its suffix chooses between `.gif` and a picture's format. It appears whole or not at
            all.
        images: uint8 `[walks, steps, height, width, 1 or 3]`.
        fps: images of the GIF per second, 1 to 50.
        scale: each pixel becomes a square of `scale` x `scale` pixels, an integer >= 1.
        closed: whether the last image is the first one again, which the GIF then shows once.

    Raises:
        UsageError: an argument breaks its rule, or no picture format has this suffix.
    """
    path = pathlib.Path(path)
    check_suffix(path)
    if not 1 <= fps <= MOST_FPS:
        raise UsageError(f"fps must be from 1 to {MOST_FPS}, got {fps}")
    walks, steps = images.shape[:2]
    if path.suffix.lower() != ".gif":
        save_sheet(path, images.reshape(walks * steps, *images.shape[2:]), steps, scale=scale)
        return
    # Each walk begins with the image that the one before ends with.
    frames = np.concatenate([images[0], *(images[place, 1:] for place in range(1, walks))])
    frames = [sheet(frame[None], pad=0, scale=scale) for frame in (frames[:-1] if closed else frames)]
    with replacing(path) as temporary:
        shown = round(1000 / fps)
        frames[0].save(temporary, save_all=True, append_images=frames[1:], duration=shown, loop=0)


def _latent(generator):
    """The noise vector of a generator."""
    for spec in generator.inputs:
        if spec.distribution in (*_ROUND, *_STRAIGHT) and len(spec.shape) == 1:
            return spec
    raise UsageError(f"a walk needs a generator with a noise vector, {generator.folder} has none")
