"""Sampling an exported bundle with onnxruntime; imports neither Keras nor a training framework."""

import importlib
import os
import pathlib

import numpy as np

from kgan import latents
from kgan.errors import BundleError, MissingExtraError, UsageError
from kgan.export.manifest import ONNX, read_checked, read_manifest


class Generator:
    """The generator of a bundle, run by onnxruntime.

    Args:
        folder: a bundle, as `kgan.export.export` writes it.
        threads: number of CPU threads, >= 1; `None` for onnxruntime's choice.
        providers: onnxruntime's execution providers in order of preference; `None` for the CPU.

    Raises:
        UsageError: the folder is no bundle.
        BundleError: the bundle is damaged or holds no ONNX model.
        MissingExtraError: onnxruntime is not installed.

    Example: `Generator("bundle").sample(64, seed=0)` is a uint8 array `[64, height, width, channels]`.
    """

    def __init__(self, folder, *, threads=None, providers=None):
        if threads is not None and threads < 1:
            raise UsageError(f"threads must be at least 1, got {threads}")
        self.folder = pathlib.Path(folder)
        self.manifest = read_manifest(self.folder)
        if "onnx" not in self.manifest["formats"]:
            raise BundleError(f"the bundle {folder} holds no {ONNX}: export it again with the format onnx")
        model = read_checked(self.folder, self.manifest, ONNX)
        self._session = open_session(model, self.folder, threads=threads, providers=providers)

    @property
    def inputs(self):
        """The graph's inputs, a tuple of `kgan.types.Input`."""
        return self.manifest["inputs"]

    @property
    def image_shape(self):
        """(height, width, channels)."""
        return self.manifest["image_shape"]

    @property
    def labels(self):
        """The names of the classes in the order of their numbers, or `None`."""
        return self.manifest.get("labels")

    def sample(self, n, *, seed=None, label=None, truncation_psi=None, batch_size=64, **inputs):
        """Draws images; the same seed draws the same noise as `model.sample` of the trained model.

        Args:
            n: number of images, >= 1.
            seed: int >= 0, or `None` for fresh noise.
            label: class number or name, or `n` of them; `None` draws classes uniformly.
            truncation_psi: for generators with this input: 1 for all variety, 0 for the mean image.
            batch_size: images made at a time, >= 1; it bounds memory and changes no image.
            **inputs: arrays `[n, ...]` by name for inputs that shall not be drawn, or one value for all.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule, or the generator has no such input.
        """
        for name, value in (("n", n), ("batch_size", batch_size)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        given = {key: value for key, value in inputs.items() if value is not None}
        if truncation_psi is not None:
            given["truncation_psi"] = truncation_psi
        if label is not None:
            spec = self._label_input()
            given[spec.name] = self._class_numbers(label, spec)
        names = [spec.name for spec in self.inputs]
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise UsageError(f"inputs must be among {', '.join(names)}, got {', '.join(unknown)}")
        values = latents.draw(self.inputs, n, seed)
        for spec in self.inputs:
            if spec.name in given:
                values[spec.name] = _per_sample(spec, given[spec.name], n)
        images = np.empty((n, *self.image_shape), np.uint8)
        for start in range(0, n, batch_size):
            part = {name: value[start : start + batch_size] for name, value in values.items()}
            images[start : start + batch_size] = self._session.run(["images"], part)[0]
        return images

    def _label_input(self):
        for spec in self.inputs:
            if spec.distribution == "label":
                return spec
        raise UsageError(f"label must not be given: this {self.manifest['system']} has no classes")

    def _class_numbers(self, label, spec):
        label = label.tolist() if isinstance(label, np.ndarray) else label
        labels = label if isinstance(label, list | tuple) else [label]
        numbers = []
        for item in labels:
            if isinstance(item, str):
                known = self.labels or []
                if item not in known:
                    raise UsageError(f"label must be one of {', '.join(known) or 'no names'}, got {item!r}")
                item = known.index(item)
            if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item < spec.num_classes:
                raise UsageError(f"label must be an integer from 0 to {spec.num_classes - 1}, got {item!r}")
            numbers.append(item)
        return numbers if isinstance(label, list | tuple) else numbers[0]


def open_session(model, folder, *, threads=None, providers=None):
    """An onnxruntime session on the bytes of a model.

    Args:
        model: serialized ONNX model.
        folder: the bundle; a model that refers to files may refer to files in it only.
        threads: number of CPU threads, or `None`.
        providers: onnxruntime's execution providers, or `None` for the CPU.

    Raises:
        BundleError: onnxruntime cannot load the model.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtraError("onnxruntime", "runtime") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    inside = os.fspath(pathlib.Path(folder).resolve())
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", inside)
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers or ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base but Exception
        raise BundleError(f"onnxruntime cannot load {ONNX}: {str(error).splitlines()[0]}") from error


def _per_sample(spec, value, n):
    """`value` as an array `[n, *shape]` of the input's dtype; one value serves every sample."""
    try:
        return np.broadcast_to(np.asarray(value, spec.dtype), (n, *spec.shape))
    except (ValueError, TypeError) as error:
        wanted = "x".join(map(str, (n, *spec.shape)))
        raise UsageError(
            f"{spec.name} must be {wanted} numbers or one value for all, got shape {np.shape(value)}"
        ) from error
