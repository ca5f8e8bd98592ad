"""Walks, mixtures and edits in the latent spaces of a style-based generator."""

import dataclasses
from typing import Any

import numpy as np

from kgan import checks, directions, latents
from kgan.errors import DataError, UsageError
from kgan.metrics.path_length import extractor_distance, perceptual_path_length
from kgan.metrics.separability import linear_separability
from kgan.models.style_controls import StyleControls
from kgan.models.style_projection import project
from kgan.styles import as_floats, check_one_label, check_psi, check_range, check_space, mixed, two_ends
from kgan.types import to_uint8

_JUDGED = 64  # images at a time
SWEEP = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0)


@dataclasses.dataclass(frozen=True)
class PathLength:
    """A perceptual path length, and what it depends on: only values that agree in all of it compare.

    Args:
        value: mean over the pairs that count.
        std: standard deviation over them.
        space: "z" or "w".
        sampling: "full" or "end".
        pairs: how many pairs of latents.
        extractor: the network of the features, by name, digest and layer.
        settings: dict of `epsilon`, `face_crop`, `pool_to`, `keep`, `seed` and `label`.
    """

    value: float
    std: float
    space: str
    sampling: str
    pairs: int
    extractor: str
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class EditEffect:
    """What moving along a direction changes, each in standard deviations of the attribute over samples.

    Args:
        target: mean change of the attribute that the direction was fitted for.
        others: dict from the name of each other attribute to its mean absolute change.
    """

    target: float
    others: dict[str, float]

    @property
    def leak(self):
        """Mean change of the others over that of the target: less means better separated."""
        return float(np.mean(list(self.others.values()))) / max(abs(self.target), 1e-12)


