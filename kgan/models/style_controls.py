"""What can be done with the styles and the noise of a trained style-based generator, in NumPy outside."""

from typing import Any

import numpy as np
from keras import ops

from kgan import _backend, checks, conditions, latents, styles
from kgan.engine.growing import GrowingModel
from kgan.styles import check_psi
from kgan.types import to_uint8


class StyleControls(GrowingModel):
    """A growing model with a style-based generator: the part of `kgan.models.StyleGAN` on styles and noise.

    All of it uses the moving average where there is one, at the side of the present phase.
    """

    def style_generator(self):
        """The `StyleGANGenerator` that samples come from: the average where there is one."""
        return self.generator if self.average is None else self.average.network

    @property
    def num_layers(self):
        """Layers with a style at the present side."""
        return self.generator.num_layers(self.phase.side)

    @property
    def mean_style(self):
        """The tracked mean of w, float32 `[d]`."""
        return np.array(ops.convert_to_numpy(self.style_generator().truncation.mean.value), "float32")

    # -- noise

    def noise(self, n, mode="random", layers="all", seed=None):
        """Noise images for `generate` and `synthesize`.

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
        specs = self._noise_inputs()
        fixed = {
            spec.name: np.array(ops.convert_to_numpy(buffer.value), "float32")
            for spec, buffer in zip(specs, self.style_generator().fixed_noise)
        }
        return self.masked(styles.noise_values(specs, fixed, n, mode, seed), layers)

    def _noise_inputs(self):
        return [spec for spec in self.sampling_inputs() if spec.name.startswith("noise_")]

    def masked(self, noise, layers):
        """Noise with zeros in all but some layers, which are said as in `noise`."""
        return styles.masked(noise, layers, self.num_layers)

    # -- images

    def generate(self, inputs, batch_size=64):
        """As `AdversarialModel.generate`; no truncation and the fixed noise where nothing else is given."""
        n = conditions.samples(self.sampling_inputs(), inputs)
        inputs = {"truncation_psi": 1.0, **inputs}
        if any(spec.name not in inputs for spec in self._noise_inputs()):
            inputs = {**self.noise(n, "fixed"), **inputs}
        return super().generate(inputs, batch_size)

    def _arrays(self, inputs):
        arrays = super()._arrays(inputs)
        check_psi(arrays["truncation_psi"])
        return arrays

    def sample(
        self,
        n,
        *,
        seed=None,
        truncation_psi=1.0,
        truncation_cutoff=None,
        noise="random",
        noise_layers="all",
        **given,
    ):
        """Draws images; the same seed draws the same z and noise whatever the other arguments are.

        Args:
            n: number of images, >= 1.
            seed: int, or `None` for fresh noise.
            truncation_psi: in [-1, 1], one number for all or `[n]`: 1 for none, 0 for the mean, negative for
                the opposite.
            truncation_cutoff: layers that are truncated, from 0 to their number; default: the generator's.
            noise: "random", "fixed" or "none", as in `noise`.
            noise_layers: which layers have noise, as in `noise`.
            **given: arrays `[n, ...]` by the names of the other inputs, such as `label`, or one value.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule.
        """
        n = checks.count("n", n)
        specs, psi = self.sampling_inputs(), check_psi(truncation_psi)
        given = conditions.checked(specs, {"truncation_psi": psi, **given}, n, self.class_names)
        images = {name: value for name, value in given.items() if name.startswith("noise_")}
        inputs = latents.draw(specs, n, seed, self.banks(), given)
        if styles.check_mode(noise) != "random":
            inputs.update({**self.noise(n, noise), **images})
        drawn = {name: inputs.pop(name) for name in list(inputs) if name.startswith("noise_")}
        drawn = self.masked(drawn, noise_layers)
        if truncation_cutoff is None:
            return self._shown_as({**inputs, **drawn}, self.generate)
        w = self.map(inputs["z"], inputs.get("label"))
        rows = self.styles(w, inputs["truncation_psi"], truncation_cutoff)
        return to_uint8(self.synthesize(rows, drawn), self.data_range)

    def _shown_as(self, inputs, generate):
        return to_uint8(generate(inputs), self.data_range)

    def map(self, z, label=None, batch_size=64):
        """w of z.

        Args:
            z: float `[n, latent_dim]`.
            label: class number or name, or `n` of them, where there are classes.
            batch_size: how many at a time, >= 1.

        Returns:
            float32 `[n, d]`.

        Raises:
            UsageError: z of another shape, or a label that is missing, too much or of no class.
        """
        specs = [spec for spec in self.sampling_inputs() if spec.name in self.generator.conditions]
        inputs = styles.mapping_inputs(specs, z, label, self.class_names)
        return self._run(self.style_generator().mapping, inputs, batch_size)

    def styles(self, w, psi: Any = 1.0, cutoff=None):
        """One style for each layer, truncated: `mean + psi (w - mean)` in the first layers.

        Args:
            w: float `[n, d]`, or `[n, layers, d]`.
            psi: in [-1, 1], one number or `[n]`.
            cutoff: how many layers that concerns, 0 to their number; default: the generator's.

        Returns:
            float32 `[n, layers, d]`.

        Raises:
            UsageError: psi or cutoff out of range, or w of another shape.
        """
        if cutoff is None:
            cutoff = min(self.generator.truncation_cutoff, self.num_layers)
        return styles.truncated(self._per_layer(w), self.mean_style, psi, cutoff)

    def _per_layer(self, w):
        return styles.per_layer(w, self.num_layers, self.generator.style_dim)

    def synthesize(self, w, noise=None, batch_size=64):
        """Images of styles.

        Args:
            w: float `[n, d]` or `[n, layers, d]`, used as it is.
            noise: dict of some of `noise_0`, `noise_1`, ... to arrays `[n, side, side, 1]`, or one image for
                all; layers that it lacks have none. `None` for the generator's fixed noise.
            batch_size: images made at a time, >= 1.

        Returns:
            float32 `[n, height, width, channels]`, in about [-1, 1].

        Raises:
            UsageError: w or noise of another shape, or noise of a layer that has none.
        """
        w = self._per_layer(w)
        if noise is None:
            noise = self.noise(len(w), "fixed")
        else:
            given = styles.given_noise(self._noise_inputs(), noise, len(w))
            noise = {**self.noise(len(w), "none"), **given}
        network = self.style_generator().synthesis_at(self.phase.side, self.blending)
        return self._run(network, {"w": w, **noise}, batch_size)

    def _run(self, network, inputs, batch_size):
        checks.count("batch_size", batch_size)
        n, parts = len(next(iter(inputs.values()))), []
        for start in range(0, n, batch_size):
            rows = slice(start, start + batch_size)
            # Copies, as torch warns of arrays that are one value repeated.
            part = {name: ops.convert_to_tensor(np.array(value[rows])) for name, value in inputs.items()}
            with _backend.no_grad():
                made = network(part if isinstance(network.input, dict) else part["z"], training=False)
            parts.append(ops.convert_to_numpy(ops.cast(made, "float32")))
        return np.concatenate(parts)
