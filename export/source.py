"""What is exported: a model's sampling network, its inputs, and the images it makes on its own backend."""

import dataclasses
import importlib
import json
import pathlib
from typing import Any

import keras
import numpy as np

from kgan import latents
from kgan.errors import UsageError
from kgan.export.convert import symbolic
from kgan.export.precision import full_precision, in_float32
from kgan.export.verification import BATCH_SIZES

_BATCH = 64
# One for each reference sample; all ones, as drawn, would leave truncation out of the comparison.
_PSI = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0, 1.0, 0.3)
_NEEDED = ("sampling_network", "sampling_inputs", "data_range", "image_shape", "generate")


@dataclasses.dataclass(frozen=True)
class Subject:
    """What becomes a bundle, and what it is compared with Keras on.

    Args:
        network: the network in float32.
        inputs: its `kgan.types.Input`s.
        image_shape: (height, width, channels) of what it makes; None for a side of any length.
        references: tuple of dicts of input name to array `[8, ...]`, one for each size of images.
        banks: dict of the name of a condition to its examples.
        labels: list of the names of the classes, or `None`.
        translation: what the manifest says of a network from images to images, or `None`.
        samples: uint8 images for the bundle's sheet, or `None` for draws.
    """

    network: Any
    inputs: tuple
    image_shape: tuple
    references: tuple
    banks: dict
    labels: list | None = None
    translation: dict | None = None
    samples: Any = None

    @property
    def image_sizes(self):
        """The (height, width) of each reference, for images of any size."""
        if self.translation is None:
            return [list(self.image_shape[:2])]
        return [list(next(iter(reference.values())).shape[1:3]) for reference in self.references]


def generator_subject(model, labels):
    """A model's sampling network, to be exported with what it draws its samples from.

    Args:
        model: a kgan model.
        labels: names of the classes in the order of their numbers, or `None` for those that it knows.

    Raises:
        UsageError: the model makes no images, an input has a name that no graph can have, or the labels are
            not those of the model.
    """
    if len(model.image_shape) != 3:
        raise UsageError(
            f"a bundle holds a generator of images, this {type(model).__name__} makes vectors: "
            "kgan.export.export_network writes it as one ONNX file"
        )
    inputs = checked_inputs(model, labels)
    labels = class_names(model, inputs) if labels is None else list(labels)
    banks = model.banks() if hasattr(model, "banks") else {}
    reference = latents.draw(with_laws(inputs, banks), sum(BATCH_SIZES), seed=0, banks=banks)
    if "truncation_psi" in reference:
        reference["truncation_psi"] = np.array(_PSI, "float32")
    network = exported_network(model, inputs)
    return Subject(network, inputs, tuple(model.image_shape), (reference,), banks, labels)


def load_source(model_or_path, recipe):
    """The model to export, and what is known of its training.

    Args:
        model_or_path: a kgan model, a `.keras` file of one, or a run folder.
        recipe: dict that describes the training, or `None` for the run folder's `config.json`.

    Returns:
        `(model, recipe)`; absolute paths in the recipe are cut to their last part: a bundle is for others.

    Raises:
        UsageError: there is no such model, or it cannot be loaded.
    """
    if not isinstance(model_or_path, str | pathlib.Path):
        missing = [name for name in _NEEDED if not hasattr(model_or_path, name)]
        if missing:
            kind = type(model_or_path).__name__
            raise UsageError(f"model must be a kgan model, got {kind}, which has no {missing[0]}")
        return model_or_path, _without_paths(recipe)
    path = pathlib.Path(model_or_path)
    file = path / "model.keras" if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"model must be a run folder with model.keras or a .keras file, found no {file}")
    importlib.import_module("kgan.models")  # registers the classes that the file names
    try:
        model = keras.saving.load_model(file, compile=False)
    except (TypeError, ValueError, KeyError, OSError) as error:
        raise UsageError(f"{file} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    settings = path / "config.json"
    if recipe is None and settings.is_file():
        recipe = json.loads(settings.read_text(encoding="utf-8"))
    return load_source(model, recipe)


def _without_paths(value):
    if isinstance(value, dict):
        return {key: _without_paths(item) for key, item in value.items()}
    if isinstance(value, str) and pathlib.PurePath(value).is_absolute():
        return pathlib.PurePath(value).name
    return value


def checked_inputs(model, labels):
    """The inputs of a model's sampling network.

    Args:
        model: a kgan model.
        labels: the names of its classes, or `None`.

    Raises:
        UsageError: a name that no graph can have, or labels that are not those of the model.
    """
    inputs = tuple(model.sampling_inputs())
    for spec in inputs:
        if not spec.name.isidentifier() or spec.name.startswith("images"):
            raise UsageError(f"an input's name must be an identifier other than images, got {spec.name!r}")
    classes = [spec.num_classes for spec in inputs if spec.distribution == "label"]
    if labels is not None and classes != [len(labels)]:
        wanted = f"{classes[0]} names" if classes else "absent, as the model takes no class"
        raise UsageError(f"labels must be {wanted}, got {len(labels)}")
    return inputs


def class_names(model, inputs):
    """The names of a model's classes where it knows them and has an input for one class, else `None`.

    Args:
        model: a kgan model.
        inputs: sequence of `kgan.types.Input`.
    """
    names = getattr(model, "class_names", None)
    counts = [spec.num_classes for spec in inputs if spec.distribution == "label"]
    return list(names) if names is not None and counts == [len(names)] else None


def with_laws(inputs, banks=()):
    """The inputs, where a condition without examples is N(0, 1): any numbers do to compare two networks.

    Args:
        inputs: sequence of `kgan.types.Input`.
        banks: names of the inputs that have examples.
    """
    return tuple(
        dataclasses.replace(spec, distribution="normal")
        if spec.distribution == "given" and spec.name not in banks
        else spec
        for spec in inputs
    )


def exported_network(model, inputs):
    """A model's sampling network in float32, with what `display` does to its images.

    Args:
        model: a kgan model.
        inputs: sequence of `kgan.types.Input`.

    Raises:
        UsageError: `display` cannot be part of a graph.
    """
    network = in_float32(model.sampling_network())
    probe = np.zeros((1, *model.image_shape), np.float32)
    if not hasattr(model, "display") or model.display(probe) is probe:
        return network
    tensors, images = symbolic(network, inputs)
    try:
        return keras.Model(tensors, model.display(images))
    except (TypeError, ValueError, AttributeError) as error:
        name = f"{type(model).__name__}.display"
        raise UsageError(f"{name} must be in keras.ops to be exported, it fails with: {error}") from error


def images_of(model, network, inputs):
    """Float images `[n, height, width, channels]` of the exported network, on the backend that runs.

    Args:
        model: a kgan model.
        network: its exported network.
        inputs: dict of name to array `[n, ...]`.
    """
    with full_precision():
        if network is model.sampling_network():
            return np.asarray(model.generate(inputs))
        names, parts = list(inputs), []
        for start in range(0, len(inputs[names[0]]), _BATCH):
            part = {k: keras.ops.convert_to_tensor(v[start : start + _BATCH]) for k, v in inputs.items()}
            images = network(part if len(names) > 1 else part[names[0]], training=False)
            parts.append(keras.ops.convert_to_numpy(keras.ops.stop_gradient(images)))
    return np.concatenate(parts).astype(np.float32)
