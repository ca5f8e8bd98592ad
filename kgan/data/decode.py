"""From the bytes of an image file to uint8 pixels of one size: every rule about modes, sizes and crops."""

import contextlib
import dataclasses
import io
import re
import struct
import zlib

import numpy as np
import PIL.Image
import PIL.ImageOps

from kgan import checks
from kgan.errors import DataError, UsageError

# Changing any rule below must change this number: decoded pixels are cached under it.
POLICY = 2

# Nothing else is tried: EPS starts Ghostscript, and a data set from a hub is not to be trusted with that.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif"),
)

_GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_WHITE = 250  # a JPEG's white is not always 255
# What PIL's readers raise on damaged files, besides its own OSErrors.
_DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, RuntimeError),
    *(OverflowError, ZeroDivisionError, struct.error, zlib.error),
)


@dataclasses.dataclass(frozen=True)
class Target:
    """What every image becomes.

    Args:
        height: pixels, at least 1.
        width: pixels, at least 1.
        channels: 1 (grey) or 3 (RGB).
        upscale: whether smaller images are enlarged, instead of being an error.
        same_size: whether an image of another size is an error, instead of being resized.
        same_kind: whether grey among colour (or colour among grey) is an error, instead of being converted.
        trim: white pixels left around what is shown, at least 0 and less than half of each side; `None` keeps
            an image's own borders.

    Raises:
        UsageError: `trim` leaves no room for what is shown.
    """

    height: int
    width: int
    channels: int
    upscale: bool = False
    same_size: bool = False
    same_kind: bool = False
    trim: int | None = None

    def __post_init__(self):
        if self.trim is not None and 2 * checks.count("trim", self.trim, 0) >= min(self.height, self.width):
            raise UsageError(
                f"trim must be less than half of {min(self.height, self.width)} pixels, got {self.trim}"
            )

    @property
    def shape(self):
        return self.height, self.width, self.channels


def open_image(file, name):
    """Reads one image file, upright according to its EXIF orientation.

    Args:
        file: the bytes of the file, or its path.
        name: how an error calls the image.

    Returns:
        A loaded PIL image in the mode of the file (the first frame of an animation).

    Raises:
        DataError: the file is no image of a known format, or it is damaged.
    """
    with _opened(file, name) as image:
        return PIL.ImageOps.exif_transpose(image)


def image_size(file, name):
    """(height, width) of an image file as it is stored, from its header alone.

    Args:
        file: the bytes of the file, or its path.
        name: how an error calls the image.

    Raises:
        DataError: as `open_image`.
    """
    with _opened(file, name) as image:
        return image.height, image.width


@contextlib.contextmanager
def _opened(file, name):
    """PIL's lazy image of a file; what its readers raise within the block becomes a DataError."""
    PIL.Image.init()
    formats = [known for known in FORMATS if known in PIL.Image.OPEN]
    try:
        with PIL.Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=formats) as image:
            yield image
    except PIL.UnidentifiedImageError:
        raise DataError(f"{name} is no readable image: none of {', '.join(FORMATS)}, or cut short") from None
    except PIL.Image.DecompressionBombError as error:
        found, most = (f"{int(number):,}" for number in re.findall(r"\d+", str(error))[:2])
        raise DataError(f"{name} is too large: at most {most} pixels are read, got {found}") from None
    except _DAMAGED as error:
        raise DataError(f"{name} is damaged or unreadable: {_line(error)}") from None


def is_grey(image):
    """Whether a PIL image counts as grey: by its mode, not by its pixels."""
    return image.mode in _GREY


