"""What every score is: fed batches of reals and fakes in one pass, it returns named values."""

import dataclasses
from typing import ClassVar


@dataclasses.dataclass(frozen=True)
class Value:
    """One number of a result.

    Args:
        value: the score.
        std: its spread, or None; over what, the score says (subsets, splits, pairs, or the standard error).
        note: what a reader of the number must know, in a few words, or None.

    Example:
        >>> Value(2.5, 0.1).value
        2.5
    """

    value: float
    std: float | None = None
    note: str | None = None


class Score:
    """Base of the one-pass scores.

    A batch is a dict with some of `"features"` float `[n, d]`, `"logits"` float `[n, classes]` and
    `"images"` uint8 `[n, height, width, channels]`; a score reads what it names in `needs`. Batches may have
    any size, and reals and fakes may come in any order and interleaved.
    """

    name: ClassVar[str] = ""
    needs_real: ClassVar[bool] = True
    # An instance may need other things than its class does by default.
    needs: frozenset[str] = frozenset()

    def update_real(self, batch):
        """Takes in one batch of real images."""
        raise NotImplementedError(f"{type(self).__name__} must define update_real")

    def update_fake(self, batch):
        """Takes in one batch of generated images."""
        raise NotImplementedError(f"{type(self).__name__} must define update_fake")

    def result(self):
        """The values so far, a dict of name -> `Value`."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def settings(self):
        """The constructor's arguments: values with different settings are not comparable."""
        return {}
