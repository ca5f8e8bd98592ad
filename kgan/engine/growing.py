"""Networks that grow, and the training that grows them within one `fit`.

All layers exist from the start. The phase of the schedule decides which of them run: `GrowingNetwork.at`
gives the network of a side, with or without the old layers that fade out, and a phase trains that network
alone. Inside a phase nothing changes but numbers in Keras variables, alpha among them, so a phase is
compiled once; and the position in the schedule is such a variable, so every checkpoint holds it.
"""

import json
import types
from typing import Any

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks, layers
from kgan.data.image_stream import ImageStream, StreamPart
from kgan.engine.growth_schedule import GrowthSchedule, check_side, sides
from kgan.engine.model import AdversarialModel
from kgan.errors import CheckpointError, UsageError
from kgan.layers.fade import blend

_SCHEDULE = "schedule"  # in a file of weights


class GrowingNetwork(keras.Model):
    """Base of networks with layers for every side from 4 to `resolution`, all of them built at once.

    A subclass makes its layers in the constructor, calls `finish` at its end, and connects those of one side
    in `connect`.

    Args:
        resolution: side of the largest images, a power of two, 4 to 1024.

    Raises:
        UsageError: another resolution.
    """

    def __init__(self, resolution, **kwargs):
        super().__init__(**kwargs)
        check_side("resolution", resolution)
        self.resolution = int(resolution)
        self.sides = sides(4, self.resolution)
        # In float32 under mixed precision too: alpha has more digits than float16.
        self.fade = layers.Fade(name="fade", dtype="float32")
        self._parts = types.MappingProxyType({})

    def connect(self, side, fading):
        """A functional network of one side; `fading` blends by `self.fade` with the side before."""
        raise NotImplementedError(f"{type(self).__name__} must define connect()")

    def finish(self):
        """Ends a subclass's constructor: builds all layers."""
        for side in self.sides:
            self.at(side)
        for side in self.sides[1:]:
            self.at(side, fading=True)
        self.built = True

    def at(self, side, fading=False):
        """The network of images of this side, made of this network's own layers.

        Args:
            side: one of `sides`.
            fading: whether the layers of the side before are still blended in.

        Raises:
            UsageError: another side, or a fade into the first one.
        """
        if side not in self.sides[1:] and (fading or side not in self.sides):
            known = self.sides[1:] if fading else self.sides
            raise UsageError(f"side must be one of {known}, got {side}")
        if (side, fading) not in self._parts:
            # A proxy hides the networks from Keras, which would save their layers a second time.
            self._parts = types.MappingProxyType({**self._parts, (side, fading): self.connect(side, fading)})
        return self._parts[side, fading]

    def call(self, inputs, training=False):
        return self.at(self.resolution)(inputs, training=training)

    def get_config(self):
        return {**super().get_config(), "resolution": self.resolution}


class _OneTraining(keras.callbacks.CallbackList):
    """Callbacks to whom the fits of single epochs are one training."""

    last: Any = None

    def on_train_begin(self, logs=None):
        """Called by each epoch's fit: nothing begins."""

    def on_train_end(self, logs=None):
        self.last = logs

    def begin(self):
        super().on_train_begin()

    def end(self):
        super().on_train_end(self.last)


