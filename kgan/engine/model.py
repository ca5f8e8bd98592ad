"""The base of every system: players, their updates, and one step for three backends."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks, conditions, latents, pictures
from kgan.engine.logs import LogMeans
from kgan.engine.players import PlayerOptimizers
from kgan.errors import CheckpointError, UsageError
from kgan.types import to_uint8

_BANK = "bank_"  # before the name of an input, in a file of weights


@dataclasses.dataclass(frozen=True)
class Preset:
    """A published configuration.

    Args:
        description: one line: what it is and where it was published.
        build: returns the system's constructor arguments.
        training: returns `compile`'s arguments: `optimizer`, `loss`, `penalties`.
        batch_size: the published batch size, in images.
    """

    description: str
    build: Callable[..., dict[str, Any]]
    training: Callable[[], dict[str, Any]]
    batch_size: int = 64


class _DataEpoch(keras.callbacks.Callback):
    """Tells a data set which epoch begins, so that its order depends on nothing else."""

    async_safe = True

    def __init__(self, data):
        super().__init__()
        self.data = data

    def on_epoch_begin(self, epoch, logs=None):
        self.data.set_epoch(epoch)


class AdversarialModel(_backend.TrainStep, keras.Model):
    """A game of several players, trained by `fit` on TensorFlow, JAX and PyTorch.

    A subclass names its networks in `players`, describes one round in `adversarial_step` by calls of
    `update`, and says what a sample is made of in `sampling_inputs` and `sampling_network`. All of it
    is written in `keras.ops`. Whatever changes in training lives in Keras variables, so saving and
    resuming is exact.

    Args:
        average: a `MovingAverage` of the sampling network's weights, or `None`.
        preset: the name of the published configuration that `compile` takes its defaults from.
        seed: int, seeds the noise that the training draws.
        class_names: names of the classes in the order of their numbers, or `None`; `fit` takes them from
            data that have them.
    """

    presets: ClassVar[dict[str, Preset]] = {}
    extra_logs: ClassVar[tuple[str, ...]] = ()
    least_label: ClassVar[int] = 0  # -1 where images without a label take part
    data_range: tuple[float, float] = (-1.0, 1.0)

    def __init__(self, *, average=None, preset=None, seed=0, class_names=None, **kwargs):
        super().__init__(**kwargs)
        if preset is not None and preset not in self.presets:
            raise UsageError(f"preset must be one of {sorted(self.presets)}, got {preset!r}")
        self.preset = preset
        self.seed = seed
        self.class_names = None if class_names is None else [str(name) for name in class_names]
        self.average = average
        self._banks = {}
        self.seed_generator = _backend.SeedGenerator(seed)
        self.loss_function = None
        self.penalties = ()
        self.logs = None

    # -- what a system says of itself

    def players(self):
        """Dict from each player's name to its list of networks; no network plays twice."""
        raise NotImplementedError(f"{type(self).__name__} must define players()")

    def adversarial_step(self, batch):
        """One round of the game on a batch from `fit`, made of `update` calls."""
        raise NotImplementedError(f"{type(self).__name__} must define adversarial_step()")

    def default_training(self):
        """The defaults of `compile`: a dict with `optimizer`, `loss` and `penalties`."""
        raise NotImplementedError(f"{type(self).__name__} must define default_training() or presets")

    def sampled_network(self):
        """The network that makes samples, before any averaging."""
        return self.generator

    def sampling_inputs(self):
        """The `kgan.types.Input`s of the sampling network."""
        raise NotImplementedError(f"{type(self).__name__} must define sampling_inputs()")

    def num_classes_of_label(self):
        """How many classes the label among `sampling_inputs` has, or `None` where there is none."""
        return next((spec.num_classes for spec in self.sampling_inputs() if spec.num_classes), None)

    def banks(self):
        """Dict from names of `"given"` inputs to example conditions `[m, *shape]`; see `set_banks`."""
        return dict(self._banks)

    def set_banks(self, banks):
        """Gives the model examples of conditions, from which `sample` draws those that it is not given.

        They are saved with the model and go into exported bundles.

        Args:
            banks: dict from names of `"given"` or `"label"` inputs to arrays `[m, *shape]`, all with the same
                m >= 1: a class that belongs to an example is drawn with it.

        Raises:
            UsageError: another input, other shapes, or different numbers of rows.
        """
        specs = {s.name: s for s in self.sampling_inputs() if s.distribution in ("given", "label")}
        unknown = sorted(set(banks) - set(specs))
        if unknown:
            raise UsageError(f"banks must be of {sorted(specs) or 'no input'}, got {unknown}")
        banks = {name: np.array(rows, specs[name].dtype) for name, rows in banks.items()}
        for name, rows in banks.items():
            if rows.shape[1:] != specs[name].shape or not len(rows) or not np.isfinite(rows).all():
                wanted = ", ".join(map(str, ("m >= 1", *specs[name].shape)))
                raise UsageError(f"bank {name} must be [{wanted}] finite numbers, got {list(rows.shape)}")
        if len({len(rows) for rows in banks.values()}) > 1:
            sizes = {name: len(rows) for name, rows in banks.items()}
            raise UsageError(f"banks must have the same number of rows, got {sizes}")
        self._banks = banks

    def example_data(self, n, seed=0):
        """What `fit` takes, filled with noise: `n` images; the contract's checks train on it."""
        rng = np.random.default_rng(seed)
        return rng.uniform(-1.0, 1.0, (n, *self.image_shape)).astype("float32")

    # -- construction

    @classmethod
    def from_preset(cls, name, **overrides):
        """Builds a published configuration, whose training settings `compile()` then uses.

        Args:
            name: a key of `presets`.
            **overrides: constructor arguments that replace the preset's.

        Raises:
            UsageError: no such preset.
        """
        if name not in cls.presets:
            raise UsageError(f"{cls.__name__} has the presets {sorted(cls.presets)}, got {name!r}")
        return cls(**{**cls.presets[name].build(), **overrides}, preset=name)

    def finish(self):
        """Ends a subclass's constructor: starts the average, marks the model as built."""
        if self.average is not None:
            self.average.attach(self.sampled_network())
        self.built = True

    # -- training

    def compile(self, optimizer=None, loss=None, penalties=None, **kwargs):
        """Sets the optimizers and losses; without arguments, the published ones.

        Args:
            optimizer: dict from each player's name to a Keras optimizer, one optimizer or its name for
                every player alike, or `None`.
            loss: a `kgan.losses.AdversarialLoss`, or `None`.
            penalties: list of `kgan.losses.Penalty`, or `None`.
            **kwargs: `run_eagerly`, `jit_compile`, `steps_per_execution` of `keras.Model.compile`.

        Raises:
            UsageError: players are not those of the system, or the backend lacks an option.
        """
        if optimizer is None or loss is None or penalties is None:
            published = self.presets[self.preset].training() if self.preset else self.default_training()
            optimizer = published["optimizer"] if optimizer is None else optimizer
            loss = published["loss"] if loss is None else loss
            penalties = published.get("penalties", ()) if penalties is None else penalties
        self._check_compile(kwargs)
        self.loss_function = loss
        self.penalties = list(penalties)
        self._check_penalties()
        networks, partition = self.players(), self.trained_variables()
        self.find_regularized(partition)
        optimizer = self._player_optimizers(optimizer, partition)
        self._float16 = [p for p, group in networks.items() if any(_uses_float16(n) for n in group)]
        super().compile(optimizer=optimizer, auto_scale_loss=False, **kwargs)
        optimizer.bind(partition, scaled=self._float16)
        for penalty in self.penalties:
            penalty.build(self)
        names = [f"{player}_loss" for player in partition] + [penalty.name for penalty in self.penalties]
        self.logs = LogMeans([*names, *self.extra_logs])

    def trained_variables(self):
        """Dict from each player's name to the list of variables that its updates move."""
        return {
            player: [weight for network in group for weight in network.trainable_weights]
            for player, group in self.players().items()
        }

    def find_regularized(self, partition):
        """Lists the regularized variables.

        Args:
            partition: what `trained_variables` returns.
        """
        # Once: walking the layers for their losses in each step costs more than a small network.
        self._regularized = {
            player: [(weight.regularizer, weight) for weight in weights if weight.regularizer is not None]
            for player, weights in partition.items()
        }

    def _check_compile(self, options):
        if keras.backend.backend() != "torch":
            return
        if options.get("jit_compile") is True:
            raise UsageError(
                "jit_compile must be False on the torch backend, got True: torch.compile cannot "
                "differentiate twice and is slower here than the eager step"
            )
        if options.get("steps_per_execution", 1) != 1:
            raise UsageError(
                "steps_per_execution must be 1 on the torch backend, whose steps are eager, "
                f"got {options['steps_per_execution']}"
            )

    def _check_penalties(self):
        names = [penalty.name for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise UsageError(f"penalties must have different names, got {names}")
        for penalty in self.penalties:
            networks = self.players().get(penalty.player)
            if networks is None:
                raise UsageError(
                    f"penalty {penalty.name} acts on the player {penalty.player}, "
                    f"the players are {sorted(self.players())}"
                )
            for network in networks:
                penalty.check(network)

    @staticmethod
    def _player_optimizers(optimizer, partition):
        if isinstance(optimizer, PlayerOptimizers):
            return optimizer
        if not isinstance(optimizer, dict):
            config = keras.optimizers.serialize(keras.optimizers.get(optimizer))
            optimizer = {player: keras.optimizers.deserialize(config) for player in partition}
        return PlayerOptimizers(optimizer)

    def fit(self, x=None, *args, callbacks=None, **kwargs):
        """Trains as `keras.Model.fit` does; kgan's data sets are told the epoch, so order is exact.

        Raises:
            UsageError: the images do not have the shape that the model makes, or the classes of the data are
                not those of the model.
        """
        self._check_images(x)
        self._check_classes(x, args[0] if args else kwargs.get("y"))
        if hasattr(x, "set_epoch"):
            # Such data shuffle themselves; Keras would mix the batches by Python's global generator.
            kwargs["shuffle"] = False
            callbacks = [_DataEpoch(x), *(callbacks or [])]
        return super().fit(x, *args, callbacks=callbacks, **kwargs)

    def _check_images(self, data):
        if data is None:
            raise UsageError("fit must be given images: what kgan.data.load_images returns, or an array")
        shape = getattr(data, "image_shape", None)
        data = data[0] if isinstance(data, tuple) and data else data
        if shape is None and isinstance(data, np.ndarray):
            shape = data.shape[1:]
        if shape is not None and tuple(shape) != tuple(self.image_shape):
            made, given = ("x".join(map(str, s)) for s in (self.image_shape, shape))
            raise UsageError(f"images must be {made} for this model, got {given}")
        if isinstance(data, np.ndarray):
            checks.pixels("images", data, *self._pixel_range())

    def _pixel_range(self):
        """What the values of images lie in; those of vectors, signals and points, no pixels, may be any."""
        if len(self.image_shape) != 3 or 1 in self.image_shape[:2]:
            return -np.inf, np.inf
        # Batches are in [-1, 1] whatever the range of the game, unless a system of one's own takes that.
        low, high = (-1.0, 1.0) if hasattr(self, "to_data_range") else self.data_range
        return min(low, -1.0), max(high, 1.0)

    def _check_classes(self, data, y=None):
        """Compares the classes of kgan's data sets with those of the model, and takes over their names."""
        count, names = self.num_classes_of_label(), getattr(data, "class_names", None)
        if count is None:
            return
        if names is not None and len(names) != count:
            raise UsageError(f"num_classes must be {len(names)}, as the data have, got {count}")
        for labels in conditions.labels_of(data, y):
            wrong = labels[(labels < self.least_label) | (labels >= count)]
            if wrong.size:
                raise UsageError(
                    f"labels must be from {self.least_label} to {count - 1}, got {wrong.flat[0]}"
                )
        if names is not None:
            self.class_names = [str(name) for name in names]

    def stateful_step(self, data):
        """One round, the count of rounds, and the means of the logs so far."""
        x, y, _ = keras.utils.unpack_x_y_sample_weight(data)
        batch = x if y is None else (x, y)
        self.adversarial_step(keras.tree.map_structure(ops.convert_to_tensor, batch))
        _backend.increment(self.optimizer.iterations)
        return self.get_metrics_result()

    def gradients(self, player, loss_fn):
        """The player's gradients of `loss_fn() -> (loss, logs)`; the logs are recorded."""
        return self._gradients(player, loss_fn)[0]

    def _gradients(self, player, loss_fn):
        optimizer = self.optimizer.players[player]

        def scaled():
            loss, logs, *rest = loss_fn()
            for regularizer, weight in self._regularized[player]:
                loss = loss + regularizer(weight)
            loss = optimizer.scale_loss(loss)
            return (loss / _backend.replicas() if _backend.replicas() > 1 else loss), (logs, *rest)

        (logs, *rest), gradients = _backend.value_and_grad(scaled, self.optimizer.partition[player])
        with _backend.no_grad():
            self.logs.record(logs, self.optimizer.iterations)
        return gradients, (rest[0] if rest else None)

    def apply_gradients(self, player, gradients):
        """One step of the player's own optimizer, on its own variables."""
        _backend.apply_gradients(self.optimizer.players[player], gradients, self.optimizer.partition[player])

    def update(self, player, loss_fn):
        """Differentiates `loss_fn() -> (loss, logs)` by one player's variables and moves them alone.

        A third item that `loss_fn` returns, such as the fakes that another player's update needs, is
        returned.
        """
        gradients, rest = self._gradients(player, loss_fn)
        self.apply_gradients(player, gradients)
        return rest

    def run_network(self, network, x, training=True):
        """The network's output, by the backend's shortest way."""
        return _backend.forward(network, x, training)

    def penalized_scores(self, player, critic, real, fake, fake_critic=None, real_scores=None):
        """Scores of both batches and the sum of the player's penalties, sharing forward passes.

        A penalty of every step at the reals or fakes reuses the score that the loss needs anyway. A critic
        of conditions of their own judges the fakes where `fake_critic` is given; points between reals and
        fakes are then judged by `critic`. Scores of the reals that are known already spare their pass.

        Returns:
            `(real scores, fake scores, weighted penalty, logs)`.
        """
        penalties = [penalty for penalty in self.penalties if penalty.player == player]
        shared = {p.point for p in penalties if p.interval == 1 and p.point in ("real", "fake")}
        scores, slopes = {}, {}
        fake_critic = fake_critic or critic
        for point, judge, images in (("real", critic, real), ("fake", fake_critic, fake)):
            if point in shared:
                scores[point], slopes[point] = self._slope(player, judge, images)
            elif point == "real" and real_scores is not None:
                scores[point] = real_scores
            else:
                scores[point] = judge(images)
        total, logs = 0.0, {}
        for penalty in penalties:
            if penalty.interval == 1 and penalty.point in slopes:
                value = penalty.from_gradient(slopes[penalty.point])
                logs[penalty.name] = value
            else:
                judge = fake_critic if penalty.point == "fake" else critic
                value, logs[penalty.name] = self._from_scratch(penalty, judge, real, fake)
            # As the losses are: in float32 at least, whatever the layers below the scores are in.
            total = total + ops.cast(value, keras.backend.result_type(scores["real"].dtype, "float32"))
        return scores["real"], scores["fake"], total, logs

    def _slope(self, player, critic, images):
        """The critic's scores and their gradient by the images."""
        if player not in self._float16:
            return _backend.input_gradient(critic, images)
        # Keras scales the outer loss only; this inner gradient would underflow in float16 as well.
        scale = 256.0
        scores, slopes = _backend.input_gradient(lambda x: critic(x) * scale, images)
        return scores / scale, ops.cast(slopes, "float32") / scale

    def _from_scratch(self, penalty, critic, real, fake):
        """A penalty's contribution in this step, and its log entry."""

        def penalize():
            if penalty.point is None:
                return penalty(critic, real, fake, seed=self.seed_generator)
            points = penalty.at(real, fake, seed=self.seed_generator)
            return penalty.from_gradient(self._slope(penalty.player, critic, points)[1])

        if penalty.interval == 1:
            value = penalize()
            return value, value
        # Every n-th update of the player, n times the weight: the time average stays the same.
        updates = self.optimizer.players[penalty.player].iterations
        active = ops.equal(ops.mod(updates, penalty.interval), 0)
        value = _backend.value_if(active, penalize)
        return penalty.interval * value, (value, ops.cast(active, "float32"))

    def first_non_finite(self):
        """The (player, step) at which a loss first was not finite, or `None`."""
        found = None if self.logs is None else self.logs.first_non_finite()
        if found is None:
            return None
        name, step = found
        players = {penalty.name: penalty.player for penalty in self.penalties}
        return players.get(name, name.removesuffix("_loss")), step

    @property
    def metrics(self):
        return [] if self.logs is None else [self.logs]

    # -- sampling

    def sampling_network(self):
        """The network that makes samples: the average where there is one."""
        return self.sampled_network() if self.average is None else self.average.network

    def generate(self, inputs, batch_size=64):
        """Runs the sampling network in inference mode.

        Args:
            inputs: dict from each name of `sampling_inputs` to an array `[n, ...]`, or to one value for all
                n but of the first input.
            batch_size: images made at a time, >= 1.

        Returns:
            float32 array `[n, height, width, channels]` in `data_range`.

        Raises:
            UsageError: an input is missing, unknown, of the wrong shape, not finite or of no class, or the
                batch size is no integer of at least 1.
        """
        checks.count("batch_size", batch_size)
        arrays = self._arrays(inputs)
        network, parts = self.sampling_network(), []
        for start in range(0, len(next(iter(arrays.values()))), batch_size):
            rows = slice(start, start + batch_size)
            # Copies, as torch warns of arrays that are one value repeated.
            part = {k: ops.convert_to_tensor(np.array(v[rows], order="C")) for k, v in arrays.items()}
            with _backend.no_grad():
                images = network(part if len(part) > 1 else next(iter(part.values())), training=False)
            parts.append(ops.convert_to_numpy(ops.cast(images, "float32")))
        return np.concatenate(parts)

    def _arrays(self, inputs):
        """The inputs of `generate`, checked, as one array each in the order of `sampling_inputs`."""
        specs = self.sampling_inputs()
        if isinstance(inputs, dict):  # whose values may be tensors, also on a GPU
            inputs = {k: ops.convert_to_numpy(v) if ops.is_tensor(v) else v for k, v in inputs.items()}
        arrays = conditions.complete(specs, inputs, self.class_names)
        return {spec.name: arrays[spec.name] for spec in specs}

    def sample(self, n, *, seed=None, **given):
        """Draws images; the same seed draws the same noise on every backend and in an exported bundle.

        Args:
            n: number of images, >= 1.
            seed: int, or `None` for fresh noise.
            **given: arrays `[n, ...]` by name for inputs that shall not be drawn, or one value for all. A
                class is its number or its name.

        Returns:
            uint8 array `[n, height, width, channels]`; float32 `[n, d]` from a generator of vectors.

        Raises:
            UsageError: n < 1, a condition that the system does not take or of the wrong shape, a class out
                of range, or a condition that has no bank and was not given.
        """
        if n < 1:
            raise UsageError(f"n must be >= 1, got {n}")
        specs = self.sampling_inputs()
        given = conditions.checked(specs, given, n, self.class_names)
        inputs = latents.draw(specs, n, seed, self.banks(), given)
        if len(self.image_shape) != 3:
            return self.generate(inputs)
        return to_uint8(ops.convert_to_numpy(self.display(self.generate(inputs))), self.data_range)

    def sheet(self, n, seed=0):
        """Images for a picture of the training, and how many of them go into a row.

        Args:
            n: about how many images, >= 1.
            seed: int, seeds the noise.

        Returns:
            `(images, columns)`: uint8 `[n, height, width, 1 or 3]` and an int, or `None` for a square; both
            `None` where the model makes no pictures or has no conditions to make them from.
        """
        if not pictures.drawable(self.image_shape):
            return None, None
        banks = self.banks()
        if any(spec.distribution == "given" and spec.name not in banks for spec in self.sampling_inputs()):
            return None, None
        return self.sample(n, seed=seed), None

    def display(self, images):
        """Generated images as they are shown; a system with unbounded output scales them, in keras.ops."""
        return images

    def call(self, inputs, training=False):
        return self.sampling_network()(inputs, training=False)

    # -- saving

    def _seeds(self):
        return [variable for variable in self.variables if variable.name == "seed_generator_state"]

    def save_own_variables(self, store):
        super().save_own_variables(store)
        # Keras saves weights only: without the seeds a resumed run would draw other noise.
        store["seeds"] = np.stack([ops.convert_to_numpy(seed.value) for seed in self._seeds()])
        for name, rows in self._banks.items():
            store[f"{_BANK}{name}"] = rows

    def load_own_variables(self, store):
        names = list(store.keys())
        if "seeds" not in names:
            raise CheckpointError(f"the file holds no seeds, so it is not of a {type(self).__name__}")
        for variable, value in zip(self._seeds(), np.array(store["seeds"]), strict=True):
            variable.assign(value)
        banks = {name.removeprefix(_BANK): np.array(store[name]) for name in names if name.startswith(_BANK)}
        if banks:
            self.set_banks(banks)
        rest = {name: store[name] for name in names if name != "seeds" and not name.startswith(_BANK)}
        super().load_own_variables(rest)

    def get_compile_config(self):
        if not self.compiled:
            return None
        serialize = keras.saving.serialize_keras_object
        return {
            "optimizer": serialize(self.optimizer),
            "loss": serialize(self.loss_function),
            "penalties": [serialize(penalty) for penalty in self.penalties],
            "run_eagerly": self.run_eagerly,
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
        }

    def compile_from_config(self, config):
        config = dict(config)
        for key in ("optimizer", "loss", "penalties"):
            config[key] = keras.saving.deserialize_keras_object(config[key])
        if keras.backend.backend() == "torch":
            # Saved under a backend that compiles; the torch step is eager.
            config.update(jit_compile=False, steps_per_execution=1)
        self.compile(**config)

    def get_config(self):
        average = self.average and keras.saving.serialize_keras_object(self.average)
        names = self.class_names
        own = {"average": average, "preset": self.preset, "seed": self.seed, "class_names": names}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        # Keras takes a functional network's configuration apart while it reads it.
        arguments: dict[str, Any] = {
            key: keras.saving.deserialize_keras_object(copy.deepcopy(value), custom_objects=custom_objects)
            if isinstance(value, dict) and "class_name" in value and key != "dtype"
            else value
            for key, value in config.items()
        }
        return cls(**arguments)


def _uses_float16(network):
    return any(layer.compute_dtype == "float16" for layer in network._flatten_layers())
