"""Picture files through a translating bundle, one or a folder of them; imports no Keras."""

import sys
import warnings

from PIL import Image

from kgan.data.decode import SUFFIXES, Target, open_image, to_pixels
from kgan.errors import KganError, UsageError
from kgan.files import replacing
from kgan.pictures import check_suffix


def translate_file(translator, source, target, size=None, trim=None):
    """Translates one picture file.

    Transparent pictures are laid on white, animations count by their first frame, grey becomes colour or
    colour grey as the network needs. Sides that do not fit the network are continued by their mirror image,
    and the result is cut back to the picture's own size.

    Args:
        translator: a `kgan.export.runtime.Translator`.
        source: the picture, a `pathlib.Path`.
        target: the file to write, a `pathlib.Path`, another one than `source`; its suffix chooses the format.
        size: pixels, to which the longer side of larger pictures is shrunk first; `None` for no limit.
        trim: white pixels left around what the picture shows, which then fills the rest, as in the training
            on trimmed data; `None` keeps the picture's own margin. With `size` the result is a square of it.

    Raises:
        UsageError: a file name, a size that the network cannot take, or a margin without room for a picture.
        DataError: the file is no picture.
    """
    check_suffix(target)
    if target.resolve() == source.resolve():
        raise UsageError(f"the output must be another file than the input, got {target} for both")
    with warnings.catch_warnings():  # of large pictures: those beyond `memory` are refused below
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = open_image(str(source), str(source))
    height, width = _size(image, size, translator, trim)
    try:
        target_shape = Target(height, width, translator.image_shape[2], upscale=True, trim=trim)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error
    try:
        made = translator.translate(to_pixels(image, target_shape, str(source))[None], pad=True)[0]
    except UsageError as error:
        raise UsageError(f"{source}: {error}; --size and --memory set both") from error
    with replacing(target) as temporary:
        Image.fromarray(made[..., 0] if made.shape[-1] == 1 else made).save(temporary)


def translate_folder(translator, source, target, size=None, trim=None):
    """Translates every picture file that lies in a folder into PNG files of another one.

    A file that cannot be translated is named on standard error, and the others go on.

    Args:
        translator: a `kgan.export.runtime.Translator`.
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
            except KganError as error:
                failed += 1
                print(f"kgan: {error}", file=sys.stderr)
            progress("pictures", done, len(files))
    print(f"{len(files) - failed} pictures: {target}")
    if failed:
        raise KganError(f"{failed} of {len(files)} pictures could not be translated")


def _size(image, size, translator, trim):
    """(height, width) at which a picture goes through the network."""
    if None not in translator.image_shape:
        return translator.image_shape[:2]
    if trim is not None and size is not None:  # as training data of that size are made
        return size, size
    scale = 1.0 if size is None else min(1.0, size / max(image.width, image.height))
    return max(1, round(image.height * scale)), max(1, round(image.width * scale))