class GrowingModel(AdversarialModel):
    """A game whose networks grow by a schedule while they are trained.

    `fit` passes through all phases. It serves images at the phase's side in the phase's batches, and begins
    each phase with fresh optimizers, as Karras et al. 2018 do. It continues where the model stands, so
    `epochs - initial_epoch` is the number of epochs to train, of which each lies within one phase.

    Args:
        schedule: a `kgan.engine.GrowthSchedule` that ends at the networks' resolution.
        **kwargs: those of `AdversarialModel`.

    Raises:
        UsageError: the schedule does not fit the networks.
    """

    def __init__(self, *, schedule, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(schedule, GrowthSchedule):
            raise UsageError(f"schedule must be a GrowthSchedule, got {type(schedule).__name__}")
        self.schedule = schedule
        self._refusal = None
        self._phase = 0
        self.phase_number, self.shown = (
            self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False, name=name)
            for name in ("phase", "shown")
        )

    def finish(self):
        super().finish()
        for network in self._networks():
            if network.resolution != self.schedule.resolution:
                own, asked = (f"{side}x{side}" for side in (network.resolution, self.schedule.resolution))
                raise UsageError(f"the schedule must reach {own}, as the {network.name} does, got {asked}")
        self.begin(0)

    def _networks(self):
        return [network for group in self.players().values() for network in group]

    # -- the phase

    @property
    def phase(self):
        """The present `Phase` of the schedule."""
        return self.schedule.phases[self._phase]

    @property
    def resolution(self):
        """Side of the images that the schedule ends with."""
        return self.schedule.resolution

    @property
    def image_shape(self):
        """(height, width, channels) of the images of the present phase."""
        return (self.phase.side, self.phase.side, self.generator.channels)

    def images_shown(self):
        """Images shown since the training began."""
        return self.phase.first + self._shown()

    def _shown(self):
        return int(ops.convert_to_numpy(self.shown.value))

    def begin(self, number, shown=0):
        """Enters a phase of the schedule: other layers run, and the optimizers are fresh.

        Args:
            number: index into `schedule.phases`.
            shown: images of the phase that count as shown, at least 0.

        Raises:
            UsageError: the schedule has no such phase, or `shown` is below 0.
        """
        last = len(self.schedule.phases) - 1
        if not checks.is_integer(number) or not 0 <= number <= last:
            raise UsageError(f"number must be a phase of the schedule, from 0 to {last}, got {number!r}")
        shown = checks.count("shown", shown, 0)
        self._phase = int(number)
        self.phase_number.assign(self._phase)
        self.shown.assign(shown)
        phase = self.phase
        alpha = min(shown / phase.images, 1.0) if phase.fading else 1.0
        average = [] if self.average is None else [self.average.network]
        for network in [*self._networks(), *average]:
            network.at(phase.side, phase.fading)
            network.fade.alpha.assign(alpha)
        if self.compiled:
            partition = self.trained_variables()
            self.optimizer.restart(partition)
            self.find_regularized(partition)
            self._set_rates()
            # A new one is made, and compiled, at the next step.
            self.train_function = None

    def part(self, network):
        """What runs of a growing network in the present phase."""
        return network.at(self.phase.side, self.phase.fading)

    def trained_variables(self):
        return {
            player: [weight for network in group for weight in self.part(network).trainable_weights]
            for player, group in self.players().items()
        }

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self._set_rates()

    def _set_rates(self):
        rate = self.phase.learning_rate
        for player, optimizer in self.optimizer.players.items():
            if rate is None:
                continue
            try:
                optimizer.learning_rate = rate
            except TypeError as error:  # Keras refuses where a LearningRateSchedule is at work
                raise UsageError(
                    f"the optimizer of {player} must have a plain learning rate, as the growth schedule "
                    f"sets it to {rate}, got a schedule of its own"
                ) from error

    # -- the step

    def stateful_step(self, data):
        data = self._sized(data)
        with _backend.no_grad():
            if self.phase.fading:
                alpha = ops.minimum(ops.cast(self.shown, "float32") / self.phase.images, 1.0)
                for network in self._networks():
                    network.fade.alpha.assign(alpha)
        logs = super().stateful_step(data)
        count = ops.shape(keras.tree.flatten(data)[0])[0]
        with _backend.no_grad():
            self.shown.assign(self.shown + ops.cast(count, "int32"))
        return logs

    def _sized(self, data):
        """A batch of the stream whose tensors know their number; TensorFlow leaves it open in a fit."""
        if _backend.replicas() > 1:  # each has a part of the batch
            return data

        def sized(x):
            open_number = x is not None and x.shape[0] is None  # labels may be None
            return ops.reshape(x, (self.phase.batch_size, *x.shape[1:])) if open_number else x

        return keras.tree.map_structure(sized, data)

    def reals(self, images):
        """Real images as the networks of the phase see them: at its side, faded as the fakes are.

        Args:
            images: `[batch, side, side, channels]` of the phase's side or a multiple.
        """
        side = self.phase.side
        if images.shape[1] > side:
            images = shrink(images, images.shape[1] // side)
        if not self.phase.fading:
            return images
        alpha = ops.cast(self.generator.fade.alpha, images.dtype)
        return blend(images, _doubled(shrink(images, 2)), alpha)

    def mirrored(self, images):
        """Images of which each is flipped left to right with probability 1/2."""
        flip = keras.random.uniform((ops.shape(images)[0], 1, 1, 1), seed=self.seed_generator) < 0.5
        return ops.where(flip, ops.flip(images, axis=2), images)

    # -- training

    def fit(
        self,
        x=None,
        y=None,
        *,
        epochs=None,
        initial_epoch=0,
        batch_size=None,
        callbacks=None,
        shuffle=True,
        verbose: str | int = "auto",
        **others,
    ):
        """Trains through the phases of the schedule, from where the model stands.

        Args:
            x: images of the final resolution: `kgan.data.load_images(...)`, whose batch size is not used,
                or a float array `[n, height, width, channels]` in [-1, 1]; for a model with classes, images
                with labels or a pair of arrays.
            y: int labels `[n]` of an array, instead of a pair.
            epochs: epoch at which to end; default: that of the schedule's end.
            initial_epoch: epoch at which to begin to count.
            batch_size: `None`, or as the schedule has it.
            callbacks: list of Keras callbacks.
            shuffle: whether an array is shuffled.
            verbose: 0 for none of Keras' own progress bar.
            **others: refused: there is no validation, and the schedule has the steps.

        Raises:
            UsageError: the images are of another size or kind, the batch size is not the schedule's, an epoch
                is no integer of at least 0, or another argument is given.
        """
        if given := [name for name, value in others.items() if value is not None]:
            raise UsageError(
                "fit of a growing model takes x, y, epochs, initial_epoch, batch_size, callbacks, shuffle "
                f"and verbose, got {', '.join(given)}"
            )
        initial_epoch = checks.count("initial_epoch", initial_epoch, 0)
        stream = self._stream(x if y is None else (x, y), batch_size, shuffle)
        epochs = initial_epoch + self._epochs_left() if epochs is None else checks.count("epochs", epochs, 0)
        bar = verbose != 0
        history = keras.callbacks.History()
        calls = _OneTraining(
            self.loop_callbacks([history, *keras.tree.flatten(callbacks or [])]), False, bar, self
        )
        calls.set_params({"epochs": epochs, "steps": self.phase.begin_of(1), "verbose": int(bar)})
        calls.begin()
        # BackupAndRestore has loaded its state by now, and left the epoch here.
        epoch, self._initial_epoch = self._initial_epoch or initial_epoch, None
        while epoch < epochs:
            part = self._next_part(stream)
            calls.set_params({"epochs": epochs, "steps": part.steps, "verbose": int(bar)})
            # Keras would mix the batches by Python's global generator.
            again = {"shuffle": False, "callbacks": calls, "verbose": 0}
            super().fit(part, initial_epoch=epoch, epochs=epoch + 1, **again)
            epoch += 1
            if self.stop_training:
                break
        calls.end()
        self.history = history
        return history

    def _stream(self, data, batch_size, shuffle):
        stream = ImageStream(data, shuffle, self.seed, self.num_classes_of_label() is not None)
        wanted = (self.resolution, self.resolution, self.generator.channels)
        if tuple(stream.image_shape) != wanted:
            sizes = ["x".join(map(str, shape)) for shape in (wanted, stream.image_shape)]
            raise UsageError(f"images must be {sizes[0]}, where the schedule ends, got {sizes[1]}")
        if batch_size not in (None, self.phase.batch_size):
            raise UsageError(
                f"batch_size must be that of the schedule, {self.phase.batch_size} at "
                f"{self.phase.side}x{self.phase.side}, got {batch_size}"
            )
        return stream

    def _next_part(self, stream):
        """The rest of the present epoch; begins the next phase where the present one is over."""
        steps = self._shown() // self.phase.batch_size
        if self._shown() >= self.phase.shown and self._phase + 1 < len(self.schedule.phases):
            self.begin(self._phase + 1)
            steps = 0
        phase = self.phase
        first = phase.first + steps * phase.batch_size
        rest = phase.begin_of(phase.epoch_of(steps) + 1) - steps
        return StreamPart(stream, first, rest, phase.batch_size, phase.side)

    def _epochs_left(self):
        done = self.phase.epoch_of(self._shown() // self.phase.batch_size)
        return max(0, sum(phase.epochs for phase in self.schedule.phases[self._phase :]) - done)

    def steps_of_epoch(self, epoch):
        """Train steps of an epoch of the schedule, counted from 0."""
        return self.schedule.steps_of(epoch)

    # -- sampling

    @property
    def blending(self):
        """Whether samples still blend in the layers of the side before."""
        return self.phase.fading and self._shown() < self.phase.images

    def sampling_network(self):
        """The network that makes samples; a fade that is complete has lost its old layers."""
        return super().sampling_network().at(self.phase.side, self.blending)

    def example_data(self, n, seed=0):
        shape = (n, self.resolution, self.resolution, self.generator.channels)
        return np.random.default_rng(seed).uniform(-1.0, 1.0, shape).astype("float32")

    # -- saving

    def save_own_variables(self, store):
        super().save_own_variables(store)
        text = json.dumps(self.schedule.get_config())
        store[_SCHEDULE] = np.frombuffer(text.encode(), np.uint8)

    def load_weights(self, *args, **kwargs):
        """As Keras', but another schedule is one clear line."""
        self._refusal = None
        try:
            super().load_weights(*args, **kwargs)
        except ValueError as error:
            # Keras makes many lines of what a layer raises.
            raise self._refusal or error from None

    def load_own_variables(self, store):
        names = list(store.keys())
        if _SCHEDULE not in names:
            raise CheckpointError(f"the file holds no schedule, so it is not of a {type(self).__name__}")
        self._refusal = _other_schedule(bytes(np.array(store[_SCHEDULE], np.uint8)), self.schedule)
        if self._refusal is not None:
            raise self._refusal
        super().load_own_variables({name: store[name] for name in names if name != _SCHEDULE})
        self.begin(int(ops.convert_to_numpy(self.phase_number.value)), self._shown())

    def get_config(self):
        return {**super().get_config(), "schedule": keras.saving.serialize_keras_object(self.schedule)}


def _other_schedule(saved, schedule):
    """The error to raise unless saved JSON is of a schedule with the same phases; `None` if it is."""
    try:
        theirs = json.loads(saved)
        if GrowthSchedule.from_config(theirs).phases == schedule.phases:
            return None
    except (TypeError, ValueError) as error:
        return CheckpointError(f"the schedule of the saved training is damaged: {error}")
    ours = json.loads(json.dumps(schedule.get_config()))
    name = next(name for name, value in ours.items() if theirs.get(name) != value)
    return CheckpointError(
        f"the schedule must be that of the saved training, {name} {theirs.get(name)}, got {ours[name]}"
    )


def check_game(schedule, generator, discriminator, discriminator_steps, gradient_pixels):
    """Checks what the games of growing networks have in common.

    Args:
        schedule: the `GrowthSchedule`.
        generator: a `GrowingNetwork`.
        discriminator: another, with the `group_size` of its minibatch statistics, or `None` there.
        discriminator_steps: updates of the discriminator per update of the generator.
        gradient_pixels: by which pixels penalties take gradients.

    Returns:
        `discriminator_steps` as an int.

    Raises:
        UsageError: no such networks, steps below 1, another word than "full" or "native", or a batch of the
            schedule that is no multiple of the group.
    """
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, GrowingNetwork):
            raise UsageError(f"{name} must be a GrowingNetwork, got {type(network).__name__}")
    if gradient_pixels not in ("full", "native"):
        raise UsageError(f'gradient_pixels must be "full" or "native", got {gradient_pixels!r}')
    for phase in schedule.phases if discriminator.group_size else ():
        layers.MinibatchStdDev(discriminator.group_size).check_batch(phase.batch_size)
    return checks.count("discriminator_steps", discriminator_steps)


def shrink(images, factor):
    """Means of squares of `factor` x `factor` pixels of NHWC images."""
    return ops.average_pool(images, factor, factor, padding="valid", data_format="channels_last")


def _doubled(images):
    return ops.repeat(ops.repeat(images, 2, axis=1), 2, axis=2)