def to_pixels(image, target, name):
    """Converts, crops and resizes one image.

    Transparent images are laid on white, 16-bit grey is divided by 257 and rounded, other modes (CMYK,
    palette, ...) become RGB as PIL converts them (colour profiles are ignored). Grey from colour is ITU-R
    601-2 luma; colour from grey repeats the channel. The largest centred part with the target's aspect
    ratio is kept and resized in one pass: Lanczos (antialiased) when it shrinks, bicubic when it grows.

    Where the target is trimmed, the smallest rectangle that holds all pixels darker than 250 (in any channel)
    is resized as a whole instead, to fit between the margins, and laid on the middle of white.

    Args:
        image: a loaded PIL image.
        target: a `Target`.
        name: how an error calls the image.

    Returns:
        uint8 array of shape `target.shape`.

    Raises:
        DataError: the image breaks a rule of the target.

    Example:

    >>> to_pixels(PIL.Image.new("RGB", (40, 20), "red"), Target(8, 8, 3), "a red image")[0, 0]
    array([255,   0,   0], dtype=uint8)
    """
    _check(image, target, name)
    image = _flat(image, "L" if target.channels == 1 else "RGB", name)
    size = (target.width, target.height)
    if target.trim is not None:
        image = _trimmed(image, target)
    elif image.size != size:
        scale = max(target.width / image.width, target.height / image.height)
        width, height = target.width / scale, target.height / scale
        left, top = (image.width - width) / 2, (image.height - height) / 2
        image = image.resize(size, _sampling(scale), box=(left, top, left + width, top + height))
    return np.asarray(image, dtype=np.uint8).reshape(target.shape)


def _sampling(scale):
    return PIL.Image.Resampling.BICUBIC if scale > 1 else PIL.Image.Resampling.LANCZOS


def _trimmed(image, target):
    values = np.asarray(image).reshape(image.height, image.width, -1)
    shown = (values < _WHITE).any(axis=-1)
    canvas = PIL.Image.new(image.mode, (target.width, target.height), "white")
    if not shown.any():
        return canvas
    rows, columns = np.nonzero(shown)
    top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
    width, height = float(right - left), float(bottom - top)
    scale = min((target.width - 2 * target.trim) / width, (target.height - 2 * target.trim) / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Cut first: a box of `resize` would let the white around it in.
    part = image.crop((left, top, right, bottom)).resize(size, _sampling(scale))
    canvas.paste(part, ((target.width - size[0]) // 2, (target.height - size[1]) // 2))
    return canvas


def _check(image, target, name):
    grey = is_grey(image)
    if target.same_kind and grey != (target.channels == 1):
        kind, others = ("grey", "colour") if grey else ("colour", "grey")
        raise DataError(
            f"{name} is {kind} (mode {image.mode}) in a data set whose first image is {others}: "
            "pass channels=1 or channels=3 to convert all images"
        )
    height, width = image.height, image.width
    if target.same_size and (height, width) != (target.height, target.width):
        raise DataError(
            f"{name} is {height}x{width} in a data set whose first image is {target.height}x{target.width} "
            "(height x width): pass image_size to resize all images"
        )
    if not target.upscale and (height < target.height or width < target.width):
        raise DataError(
            f"{name} is {height}x{width}, smaller than the image_size {target.height}x{target.width} "
            "(height x width): ask for a smaller size or pass upscale=True"
        )


def _flat(image, mode, name):
    """Any PIL image as 8-bit grey ("L") or "RGB", without transparency."""
    if image.mode in _DEEP:
        image = _eight_bits(image, name)
    elif image.mode == "F":
        raise DataError(f"{name} has float pixels (mode F), which have no stated range: store 8 or 16 bits")
    try:
        if image.has_transparency_data:
            white = PIL.Image.new("RGBA", image.size, "white")
            image = PIL.Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
        return image if image.mode == mode else image.convert(mode)
    except ValueError as error:
        raise DataError(
            f"{name} has mode {image.mode}, which does not become {mode}: {_line(error)}"
        ) from None


def _eight_bits(image, name):
    values = np.asarray(image).astype(np.int64)
    least, most = values.min(), values.max()
    if least < 0 or most > 65535:
        raise DataError(f"{name} has grey values from {least} to {most}: 16 bits (0 to 65535) are read")
    # 65535 = 255 * 257, so this maps both ends exactly and rounds to the nearest level.
    return PIL.Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _line(error):
    return " ".join(str(error).split())[:200] or type(error).__name__
