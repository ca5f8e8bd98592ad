"""Sampling an exported bundle with onnxruntime; imports neither Keras nor a training framework."""

import io
import pathlib
import zipfile
from typing import Any

import numpy as np

from kgan import checks, conditions, latents, onnx_session
from kgan.errors import BundleError, UsageError
from kgan.export.extractor import INPUT, Instances
from kgan.export.manifest import CONDITIONS, ONNX, read_checked, read_manifest
from kgan.styles import check_psi
from kgan.types import Sides, check_pictures


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
        if threads is not None:
            checks.count("threads", threads)
        self.folder = pathlib.Path(folder)
        self.manifest = read_manifest(self.folder)
        if self.manifest.get("translation"):
            raise UsageError(
                f"the bundle {folder} translates images: use kgan translate or kgan.export.runtime.Translator"
            )
        model = read_model(self.folder, self.manifest)
        self._banks = _read_banks(self.folder, self.manifest)
        self._instances = Instances(self.folder, self.manifest)
        self._options: dict[str, Any] = {"threads": threads, "providers": providers}
        self._open(model)

    def _open(self, model):
        """Opens the sessions that `_images` runs."""
        self._session = self._opened(model, ONNX, self.inputs, {"images": self.image_shape})

    def _opened(self, model, name, inputs, output):
        """A session; BundleError unless it takes these inputs and gives this output, a dict of its shape."""
        session = open_session(model, self.folder, name=name, **self._options)
        taken = {value.name: value.shape[1:] for value in session.get_inputs()}
        found = {**{value.name: value.shape[1:] for value in session.get_outputs()}, **taken}
        wanted = {**{spec.name: list(spec.shape) for spec in inputs}, **output}
        for key in {**wanted, **taken}:
            if not _fit(found.get(key), wanted.get(key)):
                raise BundleError(
                    f"{name} must fit kgan.json, where {key} is {_shape_text(wanted.get(key))}, "
                    f"got {_shape_text(found.get(key))}"
                )
        return session

    def _run(self, session, name, output, values):
        """One output of a session."""
        try:
            return session.run([output], values)[0]
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise BundleError(f"onnxruntime cannot run {name}: {onnx_session.first_line(error)}") from error

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

        A bundle computes in float32: the images of a model in mixed precision differ by its rounding.

        Args:
            n: number of images, >= 1.
            seed: int >= 0, or `None` for fresh noise.
            label: class number or name, or `n` of them; `None` draws classes uniformly.
            truncation_psi: for generators with this input, in [-1, 1]: 1 for all variety, 0 for the mean
                image, negative for the opposite.
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
        check_counts(n=n, batch_size=batch_size)
        values = self._drawn(n, seed, label, truncation_psi, inputs)
        return self._batches(n, batch_size, values)

    def _drawn(self, n, seed, label, truncation_psi, inputs):
        """All inputs of the graph: those given, checked, and the others drawn."""
        given = {key: value for key, value in inputs.items() if value is not None}
        if truncation_psi is not None:
            given["truncation_psi"] = check_psi(truncation_psi)
        if label is not None:
            given[self._label_input().name] = label
        vectors = [spec for spec in self.inputs if spec.distribution == "given" and len(spec.shape) == 1]
        for spec in vectors:
            if spec.name == INPUT and INPUT in given:
                given[INPUT] = self._instances.features(given[INPUT], spec, n)
        given = conditions.checked(self.inputs, given, n, self.labels)
        return latents.draw(self.inputs, n, seed, self._banks, given)

    def _batches(self, n, batch_size, values):
        images = np.empty((n, *self.image_shape), np.uint8)
        for start in range(0, n, batch_size):
            part = {name: value[start : start + batch_size] for name, value in values.items()}
            images[start : start + batch_size] = self._images(part)
        return images

    def _images(self, values):
        """uint8 images of one batch."""
        return self._run(self._session, ONNX, "images", values)

    def _label_input(self):
        for spec in self.inputs:
            if spec.distribution == "label":
                return spec
        raise UsageError(f"label must not be given: this {self.manifest['system']} has no classes")


def _fit(found, wanted):
    """Whether a graph's shape is that of the manifest; names in it, and None, are free."""
    if found is None or wanted is None or len(found) != len(wanted):
        return False
    return all(a == b for a, b in zip(found, wanted) if isinstance(a, int) and b is not None)


def _shape_text(shape):
    return "absent" if shape is None else f"[{', '.join(map(str, ('batch', *shape)))}]"


