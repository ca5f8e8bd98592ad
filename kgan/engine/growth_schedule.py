"""When a network grows: phases counted in images shown, and what changes with each of them."""

import dataclasses
import math

import keras

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
    def steps_per_epoch(self):
        """Train steps of an epoch; the phase shows at least `images`, whole epochs of whole batches."""
        return math.ceil(self.images / (self.epochs * self.batch_size))

    @property
    def shown(self):
        """Images that the phase shows: `images`, rounded up."""
        return self.epochs * self.steps_per_epoch * self.batch_size


@keras.saving.register_keras_serializable("kgan")
class GrowthSchedule:
    """Stable training at the first side, then for each next side a fade and a stable part.

    Side, batch size and learning rate change when a fade begins. Images are counted as shown to the
    discriminator; a phase has epochs of equally many whole batches, so it shows its images rounded up by less
    than a batch per epoch, and a fade that is not divided evenly ends with steps at alpha 1 in which its old
    layers still run. Karras et al. 2018, appendix A.

    Args:
        resolution: side of the last images, a power of two, 4 to 1024.
        start: side of the first images, a power of two, 4 to `resolution`.
        stable_images: images shown at each side once it is complete, at least 1.
        fade_images: images during which a side is blended in; 0 switches to it at once.
        total_images: images of the whole training, which prolongs the last part; `None` for no more.
        batch_size: images per step, or a dict from sides to them, each valid up to the next side named.
        learning_rate: of every player's optimizer, or such a dict; `None` leaves them as they are compiled.
        images_per_epoch: about how many images make an epoch, with which checkpoints and sheets come;
            default `stable_images`. An epoch lies within one phase.

    Raises:
        UsageError: an argument breaks its rule, or `total_images` do not reach the resolution.

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
        total_images=None,
        batch_size=64,
        learning_rate=None,
        images_per_epoch=None,
    ):
        check_side("resolution", resolution)
        check_side("start", start)
        if start > resolution:
            raise UsageError(f"start must be at most the resolution {resolution}, got {start}")
        least = {"stable_images": (stable_images, 1), "fade_images": (fade_images, 0)}
        least["images_per_epoch"] = (images_per_epoch or stable_images, 1)
        for name, (value, smallest) in least.items():
            if value != int(value) or value < smallest:
                raise UsageError(f"{name} must be an integer of at least {smallest}, got {value}")
        self.resolution, self.start = resolution, start
        self.stable_images, self.fade_images = int(stable_images), int(fade_images)
        self.total_images, self.images_per_epoch = total_images, images_per_epoch
        self.batch_size, self.learning_rate = _plain(batch_size), _plain(learning_rate)
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
            parts[-1] = (self.resolution, False, int(self.total_images) - before)
        first = 0
        for side, fading, images in parts:
            batch, rate = _value_at(self.batch_size, side), _value_at(self.learning_rate, side)
            if batch is None or batch != int(batch) or batch < 1:
                raise UsageError(f"batch_size must be an integer of at least 1 at {side}x{side}, got {batch}")
            if rate is not None and not (math.isfinite(rate) and rate > 0):
                raise UsageError(f"learning_rate must be greater than 0 at {side}x{side}, got {rate}")
            epochs = max(1, round(images / (self.images_per_epoch or self.stable_images)))
            epochs = min(epochs, math.ceil(images / batch))
            phase = Phase(side, fading, images, int(batch), rate, epochs, first)
            yield phase
            first += phase.shown

    @property
    def epochs(self):
        """Keras epochs of the whole schedule."""
        return sum(phase.epochs for phase in self.phases)

    def phase_of(self, epoch):
        """The phase of an epoch, counted from 0; epochs after the last belong to the last phase."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]

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
        names = ("start", "stable_images", "fade_images", "total_images", "images_per_epoch")
        own = {name: getattr(self, name) for name in names}
        tables = {"batch_size": self.batch_size, "learning_rate": self.learning_rate}
        # JSON has no integer keys.
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
    if isinstance(side, bool) or side != int(side) or not 4 <= side <= 1024 or side & (side - 1):
        raise UsageError(f"{name} must be a power of two from 4 to 1024, got {side}")


def sides(first, last):
    """Powers of two from `first` to `last`.

    Example:

    >>> sides(4, 32)
    [4, 8, 16, 32]
    """
    return [2**k for k in range(first.bit_length() - 1, last.bit_length())]


def _plain(table):
    if not isinstance(table, dict):
        return table
    table = {int(side): value for side, value in table.items()}
    for side in table:
        check_side("a side", side)
    return dict(sorted(table.items()))


def _value_at(table, side):
    if not isinstance(table, dict):
        return table
    return next((value for known, value in reversed(table.items()) if known <= side), None)
