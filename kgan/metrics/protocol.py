"""What a score was measured with, and the warning where two scores cannot be compared."""

import dataclasses
import math
import warnings
from typing import Any

from kgan.errors import DataError


class ProtocolWarning(UserWarning):
    """Two scores were compared that were not measured alike."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Everything that a score depends on besides the generator.

    Args:
        metric: name of the metric.
        settings: the metric's own settings.
        extractor: name of the feature network, or `None` for scores of pixels.
        digest: SHA-256 of the feature network.
        output: which of its outputs or layers is the features.
        size: (height, width) of its images in pixels.
        resize: how images get that size.
        real: number of real images, 0 where none are needed.
        fake: number of generated images.
        data: where the real images come from, as it was named.
        split: their split.
        fingerprint: hash of their pixels.
        heldout: hash of the pixels of held-out images, where the metric takes some.
        mirror: whether each real image counts a second time, mirrored.
        truncation: psi, or `None` for none.
        ema: whether the moving average was sampled; `None` where that is not known, as in a bundle.
        seed: of the samples' noise, and of the choice of real images.
        snapshots: number of states of the training of which this is the best.
    """

    metric: str
    settings: dict[str, Any]
    extractor: str | None
    digest: str | None
    output: str | None
    size: tuple[int, int] | None
    resize: str | None
    real: int
    fake: int
    data: str | None
    split: str | None
    fingerprint: str | None
    heldout: str | None = None
    mirror: bool = False
    truncation: float | None = None
    ema: bool | None = None
    seed: int = 0
    snapshots: int = 1

    def differences(self, other):
        """The names of the fields in which two protocols differ.

        The place of the data does not count where their pixels are the same, nor an average of which one
        side knows nothing.

        Args:
            other: another `Protocol`.

        Returns:
            A list of names, empty where scores may be compared.
        """
        names = [field.name for field in dataclasses.fields(self)]
        found = [name for name in names if getattr(self, name) != getattr(other, name)]
        ignored = {"split", "data"} if self.fingerprint and self.fingerprint == other.fingerprint else set()
        if None in (self.ema, other.ema):
            ignored.add("ema")
        return [name for name in found if name not in ignored]


@dataclasses.dataclass(frozen=True)
class Result:
    """One measured number.

    Args:
        name: such as `"fid[fashion_mnist]"`, with what it was measured on in brackets.
        value: the number.
        std: its spread, as the metric defines it, or `None`.
        protocol: a `Protocol`.
        seconds: time that the evaluation took, which scores measured together share.
        note: what a reader of the number must know, or `None`.
    """

    name: str
    value: float
    std: float | None
    protocol: Protocol
    seconds: float = 0.0
    note: str | None = None

    def difference(self, other):
        """This score minus another; warns if they were not measured alike.

        Args:
            other: another `Result`.

        Returns:
            A float; a `ProtocolWarning` names the fields that differ.

        Example:

        >>> protocol = Protocol("ms_ssim", {}, *[None] * 5, 0, 100, *[None] * 3)
        >>> Result("ms_ssim[pixels]", 0.5, None, protocol).difference(
        ...     Result("ms_ssim[pixels]", 0.25, None, protocol)
        ... )
        0.25
        """
        differing = self.protocol.differences(other.protocol)
        if self.name != other.name:
            differing = ["name", *differing]
        if differing:
            warnings.warn(
                f"{self.name} and {other.name} are not comparable: they differ in {', '.join(differing)}",
                ProtocolWarning,
                stacklevel=2,
            )
        return self.value - other.value

    def to_json(self):
        """The score as a dict that `json` can write; numbers that are not finite become text."""
        content = dataclasses.asdict(self)
        content["value"], content["std"] = _to_json(self.value), _to_json(self.std)
        return content

    @classmethod
    def from_json(cls, content):
        """The score that `to_json` wrote.

        Raises:
            DataError: it is something else.
        """
        try:
            protocol = dict(content["protocol"])
            protocol["size"] = None if protocol["size"] is None else tuple(protocol["size"])
            std = None if content["std"] is None else float(content["std"])
            read = {"value": float(content["value"]), "std": std, "protocol": Protocol(**protocol)}
            return cls(**{**content, **read})
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"a score must be as kgan wrote it: {error}") from error


def _to_json(number):
    return str(number) if number is not None and not math.isfinite(number) else number
