"""What every system must fulfil, as checks that also run on a user's own GAN."""

import functools
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kgan.errors import KganError, UsageError

_FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}


def check_model(cls_or_builder, *, report: Callable[[str], None] | None = None, export=True):
    """Checks a system against the contract that every system of kgan fulfils.

    Config equals signature and round-trips; players are disjoint and cover the model; an update moves
    one player alone; `.keras` and checkpoints restore everything; a resumed training equals an
    uninterrupted one bit for bit; `sample` is right in shape, type, seed and conditions; export is verified.

    Args:
        cls_or_builder: a class with a classmethod `tiny()`, or a function without arguments that returns
            an uncompiled `kgan.engine.AdversarialModel`. Each call must build the same system.
        report: called with the name of each check after it passed, e.g. `print`.
        export: also export and verify, which needs `kgan[export]` and takes about ten seconds.

    Raises:
        AssertionError: a check fails; the message names the rule.

    Example:

    >>> from kgan.models import GAN
    >>> check_model(GAN, report=print, export=False)
    config
    players
    updates
    saving
    resume
    sampling
    conditions
    """
    build = getattr(cls_or_builder, "tiny", cls_or_builder)
    if not callable(build):
        raise UsageError(f"check_model takes a class with tiny() or a builder, got {cls_or_builder!r}")
    for check in [*CHECKS, *([exports] if export else [])]:
        check(build)
        if report is not None:
            report(check.__name__)


def config(build):
    """`get_config` has an entry for each constructor argument, and rebuilds the same system."""
    model = build()
    own = model.get_config()
    arguments = _arguments(type(model))
    missing = sorted(arguments - set(own))
    assert not missing, f"get_config must hold every constructor argument, lacks {missing}"
    restored = type(model).from_config(own)
    again = restored.get_config()
    differing = [key for key in arguments if _plain(own[key]) != _plain(again[key])]
    assert not differing, f"from_config must restore every argument, {differing} differ"
    shapes = [[tuple(w.shape) for w in m.weights] for m in (model, restored)]
    assert shapes[0] == shapes[1], "from_config must restore the networks' shapes"


def players(build):
    """The players' trainable weights are disjoint and are all that the model trains."""
    model = build()
    owner = {}
    for player, networks in model.players().items():
        for network in networks:
            for weight in network.trainable_weights:
                other = owner.setdefault(id(weight), player)
                assert other == player, f"{weight.path} is trained by both {other} and {player}"
    orphans = [w.path for w in model.trainable_weights if id(w) not in owner]
    assert not orphans, f"every trainable weight needs a player, {orphans} have none"


def updates(build):
    """A round moves every player, and a player's update leaves the others bit-identical."""
    model = _compiled(build)
    before = _player_weights(model)
    gaps = []
    original = model.apply_gradients

    def watched(player, gradients):
        others = {p: w for p, w in _player_weights(model).items() if p != player}
        original(player, gradients)
        now = _player_weights(model)
        gaps.extend((player, other) for other, w in others.items() if not _equal(w, now[other]))

    if keras.backend.backend() != "jax":
        # Eagerly, so that the weights can be read between updates; a JAX step has no such moment.
        model.compile(run_eagerly=keras.backend.backend() == "tensorflow")
        model.apply_gradients = watched
    model.fit(model.example_data(4), epochs=1, **_FIT)
    assert not gaps, f"an update must move its own player only, these moved others: {sorted(set(gaps))}"
    for player, weights in _player_weights(model).items():
        assert not _equal(weights, before[player]), f"one round must move the player {player}"
    for player in model.players():
        alone = _only(build, player)
        assert alone == {player}, f"an update of {player} alone must move {player} alone, moved {alone}"


def saving(build):
    """`.keras` files and weight files restore every variable and the same samples."""
    model = _compiled(build)
    model.fit(model.example_data(8), epochs=1, **_FIT)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        model.save_weights(f"{folder}/model.weights.h5")
        loaded = keras.saving.load_model(f"{folder}/model.keras")
        other = _compiled(build, seed=1)
        other.load_weights(f"{folder}/model.weights.h5")
    for name, again in {".keras": loaded, ".weights.h5": other}.items():
        assert difference(model, again) == 0.0, f"a {name} file must restore every variable"
        same = np.array_equal(_sample(model, 3, 1), _sample(again, 3, 1))
        assert same, f"a {name} file must restore the same samples"


def resume(build):
    """A training in two parts equals one in a single part, bit for bit, by every way of resuming."""
    whole = _compiled(build)
    data = whole.example_data(8)
    whole.fit(data, epochs=2, **_FIT)
    with tempfile.TemporaryDirectory() as folder:
        backup = functools.partial(
            keras.callbacks.BackupAndRestore, f"{folder}/backup", delete_checkpoint=False
        )
        half = _compiled(build)
        half.fit(data, epochs=1, callbacks=[backup()], **_FIT)
        half.save(f"{folder}/model.keras")
        half.save_weights(f"{folder}/model.weights.h5")
        from_file = keras.saving.load_model(f"{folder}/model.keras")
        from_weights, from_backup = _compiled(build, seed=1), _compiled(build, seed=2)
        from_weights.load_weights(f"{folder}/model.weights.h5")
        for model in (from_file, from_weights):
            model.fit(data, epochs=2, initial_epoch=1, **_FIT)
        from_backup.fit(data, epochs=2, callbacks=[backup()], **_FIT)
    ways = {"a .keras file": from_file, "weights": from_weights, "BackupAndRestore": from_backup}
    for way, model in ways.items():
        gap = difference(whole, model)
        hint = "" if gap == 0.0 else unseeded(whole)
        assert gap == 0.0, f"resuming from {way} must equal an uninterrupted run, differs by {gap}{hint}"


