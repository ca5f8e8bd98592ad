"""A training run: from a recipe to a folder with pictures, losses, checkpoints and the model."""

import contextlib
import dataclasses
import functools
import signal
import sys
import threading

import keras

from kgan import catalog, config, run_folder
from kgan.callbacks import Checkpoint, HistoryCSV, Progress, SampleSheet, StopOnNonFinite, generations
from kgan.engine import AdversarialModel, GrowingModel
from kgan.errors import CheckpointError, KganError, UsageError
from kgan.files import replacing

CHECKPOINT_SECONDS = 60.0


class Rest(keras.utils.PyDataset):
    """The batches of a data set from the first that an interrupted epoch still needs.

    Args:
        data: a `keras.utils.PyDataset`.
        start: number of batches already seen, >= 0 and less than `len(data)`.

    Example:

    >>> import keras
    >>> class Letters(keras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return "abc"[index]
    >>> rest = Rest(Letters(), 1)
    >>> [rest[i] for i in range(len(rest))]
    ['b', 'c']
    """

    def __init__(self, data, start):
        queue = data.workers, data.use_multiprocessing, data.max_queue_size
        super().__init__(*queue)
        self.data, self.start = data, start

    def __len__(self):
        return self.data.num_batches - self.start

    def __getitem__(self, index):
        return self.data[index + self.start]

    def __getattr__(self, name):
        # The engine asks for image_shape and calls set_epoch, where there are such.
        if name == "data":
            raise AttributeError(name)
        return getattr(self.data, name)

    def on_epoch_begin(self):
        self.data.on_epoch_begin()

    def on_epoch_end(self):
        self.data.on_epoch_end()


class _StopOnSignal(keras.callbacks.Callback):
    """Saves at the step after a Ctrl-C, then ends the training by KeyboardInterrupt."""

    async_safe = True

    def __init__(self, checkpoint):
        super().__init__()
        self.checkpoint, self.asked = checkpoint, False

    def on_train_batch_begin(self, batch, logs=None):
        if self.asked:
            if self.checkpoint.batch:  # else the step is that of the last epoch's end, or none was done
                self.checkpoint.save()
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def listening(self):
        """A context in which the first Ctrl-C asks for a stop and the second one stops at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number, frame):
            self.asked = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
            print("\nkgan: saving after this step (Ctrl-C again: stop at once)", file=sys.stderr)

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


class _SaveAtEnd(keras.callbacks.Callback):
    """Saves the model after its last epoch, before a report on it may fail; `train` saves it once more."""

    async_safe = True

    def __init__(self, folder, epochs):
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            # What cannot be written fails again after the last checkpoint, and then says so.
            with contextlib.suppress(KganError, OSError):
                _save(self.model, self.folder)


def build(recipe, settings):
    """The compiled model of a recipe.

    Args:
        recipe: a `kgan.catalog.Recipe`.
        settings: the recipe's `Config`.

    Raises:
        UsageError: the recipe returns something else.
    """
    keras.utils.set_random_seed(settings.seed)
    model = recipe.module.model(settings)
    if not isinstance(model, keras.Model):
        raise UsageError(f"model(cfg) must return a keras.Model, got {type(model).__name__} in {recipe.path}")
    if not model.compiled:
        model.compile()
    optimizers = getattr(model.optimizer, "players", {"the model": model.optimizer})
    for player, optimizer in optimizers.items():
        # Keras writes these averages over the weights at the end of a fit, also of a part of an epoch.
        if getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False):
            raise UsageError(f"use_ema must be False, {player} has True: give the model a MovingAverage")
    return model


def _data(recipe, settings):
    data = recipe.module.data(settings)
    if not isinstance(data, keras.utils.PyDataset) or not data.num_batches:
        raise UsageError(
            "data(cfg) must return a keras.utils.PyDataset of at least one batch, such as "
            f"kgan.data.load_images gives, got {_what(data)} in {recipe.path}"
        )
    return data


def _what(data):
    return "none" if isinstance(data, keras.utils.PyDataset) else type(data).__name__


def train(recipe, settings, folder, backend):
    """Trains in a run folder, from the newest checkpoint there if there is one.

    Args:
        recipe: a `kgan.catalog.Recipe`.
        settings: the recipe's `Config`; `epochs` may be `None` for those of a growth schedule.
            Besides `epochs` and `seed`, these are read where it has them:
            `checkpoint_steps`, train steps between checkpoints within an epoch (otherwise one a minute),
            `samples`, images on a sheet (64), and `sample_epochs`, epochs between sheets (1).
        folder: the run folder; its `config.json` is written here if it is absent.
        backend: the Keras backend's name, which is recorded.

    Returns:
        The trained model.

    Raises:
        UsageError: a recipe or setting breaks its rule.
        CheckpointError: the folder's checkpoints are damaged or of another run, or cannot be written.
        NonFiniteLossError: a loss became NaN or infinite.
        KeyboardInterrupt: Ctrl-C; the present step was saved.
    """
    _check_epochs(settings.epochs, None, folder)
    data = _data(recipe, settings)
    model = build(recipe, settings)
    settings = _with_epochs(settings, model)
    about = run_folder.describe(recipe, dataclasses.asdict(settings), backend)
    checkpoint = Checkpoint(
        folder / run_folder.CHECKPOINT,
        every_steps=getattr(settings, "checkpoint_steps", None),
        every_seconds=CHECKPOINT_SECONDS,
        settings=about.identity(),
        data=data,
    )
    stop, progress = _StopOnSignal(checkpoint), Progress(settings.epochs, data.num_batches)
    finite = StopOnNonFinite(checkpoints=folder / run_folder.CHECKPOINT)
    early = _SaveAtEnd(folder, settings.epochs)
    callbacks = [finite, early, *_callbacks(recipe, settings, folder, model), checkpoint, stop, progress]
    folder.mkdir(parents=True, exist_ok=True)
    run_folder.sweep(folder)
    state = checkpoint.restore(model)
    _check_epochs(settings.epochs, state, folder)
    run_folder.write_config(folder, about)
    if state is not None:
        print(_continuation(state, settings.epochs), flush=True)
    with contextlib.closing(progress), stop.listening():
        _fit(model, data, state, settings.epochs, callbacks)
    _save(model, folder)
    return model


def _callbacks(recipe, settings, folder, model):
    """What watches the training, in the order in which it is called; checkpoints come after."""
    watching = [*_own(recipe, settings, folder)]
    if hasattr(model, "sample"):  # a recipe may train another network, such as a classifier
        watching.append(
            SampleSheet(
                folder / run_folder.SAMPLES,
                every_epochs=getattr(settings, "sample_epochs", 1),
                n=getattr(settings, "samples", 64),
                seed=settings.seed,
            )
        )
    return [*watching, HistoryCSV(folder / run_folder.HISTORY)]


def _own(recipe, settings, folder):
    """The recipe's callbacks; those with `join_run` are told the run folder and its number of epochs."""
    own = recipe.module.callbacks(settings) if hasattr(recipe.module, "callbacks") else ()
    for callback in own:
        if hasattr(callback, "join_run"):
            callback.join_run(folder, settings.epochs)
    return own


