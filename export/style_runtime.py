"""Styles of an exported bundle with onnxruntime: truncation, mixing, interpolation; imports no Keras."""

import numpy as np

from kgan import latents, styles
from kgan.checks import count
from kgan.errors import BundleError, UsageError
from kgan.export.manifest import MAPPING, STYLES, SYNTHESIS, read_checked
from kgan.export.runtime import Generator, check_counts, read_arrays
from kgan.types import Input


class StyleGenerator(Generator):
    """The generator of a style-based bundle in its two halves, run by onnxruntime.

    `mapping` takes z to w and `synthesize` takes w, one for all layers or one for each, to images. Between
    the two, `truncate` and `mix` work on arrays; all of them do what the methods of the trained model do.

    Args:
        folder: a bundle, as `kgan.export.export` writes it of a model with styles, such as a StyleGAN.
        threads: number of CPU threads, >= 1; `None` for onnxruntime's choice.
        providers: onnxruntime's execution providers in order of preference; `None` for the CPU.

    Attributes:
        num_layers: how many layers have a style.
        style_dim: length of w.
        truncation_cutoff: how many layers are truncated unless a call says otherwise.
        mean_style: mean of w over the training, float32 `[style_dim]`.

    Raises:
        UsageError: the folder is no bundle, or its generator has no styles.
        BundleError: the bundle is damaged or holds no ONNX model.
        MissingExtraError: onnxruntime is not installed.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture for Generative Adversarial Networks,
    2019.

    Example: `StyleGenerator("bundle").interpolate(z[0], z[1], 60, "w")` is uint8 `[60, height, width, 3]`.
    """

    def _open(self, model):
        about = self.manifest.get("style")
        if not about:
            raise UsageError(
                f"the bundle {self.folder} has no styles: use kgan.export.runtime.Generator, or export a "
                "StyleGAN with the format onnx"
            )
        arrays = read_arrays(self.folder, self.manifest, STYLES)
        specs = {spec.name: spec for spec in self.inputs}
        try:
            self.num_layers, self.style_dim = (count(name, about[name]) for name in ("layers", "style_dim"))
            self.truncation_cutoff = styles.check_cutoff(about["truncation_cutoff"], self.num_layers)
            self.mean_style = styles.as_floats("mean", arrays["mean"]).reshape(self.style_dim)
            self._fixed = {
                spec.name: styles.as_floats(spec.name, arrays[spec.name]).reshape(spec.shape)
                for spec in self._noise_inputs()
            }
            # z first, as `mapping_inputs` wants it; the sampling needs truncation_psi as well.
            names = dict.fromkeys(["z", *about["inputs"], "truncation_psi"])
            *self._mapping_inputs, _ = [specs[name] for name in names]
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise BundleError(f"the bundle {self.folder} is damaged: {error} in its styles") from error
        rows = Input("w", (self.num_layers, self.style_dim))
        halves = {
            MAPPING: (self._mapping_inputs, {"w": [self.style_dim]}),
            SYNTHESIS: ([rows, *self._noise_inputs()], {"images": self.image_shape}),
        }
        self._sessions = {
            name: self._opened(read_checked(self.folder, self.manifest, name), name, *half)
            for name, half in halves.items()
        }

    def _noise_inputs(self):
        return [spec for spec in self.inputs if spec.name.startswith("noise_")]

    # -- noise

    def noise(self, n, mode="random", layers="all", seed=None):
        """Noise images for `synthesize`.

        Args:
            n: how many samples, at least 1.
            mode: "random" draws them; "fixed" takes the generator's own, the same for all samples; "none"
                gives zeros.
            layers: which layers have noise, the others having zeros: "all", "none", "coarse" (the first
                ones, to 32x32 of 1024x1024), "fine" (the rest), or (first, last), both included.
            seed: int of at least 0, or `None` for fresh entropy.

        Returns:
            dict of `noise_0`, `noise_1`, ... to float32 arrays `[n, side, side, 1]`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        check_counts(n=n)
        values = styles.noise_values(self._noise_inputs(), self._fixed, n, mode, seed)
        return styles.masked(values, layers, self.num_layers)

    # -- images

    def sample(
        self,
        n,
        *,
        seed=None,
        label=None,
        truncation_psi=None,
        truncation_cutoff=None,
        noise="random",
        noise_layers="all",
        batch_size=64,
        **inputs,
    ):
        """Draws images; the same seed draws the same z and noise as `model.sample` of the trained model.

        A bundle computes in float32: the images of a model in mixed precision differ by its rounding.

        Args:
            n: number of images, >= 1.
            seed: int >= 0, or `None` for fresh noise.
            label: class number or name, or `n` of them; `None` draws classes uniformly.
            truncation_psi: in [-1, 1], one number for all or `[n]`: 1 for none, 0 for the mean, negative for
                the opposite.
            truncation_cutoff: layers that are truncated, from 0 to their number; default: the generator's.
            noise: "random", "fixed" or "none", as in `noise`.
            noise_layers: which layers have noise, as in `noise`.
            batch_size: images made at a time, >= 1; it bounds memory and changes no image.
            **inputs: arrays `[n, ...]` by name for inputs that shall not be drawn, or one value for all.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule, or the generator has no such input.
        """
        check_counts(n=n, batch_size=batch_size)
        values = self._drawn(n, seed, label, truncation_psi, inputs)
        if noise != "random":
            images = {name: values[name] for name in inputs if name.startswith("noise_")}
            values.update({**self.noise(n, noise), **images})
        drawn = {spec.name: values[spec.name] for spec in self._noise_inputs()}
        values.update(styles.masked(drawn, noise_layers, self.num_layers))
        cutoff = self._cutoff(truncation_cutoff)
        given = {name: value for name, value in values.items() if name not in (*drawn, "truncation_psi")}
        values["w"] = self.truncate(self._mapped(given, batch_size), values["truncation_psi"], cutoff)
        return self._batches(n, batch_size, {name: values[name] for name in ("w", *drawn)})

    def mapping(self, z, label=None, batch_size=64):
        """w of z.

        Args:
            z: float `[n, latent_dim]`.
            label: class number or name, or `n` of them, for generators with classes.
            batch_size: how many at a time, >= 1.

        Returns:
            float32 `[n, style_dim]`.

        Raises:
            UsageError: z of another shape, or a label that is missing or of no class.
        """
        check_counts(batch_size=batch_size)
        return self._mapped(styles.mapping_inputs(self._mapping_inputs, z, label, self.labels), batch_size)

    def _mapped(self, values, batch_size):
        n = len(values["z"])
        w = np.empty((n, self.style_dim), "float32")
        for start in range(0, n, batch_size):
            part = {name: value[start : start + batch_size] for name, value in values.items()}
            w[start : start + batch_size] = self._run(self._sessions[MAPPING], MAPPING, "w", part)
        return w

    def truncate(self, w, psi: float | np.ndarray = 1.0, cutoff=None):
        """One style for each layer, truncated: `mean + psi (w - mean)` in the first layers.

        Args:
            w: float `[n, style_dim]`, or `[n, layers, style_dim]`.
            psi: in [-1, 1], one number or `[n]`.
            cutoff: how many layers that concerns, 0 to their number; default: the generator's.

        Returns:
            float32 `[n, layers, style_dim]`.

        Raises:
            UsageError: psi or cutoff out of range, or w of another shape.
        """
        return styles.truncated(self._per_layer(w), self.mean_style, psi, self._cutoff(cutoff))

    def _cutoff(self, cutoff):
        return self.truncation_cutoff if cutoff is None else cutoff

    def _per_layer(self, w):
        return styles.per_layer(w, self.num_layers, self.style_dim)

    def synthesize(self, w, noise=None, batch_size=64):
        """Images of styles.

        Args:
            w: float `[n, style_dim]` or `[n, layers, style_dim]`, used as it is.
            noise: dict of some of `noise_0`, `noise_1`, ... to arrays `[n, side, side, 1]`, or one image for
                all; layers that it lacks have none. `None` for the generator's fixed noise.
            batch_size: images made at a time, >= 1.

        Returns:
            uint8 `[n, height, width, channels]`.

        Raises:
            UsageError: w or noise of another shape, or noise of a layer that has none.
        """
        check_counts(batch_size=batch_size)
        w = self._per_layer(w)
        given = styles.given_noise(self._noise_inputs(), self._fixed if noise is None else noise, len(w))
        missing = {s.name: np.broadcast_to(np.float32(0), (len(w), *s.shape)) for s in self._noise_inputs()}
        return self._batches(len(w), batch_size, {"w": w, **missing, **given})

    def _images(self, values):
        values = {name: np.ascontiguousarray(value) for name, value in values.items()}
        return self._run(self._sessions[SYNTHESIS], SYNTHESIS, "images", values)

    # -- styles

    def mix(self, source, destination, layers):
        """Styles of the destination, but for some layers, which have those of the source.

        Args:
            source: w `[n, style_dim]` or styles `[n, layers, style_dim]`.
            destination: likewise; n of either may be 1.
            layers: (first, last) of those taken from the source, both included, counted from 0.

        Returns:
            float32 styles `[n, layers, style_dim]` for `synthesize`.

        Raises:
            UsageError: layers outside the network, or w of another shape.
        """
        return styles.mixed(self._per_layer(source), self._per_layer(destination), layers)

    def interpolate(
        self, start, end, steps, space="z", *, label=None, psi=1.0, cutoff=None, noise=None, batch_size=64
    ):
        """Images between two latents, both ends included.

        Args:
            start: z `[latent_dim]`, where the walk begins.
            end: z where it ends.
            steps: images, at least 2.
            space: "z" for a great circle there, "w" for a straight line between what z is mapped to.
            label: class number or name of all images, where there are classes.
            psi: truncation, in [-1, 1].
            cutoff: layers that are truncated; default: the generator's.
            noise: as in `synthesize`; the fixed noise keeps the details in place.
            batch_size: images made at a time, >= 1.

        Returns:
            uint8 `[steps, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        styles.check_one_label(label)
        z = styles.two_ends(start, end, self._mapping_inputs[0].shape[0])
        if styles.check_space(space) == "w":
            ends = self.mapping(z, label)
            w = latents.path(ends[0], ends[1], steps, "lerp")
        else:
            w = self.mapping(latents.path(z[0], z[1], steps, "slerp"), label, batch_size)
        return self.synthesize(self.truncate(w, psi, cutoff), noise, batch_size)