class Translator:
    """A network of a bundle from images to images, run by onnxruntime.

    Args:
        folder: a bundle, as `kgan.export.export` writes it of a model that translates, such as a CycleGAN.
        threads: number of CPU threads, >= 1; `None` for onnxruntime's choice.
        providers: onnxruntime's execution providers in order of preference; `None` for the CPU.
        memory: bytes that the translation of one batch may take, about, > 0. Smaller batches are made of
            larger images, and images that alone need more are refused.

    Attributes:
        direction: such as `"ab"`.
        image_shape: (height, width, channels); None for a side of any length.
        sides: the `kgan.types.Sides` of the free ones, or `None`.

    Raises:
        UsageError: the folder is no bundle, or one of a generator.
        BundleError: the bundle is damaged or holds no ONNX model.
        MissingExtraError: onnxruntime is not installed.

    Example: `Translator("bundle").translate(images)` for uint8 images `[n, height, width, channels]`.
    """

    def __init__(self, folder, *, threads=None, providers=None, memory=4e9):
        if threads is not None:
            checks.count("threads", threads)
        self.folder, self.memory = pathlib.Path(folder), checks.positive("memory", memory)
        self.manifest = read_manifest(self.folder)
        about = self.manifest.get("translation")
        if not about:
            raise UsageError(
                f"the bundle {folder} draws images: use kgan sample or kgan.export.runtime.Generator"
            )
        model = read_model(self.folder, self.manifest)
        try:
            self.direction, self.image_shape = str(about["direction"]), _picture_shape(self.manifest)
            self.sides = None if about["multiple"] is None else Sides(about["multiple"], about["least"])
            self._bytes_per_pixel = checks.count("bytes_per_pixel", about["bytes_per_pixel"])
        except (KeyError, UsageError) as error:
            raise BundleError(f"the bundle {folder} is damaged: {error} in translation") from error
        self._session = open_session(model, self.folder, threads=threads, providers=providers)

    def translate(self, images, batch_size=16, *, pad=False):
        """Turns images of one set into images of the other.

        Args:
            images: uint8 `[n, height, width, channels]`; see `sides` for the sizes that fit.
            batch_size: images at a time, >= 1; it changes no image.
            pad: whether images of other sizes are continued by their mirror image to the next one that fits,
                and the result is cut back, instead of being an error.

        Returns:
            uint8 array `[n, height, width, channels]`.

        Raises:
            UsageError: images of another type or shape, or too large for `memory`.
            BundleError: onnxruntime cannot run the network.
        """
        check_counts(batch_size=batch_size)
        images = np.asarray(images)
        height, width = images.shape[1:3] if images.ndim == 4 else (0, 0)
        need = self.check_memory(height, width)
        if pad and images.ndim == 4 and min(height, width) > 0:
            more = [(0, new - old) for new, old in zip(self._grown(height, width), (height, width))]
            images = np.pad(images, ((0, 0), *more, (0, 0)), mode="symmetric")
        check_pictures(images, self.image_shape, self.sides)
        if not len(images):
            return np.empty((0, height, width, self.manifest["image_shape"][-1]), np.uint8)
        batch_size = min(batch_size, int(self.memory // need))
        parts = [self._run(images[i : i + batch_size]) for i in range(0, len(images), batch_size)]
        return np.concatenate(parts)[:, :height, :width]

    def check_memory(self, height, width):
        """About how many bytes the translation of one image takes.

        Args:
            height: pixels.
            width: pixels.

        Raises:
            UsageError: it is more than `memory`.
        """
        rows, columns = self._grown(height, width)
        need = self._bytes_per_pixel * rows * columns
        if need > self.memory:
            raise UsageError(
                f"images must have at most {int(self.memory // self._bytes_per_pixel):,} pixels to be "
                f"translated in {self.memory / 1e9:g} GB, got {height}x{width}, which needs about "
                f"{need / 1e9:.2g} GB: shrink them or allow more memory"
            )
        return need

    def _grown(self, height, width):
        """The next (height, width) that fits the network."""
        if self.sides is None:
            return height, width
        step = self.sides.multiple
        return tuple(max(self.sides.least, -(-side // step) * step) for side in (height, width))

    def _run(self, images):
        try:
            return self._session.run(["images"], {"image": images})[0]
        except Exception as error:  # onnxruntime's errors share no base but Exception
            raise BundleError(f"onnxruntime cannot run {ONNX}: {onnx_session.first_line(error)}") from error


def _picture_shape(manifest):
    """(height, width, channels) of the only input of a translating bundle; None for a free side."""
    shape = manifest["inputs"][0].shape if len(manifest["inputs"]) == 1 else ()
    if len(shape) != 3 or shape[2] is None:
        raise UsageError(f"the only input must be images, got {len(manifest['inputs'])} of shape {shape}")
    return shape


def check_counts(**counts):
    """Raises UsageError unless all of them are integers of at least 1."""
    for name, value in counts.items():
        checks.count(name, value)


def read_model(folder, manifest):
    """The bytes of a bundle's ONNX model; raises BundleError where there is none, or it was changed."""
    if "onnx" not in manifest["formats"]:
        raise BundleError(f"the bundle {folder} holds no {ONNX}: export it again with the format onnx")
    return read_checked(folder, manifest, ONNX)


def open_session(model, folder, *, name=ONNX, threads=None, providers=None):
    """An onnxruntime session on the bytes of a model.

    Args:
        model: serialized ONNX model.
        folder: the bundle; a model that refers to files may refer to files in it only.
        name: the model's file.
        threads: number of CPU threads, or `None`.
        providers: onnxruntime's execution providers, or `None` for the CPU.

    Raises:
        BundleError: onnxruntime cannot load the model.
        MissingExtraError: onnxruntime is not installed.
    """
    return onnx_session.open_session(
        model, folder, name=name, error=BundleError, threads=threads, providers=providers
    )


def _read_banks(folder, manifest):
    """The examples of conditions that a bundle carries, by the name of the input."""
    return read_arrays(folder, manifest, CONDITIONS) if CONDITIONS in manifest["files"] else {}


def read_arrays(folder, manifest, name):
    """The arrays of an `.npz` file of a bundle, by name; raises BundleError where it was changed."""
    content = read_checked(folder, manifest, name)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BundleError(f"{name} is damaged: {error}") from error
