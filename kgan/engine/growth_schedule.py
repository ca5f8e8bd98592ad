"""When a network grows: phases counted in images shown, and what changes with each of them."""

import dataclasses
import math

import keras

from kgan import checks
from kgan.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Phase:
    """A part of the training in which nothing changes its shape.

    Args:
        side: pixels of the images.
        fading: whether the layers of this side are being blended in.
        images: images to show, or to show until the blend is complete.
        batch_size: images per step.
        learning_rate: of every player, or `None` for that of the optimizers.
        epochs: how many Keras epochs the phase is cut into.
        first: images shown before the phase.
    """

    side: int
    fading: bool
    images: int
    batch_size: int
    learning_rate: float | None
    epochs: int
    first: int

    @property
    def steps(self):
        """Train steps of the phase: the whole batches that show at least `images`."""
        return math.ceil(self.images / self.batch_size)

    @property
    def shown(self):
        """Images that the phase shows: `images`, rounded up to a whole batch."""
        return self.steps * self.batch_size

    def begin_of(self, epoch):
        """Train steps of the phase before one of its epochs, counted from 0; epochs may follow the last."""
        return epoch * self.steps // self.epochs

    def epoch_of(self, step):
        """The epoch, counted from 0 in the phase, that a train step of the phase lies in."""
        return ((step + 1) * self.epochs - 1) // self.steps


