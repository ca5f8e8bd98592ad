"""Picture files through a translating bundle, one or a folder of them; imports no Keras."""

import pathlib
import sys
import warnings

import numpy as np
from PIL import Image

from kgan.data.decode import SUFFIXES, Target, image_size, open_image, to_pixels
from kgan.errors import KganError, UsageError
from kgan.files import replacing
from kgan.pictures import check_suffix

# Bytes for each pixel of a file while it is read: the picture, a copy in another mode, a transparent one.
_READ = 12


def open_translator(folder, label=None, memory=4e9):
    """Opens what a bundle translates pictures with.

    Args:
        folder: the bundle of a CycleGAN's direction, or of a StarGAN.
        label: domain that pictures shall have, for a StarGAN: number or name of a class, or the numbers of
            its attributes with commas between them; `None` for a CycleGAN.
        memory: bytes that a translation may take, about, > 0.

    Raises:
        UsageError: the bundle does not translate pictures, or not with such a label.
        BundleError: the bundle is damaged.
    """
    from kgan.export.manifest import read_manifest
    from kgan.export.runtime import Generator, Translator

    manifest = read_manifest(pathlib.Path(folder))
    names = {spec.name for spec in manifest["inputs"]}
    if manifest.get("translation") or names != {"image", "domain"}:
        translator = Translator(folder, memory=memory)
        if label is not None:
            raise UsageError(f"--label must not be given: the bundle {folder} has no domains to choose from")
        return translator
    return _DomainTranslator(Generator(folder), label, memory)


class _DomainTranslator:
    """A bundle that takes a picture and a domain, as the translator to one domain."""

    def __init__(self, generator, label, memory):
        self.generator, self.memory = generator, memory
        self.image_shape = generator.image_shape
        spec = next(spec for spec in generator.inputs if spec.name == "domain")
        if label is None:
            known = ", ".join(generator.labels or ()) or f"{spec.num_classes or spec.shape[0]} numbers"
            raise UsageError(f"--label must name the domain that pictures shall have: {known}")
        if spec.distribution == "label":
            from kgan.conditions import one_class

            self.domain = one_class(generator.inputs, label, generator.labels, generator.folder)
            return
        try:
            self.domain = [float(number) for number in label.split(",")]
        except ValueError:
            self.domain = []
        if len(self.domain) != spec.shape[0] or not all(0 <= number <= 1 for number in self.domain):
            rule = f"{spec.shape[0]} numbers from 0 to 1 with commas between"
            raise UsageError(f"--label must be {rule}, got {label!r}")

    def check_memory(self, height, width):
        """Pictures get the network's size: nothing to check."""

    def translate(self, images, pad=False):
        """uint8 pictures of the network's size in the domain."""
        floats = images.astype(np.float32) / 127.5 - 1.0
        return self.generator.sample(len(images), image=floats, domain=self.domain)


def translate_file(translator, source, target, size=None, trim=None):
    """Translates one picture file.

    Transparent pictures are laid on white, animations count by their first frame, grey becomes colour or
    colour grey as the network needs. Sides that do not fit the network are continued by their mirror image,
    and the result is cut back to the picture's own size. Where the network takes images of one size alone,
    the middle of a picture is resized to it.

    Args:
        translator: what `open_translator` gave.
        source: the picture, a `pathlib.Path`.
        target: the file to write, a `pathlib.Path`, another one than `source`; its suffix chooses the format.
        size: pixels, to which the longer side of larger pictures is shrunk first; `None` for no limit.
        trim: white pixels left around what the picture shows, which then fills the rest, as in the training
            on trimmed data; `None` keeps the picture's own margin. With `size` the result is a square of it.

    Raises:
        UsageError: a file name, a size that the network cannot take, or a margin without room for a picture.
        DataError: the file is no picture.
    """
    if target.is_dir():
        raise UsageError(f"the output must be a picture's file, got the folder {target}")
    check_suffix(target)
    if target.resolve() == source.resolve():
        raise UsageError(f"the output must be another file than the input, got {target} for both")
    with warnings.catch_warnings():  # of large pictures: those beyond `memory` are refused
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        _check_memory(translator, source, size, trim)
        image = open_image(str(source), str(source))
    height, width = _size(image.height, image.width, size, translator, trim)
    try:
        target_shape = Target(height, width, translator.image_shape[2], upscale=True, trim=trim)
        made = translator.translate(to_pixels(image, target_shape, str(source))[None], pad=True)[0]
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error
    with replacing(target) as temporary:
        Image.fromarray(made[..., 0] if made.shape[-1] == 1 else made).save(temporary)


def translate_folder(translator, source, target, size=None, trim=None):
    """Translates every picture file that lies in a folder into PNG files of another one.

    A file that cannot be translated is named on standard error, and the others go on.

    Args:
        translator: what `open_translator` gave.
        source: the folder.
        target: the folder to write to, another one than `source`; it is created.
        size: as in `translate_file`.
        trim: as in `translate_file`.

    Raises:
        UsageError: the folders are the same, `target` is a file, or two pictures would get the same name.
        KganError: a file could not be translated.
    """
    from kgan.metrics.progress_line import ProgressLine

    files = sorted(p for p in source.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise UsageError(f"{source} holds no pictures")
    if target.is_file() or target.resolve() == source.resolve():
        raise UsageError(f"the output must be another folder than the input, got {target}")
    names = [path.stem for path in files]
    # a.jpg and a.png must not become one file.
    targets = [target / f"{path.name if names.count(path.stem) > 1 else path.stem}.png" for path in files]
    if len(set(targets)) < len(targets):
        again = next(path.name for path in targets if targets.count(path) > 1)
        raise UsageError(f"the pictures must get names of their own, got {again} twice: rename one of them")
    failed = 0
    with ProgressLine() as progress:
        for done, (path, made) in enumerate(zip(files, targets), 1):
            try:
                translate_file(translator, path, made, size, trim)
            except (KganError, OSError, MemoryError) as error:
                failed += 1
                print(f"kgan: {error or 'out of memory'}", file=sys.stderr)
            progress("pictures", done, len(files))
    print(f"{len(files) - failed} pictures: {target}")
    if failed:
        raise KganError(f"{failed} of {len(files)} pictures could not be translated")


def _check_memory(translator, source, size, trim):
    """Refuses a picture too large for `memory` by its header, before anything of it is read."""
    height, width = image_size(str(source), str(source))
    need = _READ * height * width
    if need > translator.memory:
        raise UsageError(
            f"{source}: a picture of {height}x{width} needs about {need / 1e9:.2g} GB to be read, more than "
            f"--memory {translator.memory / 1e9:g}: shrink it first or allow more"
        )
    try:
        translator.check_memory(*_size(height, width, size, translator, trim))
    except UsageError as error:
        raise UsageError(f"{source}: {error}; --size and --memory set both") from error


def _size(height, width, size, translator, trim):
    """(height, width) at which a picture goes through the network."""
    if None not in translator.image_shape:
        return translator.image_shape[:2]
    if trim is not None and size is not None:  # as training data of that size are made
        return size, size
    scale = 1.0 if size is None else min(1.0, size / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))