class StyleEdits(StyleControls):
    """A growing model with a style-based generator: the part of `kgan.models.StyleGAN` that moves latents."""

    def interpolate(self, start, end, steps, space="z", *, label=None, psi=1.0, noise=None):
        """Images between two latents, both ends included.

        Args:
            start: z `[latent_dim]`, where the walk begins.
            end: z where it ends.
            steps: images, at least 2.
            space: "z" for a great circle there, "w" for a straight line between what z is mapped to.
            label: class number or name of all images, where there are classes.
            psi: truncation, in [-1, 1].
            noise: dict from `noise`, for `steps` samples, or `None` for the generator's fixed noise.

        Returns:
            uint8 `[steps, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        check_space(space)
        check_one_label(label)
        z = two_ends(start, end, self.generator.latent_dim)
        if space == "w":
            ends = self.map(z, label)
            w = latents.path(ends[0], ends[1], steps, "lerp")
        else:
            w = self.map(latents.path(z[0], z[1], steps, "slerp"), label)
        return self.images_of(self.styles(w, psi), noise)

    def truncation_sweep(self, z, psis=SWEEP, cutoff=None, *, label=None, noise=None):
        """The same latents under several truncations, of all layers unless a cutoff says else.

        Args:
            z: `[n, latent_dim]`.
            psis: numbers in [-1, 1].
            cutoff: layers that are truncated, 0 to their number.
            label: class number or name, or n of them, where there are classes.
            noise: dict from `noise`, for n samples, or `None` for the generator's fixed noise.

        Returns:
            uint8 `[psis, n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        w, psis = self.map(z, label), swept("psis", check_psi(psis))
        cutoff = self.num_layers if cutoff is None else cutoff
        return np.stack([self.images_of(self.styles(w, psi, cutoff), noise) for psi in psis])

    def mix(self, source, destination, layers):
        """Styles of the destination, but for some layers, which have those of the source.

        Args:
            source: w `[n, d]` or styles `[n, layers, d]`.
            destination: likewise; n of either may be 1.
            layers: (first, last) of those taken from the source, both included, counted from 0.

        Returns:
            float32 styles `[n, layers, d]` for `synthesize` or `images_of`.

        Raises:
            UsageError: layers outside the network, or w of another shape.
        """
        return mixed(self._per_layer(source), self._per_layer(destination), layers)

    def edit(self, w, direction, strength, layers=None):
        """Styles moved along a direction in W.

        Args:
            w: `[n, d]` or styles `[n, layers, d]`.
            direction: `kgan.directions.Direction` from `fit_attribute`, or a vector `[d]`.
            strength: how far, one number or `[n]`; of a `Direction` in standard deviations along it.
            layers: (first, last) of those that move, or `None` for all.

        Returns:
            float32 styles `[n, layers, d]`.

        Raises:
            UsageError: layers outside the network, a direction of another length, or strengths that are
                neither one nor n finite numbers.
        """
        w = self._per_layer(w).copy()
        first, last = check_range((0, self.num_layers - 1) if layers is None else layers, self.num_layers)
        w[:, first : last + 1] += _steps(direction, strength, w.shape[-1], len(w))[:, None]
        return w

    def images_of(self, styles, noise=None):
        """uint8 images of styles, as `synthesize`."""
        return to_uint8(self.synthesize(styles, noise), self.data_range)

    # -- attributes

    def fit_attribute(self, judge, n=1000, space="w", *, seed=0, label=None):
        """The direction of a binary attribute of the generated images, and how linear it is.

        Args:
            judge: function from uint8 images to `[n]` bools, or to numbers that are compared with their
                median.
            n: samples, at least 2.
            space: "z" or "w".
            seed: int of at least 0, draws the latents.
            label: class number, where there are classes.

        Returns:
            `kgan.directions.Direction`.

        Raises:
            UsageError: another space, fewer than 2 samples, or a judge that is no function.
            DataError: the judge's answers are not n finite numbers, or all alike.
        """
        check_space(space)
        _check_judge("judge", judge)
        z, w = self.latents_drawn(checks.count("n", n, 2), seed, label)
        return directions.fit_direction(z if space == "z" else w, _judged("judge", judge, self.images_of(w)))

    def edit_effect(self, direction, strength, target, others, *, n=200, space="w", seed=1, label=None):
        """What an edit along a direction does to the attribute, and to other attributes.

        Karras et al. 2019 claim that W is less entangled than Z: compare the `leak` of both spaces.

        Args:
            direction: `kgan.directions.Direction` in this space.
            strength: how far, in standard deviations along the direction.
            target: function from uint8 images to numbers `[n]`, the attribute that is edited.
            others: dict from names to such functions.
            n: samples, at least 2.
            space: "z" or "w".
            seed: int of at least 0, draws the latents.
            label: class number, where there are classes.

        Returns:
            `EditEffect`.

        Raises:
            UsageError: another space, fewer than 2 samples, no other attribute, or one that is no function.
            DataError: an attribute's values are not n finite numbers, or the same in all samples.
        """
        checks.count("n", n, 2)
        check_space(space)
        if not isinstance(others, dict):
            raise UsageError(f"others must be a dict of functions by name, got {checks.shown(others)}")
        if not others:
            raise UsageError("others must name at least one attribute, got none")
        for name, judge in [("target", target), *others.items()]:
            _check_judge(name, judge)
        z, w = self.latents_drawn(n, seed, label)
        if space == "w":
            moved = self.edit(w, direction, strength)
        else:
            moved = self.map(z + _steps(direction, strength, z.shape[1], n), label)
        before, after = self.images_of(w), self.images_of(moved)

        def change(name, judge):
            old, new = (_judged(name, judge, images).astype(np.float64) for images in (before, after))
            if not old.std() > 0.0:
                raise DataError(f"an attribute must differ between samples, got {old[0]:g} in all of them")
            return (new - old) / old.std()

        effects = {name: float(np.abs(change(name, judge)).mean()) for name, judge in others.items()}
        return EditEffect(float(change("target", target).mean()), effects)

    def latents_drawn(self, n, seed=0, label=None):
        """z `[n, latent_dim]` of a seed, and the w that it is mapped to, `[n, d]`."""
        z = latents.draw(self.sampling_inputs()[:1], checks.count("n", n), seed)["z"]
        return z, self.map(z, label)

    def separability(
        self,
        judges,
        n=1000,
        space="w",
        *,
        threshold: float | None = 0.0,
        keep=0.5,
        noise="random",
        seed=0,
        label=None,
    ):
        """How well a linear boundary in a latent space tells each of several attributes: 1 is best.

        No truncation. Only values of the same judges and settings compare.

        Args:
            judges: dict from the names of the attributes to functions from uint8 images to floats `[n]`, such
                as logits of a classifier, called with up to 64 images at a time.
            n: samples, at least 2, and many times the length of a latent; Karras et al. 2019 take 200,000.
            space: "z" or "w".
            threshold: above it the attribute is there, and the surer the farther from it: 0.5 for
                probabilities, `None` for the median of each attribute.
            keep: share of the samples that counts, of each attribute those whose judge is surest, in (0, 1].
            noise: "random", "fixed" or "none", as in `noise`.
            seed: int of at least 0, draws the latents and the noise.
            label: class number, where there are classes.

        Returns:
            `kgan.metrics.Separability`.

        Raises:
            UsageError: an argument breaks its rule.
            DataError: a judge's answers are not finite numbers, or all alike.
        """
        check_space(space)
        if not isinstance(judges, dict) or not judges:
            raise UsageError(f"judges must be a dict of functions by name, got {checks.shown(judges)}")
        for name, judge in judges.items():
            _check_judge(name, judge)
        z, w = self.latents_drawn(checks.count("n", n, 2), seed, label)
        seeds = np.random.default_rng((seed, 1)).integers(2**63, size=n)
        scores = {name: [] for name in judges}
        for start in range(0, n, _JUDGED):
            rows = w[start : start + _JUDGED]
            images = self.images_of(rows, self.noise(len(rows), noise, seed=seeds[start]))
            for name, judge in judges.items():
                scores[name].append(_judged(name, judge, images))
        scores = {name: np.concatenate(parts) for name, parts in scores.items()}
        found = linear_separability(z if space == "z" else w, scores, threshold=threshold, keep=keep)
        own = {"space": space, "noise": noise, "seed": seed, "label": _plain(label)}
        return dataclasses.replace(found, settings={**found.settings, **own})

    # -- projection

    def project(self, images, **settings):
        """The styles and noise of given pictures: `kgan.models.style_projection.project`.

        Args:
            images: uint8 `[n, height, width, channels]` of the present size.
            **settings: `steps`, `optimize_noise`, `per_layer`, `features` and the others of that function.

        Returns:
            `kgan.models.style_projection.Projection`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        return project(self, images, **settings)

    # -- perceptual path length

    def path_length(
        self,
        features,
        n=1000,
        space="w",
        *,
        sampling="full",
        epsilon=1e-4,
        face_crop=False,
        pool_to=256,
        keep=(1.0, 99.0),
        batch_size=32,
        seed=0,
        label=None,
    ):
        """How much images change along a short step in a latent space; less is smoother.

        Fixed noise, no truncation. The number depends on the network of the features, which the result
        names: only equal networks compare.

        Args:
            features: a `kgan.metrics` extractor, such as `ONNXFeatures` or `KerasFeatures`.
            n: pairs of latents, at least 1; Karras et al. 2019 take 100,000.
            space: "z" for great circles there, "w" for lines there.
            sampling: "full" along the paths, or "end" at their beginnings.
            epsilon: the step along a path, > 0.
            face_crop: whether the crop for faces of Karras et al. 2019 is taken.
            pool_to: height above which images are average-pooled, in pixels, >= 1.
            keep: two rising percentiles between which distances count.
            batch_size: pairs at a time, >= 1.
            seed: int of at least 0, draws the latents and the places on the paths.
            label: class number, where there are classes.

        Returns:
            `PathLength`.

        Raises:
            UsageError: an argument breaks its rule, or the generator computes in half precision.
        """
        check_space(space)
        if (dtype := self.style_generator().compute_dtype) not in ("float32", "float64"):
            raise UsageError(f"a path length needs a generator that computes in float32, got {dtype}")
        settings = {"epsilon": epsilon, "face_crop": face_crop, "pool_to": pool_to, "keep": keep}
        z, w = self.latents_drawn(2 * checks.count("n", n), seed, label)
        ends = z if space == "z" else w

        def generate(x):
            x = np.asarray(x, "float32")
            w = self.map(x, label) if space == "z" else x
            low, high = self.data_range
            return (self.synthesize(w) - low) * np.float32(255.0 / (high - low))

        found = perceptual_path_length(
            generate,
            extractor_distance(features),
            ends[:n],
            ends[n:],
            space=space,
            sampling=sampling,
            batch_size=batch_size,
            seed=seed,
            **settings,
        )
        settings.update(keep=tuple(map(float, keep)), seed=seed, label=_plain(label))
        extractor = f"{features.name} {features.digest[:8]} {features.output}"
        return PathLength(found.value, found.std or 0.0, space, sampling, n, extractor, settings)


def swept(name, values):
    """Numbers that a sweep goes through, one after the other; UsageError if there are none."""
    values = np.atleast_1d(values)
    if values.ndim != 1 or not values.size:
        got = checks.shown(values) if values.size else "none"
        raise UsageError(f"{name} must be at least one number, got {got}")
    return values


def _plain(label):
    """A label as numbers and text of Python, which compare with `==`."""
    return np.asarray(label).tolist()


def _check_judge(name, judge):
    if not callable(judge):
        raise UsageError(f"{name} must be a function from uint8 images to numbers, got {checks.shown(judge)}")


def _judged(name, judge, images):
    """What a function says of each image, `[n]` bools or numbers."""
    values = judge(images)
    try:
        values = np.asarray(values)
    except ValueError:  # lists of different lengths
        values = np.asarray(values, object)
    if values.dtype.kind not in "biuf" or values.shape != (len(images),):
        raise DataError(
            f"{name} must give {len(images)} numbers, got {values.dtype} of shape {list(values.shape)}"
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name} must give finite numbers, got NaN or infinity")
    return values


def _steps(direction, strength, dim, n):
    """How far each of n latents moves, float32 `[n, dim]`."""
    vector, unit = direction, 1.0
    if isinstance(direction, directions.Direction):
        vector, unit = direction.normal, direction.spread
    vector, strength = as_floats("direction", vector), as_floats("strength", strength)
    if vector.shape != (dim,):
        raise UsageError(f"direction must be a vector of {dim} numbers, got {list(vector.shape)}")
    if strength.shape not in ((), (n,)):
        raise UsageError(f"strength must be one finite number or {n}, got {strength.tolist()}")
    return np.broadcast_to(strength * np.float32(unit), (n,))[:, None] * vector