@keras.saving.register_keras_serializable("kgan")
class GrowthSchedule:
    """Stable training at the first side, then for each next side a fade and a stable part.

    Side, batch size and learning rate change when a fade begins. Images are counted as shown to the
    discriminator; a phase ends with the first whole batch that completes them, so every step of a fade begins
    with alpha below 1. Karras et al. 2018, appendix A.

    Args:
        resolution: side of the last images, a power of two, 4 to 1024.
        start: side of the first images, a power of two, 4 to `resolution`.
        stable_images: images shown at each side once it is complete, at least 1.
        fade_images: images during which a side is blended in; 0 switches to it at once.
        last_images: images of the last part, at least 1; `None` for as many as of the other stable ones.
        total_images: images of the whole training instead, more than there are before the last part.
        batch_size: images per step, or a dict from sides to them, each valid up to the next side named.
        learning_rate: of every player's optimizer, or such a dict; `None` leaves them as they are compiled.
        images_per_epoch: about how many images make an epoch, with which checkpoints and sheets come;
            default `stable_images`. An epoch lies within one phase, whose epochs differ by at most a step.

    Raises:
        UsageError: an argument breaks its rule, `total_images` do not reach the resolution, or they are given
            with `last_images`.

    Example:

    >>> schedule = GrowthSchedule(16, stable_images=600, fade_images=300, batch_size=10)
    >>> [(phase.side, phase.fading, phase.first) for phase in schedule.phases]
    [(4, False, 0), (8, True, 600), (8, False, 900), (16, True, 1500), (16, False, 1800)]
    >>> schedule.at(750)
    (8, 0.5)
    """

    def __init__(
        self,
        resolution,
        *,
        start=4,
        stable_images=600_000,
        fade_images=600_000,
        last_images=None,
        total_images=None,
        batch_size=64,
        learning_rate=None,
        images_per_epoch=None,
    ):
        check_side("resolution", resolution)
        check_side("start", start)
        if start > resolution:
            raise UsageError(f"start must be at most the resolution {resolution}, got {start}")
        if last_images is not None and total_images is not None:
            raise UsageError(f"last_images must be None with total_images, got {last_images}")
        self.resolution, self.start = int(resolution), int(start)
        self.stable_images = checks.count("stable_images", stable_images)
        self.fade_images = checks.count("fade_images", fade_images, 0)
        self.last_images = _optional("last_images", last_images)
        self.total_images = _optional("total_images", total_images)
        self.images_per_epoch = _optional("images_per_epoch", images_per_epoch)
        self.batch_size = _table("batch_size", batch_size, checks.count)
        self.learning_rate = _table("learning_rate", learning_rate, checks.positive)
        self.phases = tuple(self._phases())

    def _phases(self):
        parts = [(self.start, False, self.stable_images)]
        for side in sides(self.start, self.resolution)[1:]:
            parts += [(side, True, self.fade_images)] if self.fade_images else []
            parts.append((side, False, self.stable_images))
        before = sum(images for _, _, images in parts[:-1])
        if self.total_images is not None:
            if self.total_images <= before:
                raise UsageError(
                    f"total_images must be more than {before} to reach {self.resolution}x{self.resolution}, "
                    f"got {self.total_images}"
                )
            parts[-1] = (self.resolution, False, self.total_images - before)
        elif self.last_images is not None:
            parts[-1] = (self.resolution, False, self.last_images)
        first = 0
        for side, fading, images in parts:
            batch, rate = _value_at(self.batch_size, side), _value_at(self.learning_rate, side)
            if batch is None:
                raise UsageError(f"batch_size must be given for {side}x{side}, got None")
            epochs = max(1, round(images / (self.images_per_epoch or self.stable_images)))
            epochs = min(epochs, math.ceil(images / batch))
            phase = Phase(side, fading, images, batch, rate, epochs, first)
            yield phase
            first += phase.shown

    @property
    def epochs(self):
        """Keras epochs of the whole schedule."""
        return sum(phase.epochs for phase in self.phases)

    def shortfall(self, epochs):
        """One line that says where a training of so many epochs ends, or `None` if it completes the schedule.

        Example:

        >>> GrowthSchedule(16).shortfall(2)
        'the schedule has 5 epochs and ends at 16x16; after 2 it stands at 8x8'
        """
        if epochs >= self.epochs:
            return None
        end, last = (f"{side}x{side}" for side in (self.phase_of(epochs - 1).side, self.resolution))
        return f"the schedule has {self.epochs} epochs and ends at {last}; after {epochs} it stands at {end}"

    def phase_of(self, epoch):
        """The phase of an epoch, counted from 0; epochs after the last belong to the last phase."""
        return self._place_of(epoch)[0]

    def steps_of(self, epoch):
        """Train steps of an epoch, counted from 0."""
        phase, epoch = self._place_of(epoch)
        return phase.begin_of(epoch + 1) - phase.begin_of(epoch)

    def _place_of(self, epoch):
        """The phase of an epoch, and the epoch's number in it."""
        for phase in self.phases[:-1]:
            if epoch < phase.epochs:
                return phase, epoch
            epoch -= phase.epochs
        return self.phases[-1], epoch

    def at(self, images):
        """`(side, alpha)` after so many images; alpha is the weight of the newest layers."""
        begun = (phase for phase in reversed(self.phases) if phase.first < images)
        phase = next(begun, self.phases[0])
        alpha = min((images - phase.first) / phase.images, 1.0) if phase.fading else 1.0
        return phase.side, alpha

    def level_of_detail(self, images):
        """How many doublings are still missing, as the published code counts: 1 - alpha of one in a fade."""
        side, alpha = self.at(images)
        return math.log2(self.resolution / side) + 1.0 - alpha

    def get_config(self):
        names = ("start", "stable_images", "fade_images", "last_images", "total_images", "images_per_epoch")
        own = {name: getattr(self, name) for name in names}
        tables = {"batch_size": self.batch_size, "learning_rate": self.learning_rate}
        named = {
            key: {str(side): value for side, value in table.items()} if isinstance(table, dict) else table
            for key, table in tables.items()
        }
        return {"resolution": self.resolution, **own, **named}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def check_side(name, side):
    """Raises UsageError unless a side is one that networks grow to: a power of two, 4 to 1024."""
    if not checks.is_integer(side) or not 4 <= side <= 1024 or side & (side - 1):
        raise UsageError(f"{name} must be a power of two from 4 to 1024, got {side!r}")


def sides(first, last):
    """Powers of two from `first` to `last`.

    Example:

    >>> sides(4, 32)
    [4, 8, 16, 32]
    """
    return [2**k for k in range(first.bit_length() - 1, last.bit_length())]


def _optional(name, value):
    return None if value is None else checks.count(name, value)


def _table(name, value, check):
    """A number or a dict from sides to numbers, each checked."""
    if not isinstance(value, dict):
        return None if value is None else check(name, value)
    # JSON has no integer keys.
    table = {int(s) if isinstance(s, str) and s.isdecimal() else s: number for s, number in value.items()}
    for side in table:
        check_side("a side", side)
    return {
        int(side): None if number is None else check(f"{name} at {side}x{side}", number)
        for side, number in sorted(table.items())
    }


def _value_at(table, side):
    if not isinstance(table, dict):
        return table
    return next((value for known, value in reversed(table.items()) if known <= side), None)
