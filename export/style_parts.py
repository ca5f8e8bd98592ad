"""The halves of a style-based generator as parts of a bundle: z to w, and styles with noise to images."""

import dataclasses
import json
import shutil
from typing import Any

import keras
import numpy as np

from kgan.export.convert import Part
from kgan.export.manifest import MAPPING, STYLE_REFERENCE, STYLES, SYNTHESIS
from kgan.export.precision import full_precision, in_float32
from kgan.export.verification import FLOAT, batches, compare_halves
from kgan.types import Input


@dataclasses.dataclass(frozen=True)
class StyleParts:
    """The halves, and all that a bundle holds of them.

    Args:
        parts: what is converted.
        about: the manifest's `"style"`.
        arrays: the mean of w and the fixed noise, by name.
        reference: inputs and outputs to compare with, by name.
        noise: the noise of the combined graph's reference, by name.
        data_range: (low, high) of the images.
    """

    parts: tuple
    about: dict
    arrays: dict
    reference: dict
    noise: dict
    data_range: tuple

    def compare(self, work):
        """The converted halves' largest differences from Keras, by part.

        Args:
            work: the folder where the parts were converted.

        Raises:
            BundleError: a half differs.
        """
        details = json.loads((work / "synthesis" / "result.json").read_text(encoding="utf-8"))
        self.about["synthesis"] = details["onnx"]
        models = {name: path.read_bytes() for name, path in self._models(work).items()}
        given = {**self.reference, **self.noise}
        return compare_halves(models, work, self.about, given, self.data_range)

    def write(self, work, folder):
        """Writes the halves and what belongs to them into the bundle's folder."""
        for name, path in self._models(work).items():
            shutil.move(path, folder / name)
        arrays = dict(self.arrays)
        # z and label are those of the combined graph's reference.
        reference: dict[str, Any] = {name: self.reference[name] for name in ("w", "styles", FLOAT)}
        np.savez(folder / STYLES, **arrays)
        np.savez_compressed(folder / STYLE_REFERENCE, **reference)

    @staticmethod
    def _models(work):
        return {
            MAPPING: work / "mapping" / "network.onnx",
            SYNTHESIS: work / "synthesis" / "generator.onnx",
        }


def style_parts(model, subject):
    """The halves of a style-based generator.

    Args:
        model: a kgan model with `style_generator`, such as a StyleGAN.
        subject: the `kgan.export.source.Subject` of its combined network.
    """
    generator = model.style_generator()
    reference = subject.references[0]
    conditions = [spec for spec in subject.inputs if spec.name in generator.conditions]
    noise = [spec for spec in subject.inputs if spec.name.startswith("noise_")]
    rows = Input("w", (model.num_layers, generator.style_dim), "float32", "given", "style of each layer")
    mapping = _renamed(in_float32(generator.mapping), conditions, output="w")
    halves = in_float32(generator.synthesis_at(model.phase.side, model.blending))
    synthesis = _renamed(halves, [rows, *noise])
    drawn = {spec.name: reference[spec.name] for spec in noise}
    given = {spec.name: reference[spec.name] for spec in conditions}
    w = _run(mapping, given)
    # Another w in each layer, as mixing gives: sample i has in layer l the w of sample i + l.
    styles = np.stack([np.roll(w, -layer, axis=0) for layer in range(model.num_layers)], axis=1)
    images = _run(synthesis, {"w": styles, **drawn})
    spec = {
        "data_range": list(model.data_range),
        "image_shape": list(subject.image_shape),
        "formats": ["onnx"],
        "float_output": False,
    }
    named = {"outputs": [{"name": "w", "shape": [generator.style_dim]}]}
    fixed = {name: value[0] for name, value in model.noise(1, "fixed").items()}
    return StyleParts(
        parts=(
            Part("mapping", "convert_network", mapping, conditions, named),
            Part("synthesis", "convert", synthesis, [rows, *noise], spec),
        ),
        about={
            "inputs": [item.name for item in conditions],
            "layers": model.num_layers,
            "style_dim": generator.style_dim,
            "truncation_cutoff": min(generator.truncation_cutoff, model.num_layers),
        },
        arrays={"mean": model.mean_style, **fixed},
        reference={**given, "w": w, "styles": styles, FLOAT: images},
        noise=drawn,
        data_range=tuple(model.data_range),
    )


def _renamed(network, inputs, output=None):
    """The network from one tensor or a dict by input name, as the converter's process calls it."""
    tensors = {spec.name: keras.Input(spec.shape, dtype=spec.dtype, name=spec.name) for spec in inputs}
    one = next(iter(tensors.values()))
    made = network(tensors if isinstance(network.input, dict) else one, training=False)
    return keras.Model(tensors if len(tensors) > 1 else one, made if output is None else {output: made})


def _run(network, values):
    parts = []
    with full_precision():
        for batch in batches(values):
            tensors = {name: keras.ops.convert_to_tensor(value) for name, value in batch.items()}
            made = network(tensors if len(tensors) > 1 else next(iter(tensors.values())), training=False)
            made = keras.ops.stop_gradient(next(iter(keras.tree.flatten(made))))
            parts.append(keras.ops.convert_to_numpy(made))
    return np.concatenate(parts).astype(np.float32)
