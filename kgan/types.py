"""Types shared by training, export and the runtime; imports numpy only."""

import dataclasses
from typing import Any, TypeAlias

import numpy as np

from kgan import checks
from kgan.errors import UsageError

Tensor: TypeAlias = Any  # a tensor of whichever backend runs
Batch: TypeAlias = Any  # what a data set yields: images, or (images, labels)
Logs: TypeAlias = dict[str, Any]  # name -> scalar

_LAWS = ("normal", "uniform", "uniform01", "uniform_sqrt3", "sphere", "zeros", "ones")
DISTRIBUTIONS = (*_LAWS, "label", "given")


@dataclasses.dataclass(frozen=True)
class Input:
    """One named input of a sampling network, with the law it is drawn from.

    Args:
        name: the name in the exported graph.
        shape: its shape without the batch axis, e.g. `(100,)`; `()` for one label per sample; None for a side
            of any length, of a `"given"` input alone.
        dtype: `"float32"`, `"int32"` for labels, or `"uint8"` for pictures.
        distribution: `"normal"` N(0, 1); `"uniform"` U(-1, 1); `"uniform01"` U(0, 1); `"uniform_sqrt3"`
            U(-sqrt 3, sqrt 3), of variance 1; `"sphere"` N(0, I) scaled to unit length; `"zeros"`; `"ones"`;
            `"label"`, a class number uniform in [0, num_classes); or `"given"`, a condition without a law,
            which the caller gives or which is drawn from a bank of examples.
        description: one line for the model card.
        num_classes: how many classes a `"label"` has; None for the others.

    Raises:
        UsageError: an unknown distribution, `num_classes` absent from a label or given to another input, or a
            side of any length of an input that is drawn.

    Example:
        >>> Input("z", (100,)).distribution
        'normal'
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"
    distribution: str = "normal"
    description: str = ""
    num_classes: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(None if n is None else int(n) for n in self.shape))
        if self.distribution not in DISTRIBUTIONS:
            names = ", ".join(DISTRIBUTIONS)
            raise UsageError(f"distribution must be one of {names}, got {self.distribution!r}")
        if None in self.shape and self.distribution != "given":
            raise UsageError(f"shape must have no None in it for {self.distribution!r}, got {self.shape}")
        if self.distribution == "label":
            if self.num_classes is None or self.num_classes < 1:
                raise UsageError(f"num_classes of a label must be at least 1, got {self.num_classes}")
        elif self.num_classes is not None:
            raise UsageError(
                f"num_classes is only for labels, got {self.num_classes} with {self.distribution!r}"
            )


def to_uint8(images, data_range=(-1.0, 1.0)):
    """Round images to 8 bits: floor(clip((x - low) / (high - low) * 255 + 0.5, 0, 255)).

    Args:
        images: float array of any shape; values outside the range are clipped.
        data_range: `(low, high)`, the values that become 0 and 255.

    Returns:
        A uint8 array of the same shape.

    Raises:
        UsageError: `low >= high`, integer images, or a NaN.

    Example:
        >>> to_uint8(np.array([-1.0, 0.0, 1.0, 9.0])).tolist()
        [0, 128, 255, 255]
    """
    low, high = (float(v) for v in data_range)
    if not low < high:
        raise UsageError(f"data_range must be (low, high) with low < high, got ({low}, {high})")
    images = np.asarray(images)
    if images.dtype.kind in "biu":
        raise UsageError(f"images must be floating point, got {images.dtype}")
    images = images.astype(np.result_type(images.dtype, np.float32))
    if np.isnan(images).any():
        raise UsageError(f"images must not hold NaN, got {int(np.isnan(images).sum())} of them")
    scale = 255.0 / (high - low)
    # For [-1, 1] this is x*127.5 + 128, the conversion that published scores use (evaluation rules).
    return np.clip(images * scale + (0.5 - low * scale), 0.0, 255.0).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class Sides:
    """Which heights and widths a network that translates images can take.

    Args:
        multiple: what both must be multiples of, >= 1.
        least: the smallest of them, a multiple of `multiple`.

    Raises:
        UsageError: an argument breaks its rule.
    """

    multiple: int
    least: int

    def __post_init__(self):
        checks.count("multiple", self.multiple)
        if checks.count("least", self.least) % self.multiple:
            raise UsageError(f"least must be a multiple of {self.multiple}, got {self.least}")


def check_pictures(images, shape, sides=None):
    """Raises unless an array is a batch of pictures that a translating network takes.

    Args:
        images: an array.
        shape: (height, width, channels); None for a side of any length.
        sides: `Sides` of the free ones, or `None`.

    Raises:
        UsageError: another type or shape.

    Example:
        >>> check_pictures(np.zeros((2, 8, 12, 3), np.uint8), (None, None, 3), Sides(4, 8))
    """
    fits = images.ndim == 4 and all(want in (None, n) for want, n in zip(shape, images.shape[1:]))
    if images.dtype != np.uint8 or not fits:
        names = zip(("height", "width", "channels"), shape)
        wanted = "x".join(["n", *(name if side is None else str(side) for name, side in names)])
        raise UsageError(f"images must be uint8 {wanted}, got {images.dtype} {images.shape}")
    height, width = images.shape[1:3]
    if sides is not None and (height % sides.multiple or width % sides.multiple):
        raise UsageError(
            f"images must have sides that are multiples of {sides.multiple} for this network, "
            f"got {height}x{width}"
        )
    if sides is not None and min(height, width) < sides.least:
        raise UsageError(
            f"images must have sides of at least {sides.least} pixels for this network, got {height}x{width}"
        )
