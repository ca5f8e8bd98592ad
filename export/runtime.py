"""Sampling an exported bundle with onnxruntime; imports neither Keras nor a training framework."""

import io
import pathlib
import zipfile

import numpy as np

from kgan import conditions, latents, onnx_session
from kgan.errors import BundleError, UsageError
from kgan.export.extractor import INPUT, Instances
from kgan.export.manifest import CONDITIONS, ONNX, read_checked, read_manifest


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
        self._banks = _read_banks(self.folder, self.manifest)
        self._instances = Instances(self.folder, self.manifest)
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

    def banks(self):
        """Dict from names of conditions to the examples `[m, *shape]` that `sample` draws them from."""
        return dict(self._banks)

    def sample(self, n, *, seed=None, label=None, truncation_psi=None, batch_size=64, **inputs):
        """Draws images; the same seed draws the same noise as `model.sample` of the trained model.

        Args:
            n: number of images, >= 1.
            seed: int >= 0, or `None` for fresh noise.
            label: class number or name, or `n` of them; `None` draws classes uniformly.
            truncation_psi: for generators with this input: 1 for all variety, 0 for the mean image.
            batch_size: images made at a time, >= 1; it bounds memory and changes no image.
            **inputs: arrays `[n, ...]` by name for inputs that shall not be drawn, or one value for all. A
                condition that is not given is drawn from the bundle's own examples, where it has some.
                `instance` may also be m pictures, as files or uint8 images, where the bundle carries its
                extractor, or m feature vectors; each gives n / m samples, side by side.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: an argument breaks its rule, the generator has no such input, or a condition must be
                given.
        """
        for name, value in (("n", n), ("batch_size", batch_size)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        given = {key: value for key, value in inputs.items() if value is not None}
        if truncation_psi is not None:
            given["truncation_psi"] = truncation_psi
        if label is not None:
            given[self._label_input().name] = label
        vectors = [spec for spec in self.inputs if spec.distribution == "given" and len(spec.shape) == 1]
        for spec in vectors:
            if spec.name == INPUT and INPUT in given:
                given[INPUT] = self._instances.features(given[INPUT], spec, n)
        given = conditions.checked(self.inputs, given, n, self.labels)
        values = latents.draw(self.inputs, n, seed, self._banks, given)
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
    return onnx_session.open_session(
        model, folder, name=ONNX, error=BundleError, threads=threads, providers=providers
    )


def _read_banks(folder, manifest):
    """The examples of conditions that a bundle carries, by the name of the input."""
    if CONDITIONS not in manifest["files"]:
        return {}
    content = read_checked(folder, manifest, CONDITIONS)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{CONDITIONS} is damaged: {error}") from error