def _continuation(state, epochs):
    if state.epoch < epochs:
        return f"continuing at epoch {state.epoch + 1}, step {state.step}"
    return f"all {epochs} epochs are done; for more: epochs={2 * epochs}"


def _with_epochs(settings, model):
    """The settings with the number of epochs; says so where a growth schedule has more of them."""
    schedule = model.schedule if isinstance(model, GrowingModel) else None
    if settings.epochs is None:
        if schedule is None:
            raise UsageError("epochs must be a number, as the model has no schedule, got None")
        return dataclasses.replace(settings, epochs=schedule.epochs)
    told = None if schedule is None else schedule.shortfall(settings.epochs)
    if told:
        print(told, flush=True)
    return settings


def _check_epochs(epochs, state, folder):
    done = state.epoch + (state.batch > 0) if state else 1
    if epochs is not None and epochs < done:
        raise UsageError(
            f"epochs must be at least {done}, "
            + (f"which are done in {folder}, " if state else "")
            + f"got {epochs}"
        )


def _fit(model, data, state, epochs, callbacks):
    if not isinstance(model, AdversarialModel) and hasattr(data, "set_epoch"):
        # Keras' own fit does not say which epoch a resumed run is in, and the order depends on it.
        begin = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: data.set_epoch(epoch))
        callbacks = [begin, *callbacks]
    fit = functools.partial(model.fit, callbacks=callbacks, shuffle=False, verbose=0)
    epoch = state.epoch if state else 0
    if state and state.batch:
        # Keras fixes the number of batches for all epochs of a fit: the rest of one epoch needs its own.
        fit(Rest(data, state.batch), initial_epoch=epoch, epochs=epoch + 1)
        epoch += 1
    if epoch < epochs:
        fit(data, initial_epoch=epoch, epochs=epochs)


def _save(model, folder):
    with replacing(folder / run_folder.MODEL) as temporary:
        # Keras writes the weights beside the archive first.
        generations.reserve(temporary, 2 * generations.size_of(model))
        model.save(temporary)


def load(folder, recipe_name=None):
    """The model of a run folder, as trained so far.

    The recipe's file that `config.json` names is not run unless it ships with kgan: a folder from elsewhere
    must not choose the code that runs here.

    Args:
        folder: the run folder.
        recipe_name: name or file of the recipe, needed for classes that are defined in a file of the user
            and for a run of such a file that has not ended.

    Raises:
        UsageError: the folder is no run folder, or its recipe has to be named.
        CheckpointError: there is no model yet, or it is damaged.
    """
    about = run_folder.read_config(folder)
    recipe = None if recipe_name is None else catalog.load(recipe_name)
    checkpoint = Checkpoint(folder / run_folder.CHECKPOINT)
    saved = folder / run_folder.MODEL
    if saved.is_file():
        return _load_saved(saved, about, checkpoint)
    if recipe is None and about.file is None:
        recipe = catalog.load(about.recipe)
    if recipe is None:
        raise UsageError(
            f"the run {folder} has not ended: name its recipe's file by --recipe, it was {about.file}"
        )
    settings = recipe.configure(config.from_json(recipe.module.Config, about.settings))
    model = build(recipe, settings)
    if checkpoint.restore(model) is None:
        raise CheckpointError(f"the run {folder} has no checkpoint yet")
    return model


def _load_saved(saved, about, checkpoint):
    from kgan import models  # noqa: F401 - registers the classes that a saved model names

    try:
        model = keras.models.load_model(saved)
    except (OSError, ValueError, TypeError, KeyError) as error:
        hint = f"; its recipe was {about.file}: name it by --recipe" if about.file else ""
        raise CheckpointError(f"cannot load {saved}: {str(error).partition(chr(10))[0]}{hint}") from error
    # A run that goes on after its end is ahead of the model it ended with.
    if checkpoint.newest_step() > int(keras.ops.convert_to_numpy(model.optimizer.iterations.value)):
        checkpoint.restore(model)
    return model