def sampling(build):
    """Samples are uint8 images (or float vectors) of the model's shape, and their seed decides them."""
    model = build()
    images = _sample(model, 3, 7)
    dtype = np.dtype(np.uint8 if len(model.image_shape) == 3 else np.float32)
    assert images.dtype == dtype, f"sample must return {dtype}, got {images.dtype}"
    shape = (3, *model.image_shape)
    assert images.shape == shape, f"sample must return {shape}, got {images.shape}"
    assert np.array_equal(images, _sample(model, 3, 7)), "the same seed must give the same samples"
    assert not np.array_equal(images, _sample(model, 3, 8)), "another seed must give other samples"
    try:
        model.sample(1, seed=0, no_such_condition=[1])
    except UsageError:
        return
    raise AssertionError("sample must refuse a condition that it does not know")


def conditions(build):
    """Conditions reach the samples, and wrong ones are refused in one line; nothing to check without any."""
    model = build()
    specs = [spec for spec in model.sampling_inputs() if spec.distribution in ("label", "given")]
    usual = {spec.name: _condition(spec, seed=1) for spec in specs}
    for spec in specs:
        twice = [
            model.sample(4, seed=7, **{**usual, spec.name: _condition(spec, seed)}).astype(float)
            for seed in (1, 2)
        ]
        assert np.any(twice[0] != twice[1]), f"another {spec.name} must give other samples"
        _refuses(model, usual, spec, np.zeros((5, *spec.shape), spec.dtype), "of another number of samples")
        if spec.shape:
            wrong = np.zeros((4, *(side + 1 for side in spec.shape)), spec.dtype)
            _refuses(model, usual, spec, wrong, "of the wrong shape")
        if spec.num_classes:
            for label in (-1, spec.num_classes):
                _refuses(model, usual, spec, label, "out of range")


def _sample(model, n, seed):
    """Samples of one seed, under conditions where the model neither draws them nor has examples."""
    banks = model.banks()
    specs = [spec for spec in model.sampling_inputs() if spec.distribution == "given"]
    needed = {spec.name: _condition(spec, 0, n) for spec in specs if spec.name not in banks}
    return model.sample(n, seed=seed, **needed)


def _condition(spec, seed, n=4):
    """Values of a condition; of a label, other ones for another seed where there are two classes."""
    if spec.num_classes:
        return (np.arange(n) + seed) % spec.num_classes
    return np.random.default_rng(seed).standard_normal((n, *spec.shape)).astype(spec.dtype)


def _refuses(model, usual, spec, value, what):
    refusal = None
    try:
        model.sample(4, seed=7, **{**usual, spec.name: value})
    except UsageError as error:
        refusal = str(error)
    assert refusal is not None, f"sample must refuse {spec.name} {what}"
    assert "\n" not in refusal, f"the refusal of {spec.name} {what} must be one line, got {refusal}"


def exports(build):
    """The sampling network, or each direction of a translation, exports and passes its verification."""
    from kgan import export

    model = build()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        try:
            if len(model.image_shape) != 3:  # a generator of vectors has no bundle of images
                specs = model.sampling_inputs()
                export.export_network(model.sampling_network(), bundle.with_suffix(".onnx"), inputs=specs)
                return
            for direction in getattr(model, "directions", (None,)):
                export.export(model, bundle.with_name(direction or "bundle"), direction=direction)
                export.verify(bundle.with_name(direction or "bundle"))
        except KganError as error:
            raise AssertionError(f"the system must export and verify: {error}") from error


CHECKS = (config, players, updates, saving, resume, sampling, conditions)


def difference(a, b):
    """Largest absolute difference over all variables of two models, their optimizers and seeds."""

    def state(model):
        skip = {id(variable) for variable in model.metrics_variables}
        everything = model.variables + model.optimizer.variables
        return [ops.convert_to_numpy(v.value).astype("f8") for v in everything if id(v) not in skip]

    pairs = list(zip(state(a), state(b), strict=True))
    return max(float(np.max(np.abs(x - y), initial=0.0)) for x, y in pairs)


def unseeded(model):
    """What to do about layers that draw from a generator which no file holds."""
    layers = [layer for group in model.players().values() for network in group for layer in network.layers]
    names = [x.name for x in layers if getattr(x, "rate", 0) and getattr(x, "seed", 0) is None]
    return f": give {names} an int seed" if names else ""


def _compiled(build, seed=0):
    keras.utils.set_random_seed(seed)
    model = build()
    model.compile()
    return model


def _arguments(cls):
    """Names of the constructor's arguments, through the bases that `**kwargs` pass on to."""
    names = set()
    for base in cls.__mro__:
        if base is keras.Model:
            break
        if "__init__" in vars(base):
            parameters = inspect.signature(base.__init__).parameters.values()
            names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names - {"self"}


def _plain(value):
    return repr(keras.tree.map_structure(lambda leaf: repr(leaf), value))


def _player_weights(model):
    return {
        player: [w for network in networks for w in _values(network.trainable_weights)]
        for player, networks in model.players().items()
    }


def _values(weights):
    return [np.array(ops.convert_to_numpy(weight.value)) for weight in weights]


def _equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def _only(build, player):
    """The players that move in a round in which only `player` is updated."""
    model = _compiled(build)
    original = model.apply_gradients

    def one(name, gradients):
        if name == player:
            original(name, gradients)

    model.apply_gradients = one
    before = _player_weights(model)
    model.fit(model.example_data(4), epochs=1, **_FIT)
    return {name for name, weights in _player_weights(model).items() if not _equal(weights, before[name])}
