"""What each verb of the command line does; Keras is imported only by those that need it."""

import dataclasses
import inspect
import pathlib
import sys

from kgan import catalog, config, run_folder
from kgan.errors import KganError, UsageError
from kgan.files import replacing
from kgan.launch import choose_backend, import_keras, installed


def ls(args):
    """Lists the recipes, without running them."""
    found = catalog.names()
    width = max(map(len, found), default=0)
    for name in found:
        print(f"{name:{width}}  {catalog.summary(catalog.FOLDER / f'{name}.py')}")


def show(args):
    """Shows a recipe's description and settings, without running it."""
    path, _ = catalog.locate(args.recipe)
    print(catalog.description(path).rstrip() + "\n\nSettings:")
    rows = [
        (f"{key}={default}", kind, comment) for key, kind, default, comment in catalog.declared_settings(path)
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for setting, kind, comment in rows:
        print(f"  {setting:{widths[0]}}  {kind:{widths[1]}}  {comment}".rstrip())


def cp(args):
    """Copies a recipe to a file of the user."""
    path, _ = catalog.locate(args.recipe)
    target = pathlib.Path(args.file)
    target = target / path.name if target.is_dir() else target
    if target.suffix != ".py":
        raise UsageError(f"the copy must be a .py file or a folder, got {target}")
    if target.exists():
        raise UsageError(f"the copy must be a new file, {target} exists")
    with replacing(target) as temporary:
        temporary.write_bytes(path.read_bytes())
    print(f"run it with: kgan run {target}")


def run(args):
    """Trains a recipe in a run folder."""
    path, _ = catalog.locate(args.recipe)
    folder, about = _run_folder(args, path.stem)
    backend = choose_backend(args.backend or (about.backend if about else None))
    import_keras()
    recipe = catalog.load(args.recipe)
    given = config.parse_overrides(recipe.module.Config, args.settings)
    settings = recipe.configure(_continued(about, recipe, given, folder) if about else given)
    from kgan.run import train

    command = f"kgan run {args.recipe} --resume --out {folder}"
    print(f"{recipe.name} on {backend} in {folder}", flush=True)
    try:
        train(recipe, settings, folder, backend)
    except KeyboardInterrupt:
        print(f"kgan: stopped; continue with: {command}", file=sys.stderr)
        raise
    print(f"pictures: {folder / run_folder.SAMPLES}\nmodel: {folder / run_folder.MODEL}")


def _run_folder(args, name):
    """The folder of the run, and its `RunConfig` when it continues."""
    if not args.resume:
        folder = pathlib.Path(args.out) if args.out else run_folder.next_folder(name)
        if not run_folder.is_vacant(folder):
            raise UsageError(
                f"the run folder must be new or empty, {folder} is not: give --resume to continue it"
            )
        return folder, None
    folder = pathlib.Path(args.out) if args.out else run_folder.latest_folder(name)
    if run_folder.is_vacant(folder):  # killed before it began
        return folder, None
    about = run_folder.read_config(folder)
    for what, theirs, ours in (("recipe", about.recipe, name), ("backend", about.backend, args.backend)):
        if ours not in (None, theirs):
            raise UsageError(f"the {what} must be {theirs} to continue {folder}, got {ours}")
    return folder, about


def _continued(about, recipe, given, folder):
    """The settings of a run that continues: those it began with, but for more epochs."""
    settings = config.from_json(recipe.module.Config, about.settings)
    for key, value in given.items():
        if key != "epochs" and value != settings.get(key):
            raise UsageError(f"{key} must be {settings.get(key)} to continue {folder}, got {value}")
    if run_folder.source_hash(recipe.path) != about.source:
        print(f"kgan: {recipe.path} was changed since the run {folder} began", file=sys.stderr)
    return {**settings, **given}


def sample(args):
    """Draws images from a run or a bundle and puts them on a sheet."""
    from kgan.pictures import check_suffix, save_sheet

    check_suffix(args.output)
    folder = pathlib.Path(args.source)
    if (folder / "kgan.json").is_file():
        from kgan.export.runtime import Generator

        images = Generator(folder).sample(args.n, seed=args.seed)
    else:
        images = _load_run(folder, args).sample(args.n, seed=args.seed)
    save_sheet(args.output, images, args.columns, scale=args.scale)
    print(args.output)


def _load_run(folder, args):
    about = run_folder.read_config(folder)
    # Weights do not depend on the backend, so another one will do where that of the run is not installed.
    choose_backend(args.backend or (about.backend if installed(about.backend) else None))
    import_keras()
    from kgan.run import load

    return load(folder, args.recipe)


def export(args):
    """Exports a run to a verified bundle."""
    folder = pathlib.Path(args.run)
    about = run_folder.read_config(folder)
    model = _load_run(folder, args)
    from kgan.export import export as write_bundle

    recipe = {**dataclasses.asdict(about), **_origin(about)}
    write_bundle(model, args.output, tuple(args.format), recipe=recipe)
    print(args.output)


def _origin(about):
    """What the model card says of the training data: `data`, maybe `licence`."""
    source = about.settings.get("data")
    if about.recipe in catalog.names() and about.file is None:
        module = catalog.load(about.recipe).module
        if source == getattr(module.Config, "data", None):
            return getattr(module, "DATA", {"data": source})
    return {"data": source}


def verify(args):
    """Checks every file of a bundle and repeats its comparison with the trained generator."""
    from kgan.export import verify as verify_bundle

    print(verify_bundle(args.bundle))


def check(args):
    """Checks the systems that a Python file defines against the contract of kgan's own."""
    choose_backend(args.backend)
    import_keras()
    path = pathlib.Path(args.file)
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"kgan check needs a .py file, got {args.file}")
    module = catalog.run_file(path)
    from kgan.testing import check_model

    for name, system in _systems(module):
        print(f"{name}:", flush=True)
        try:
            check_model(system, report=lambda passed: print(f"  {passed}: passed", flush=True))
        except AssertionError as error:
            raise KganError(f"{name} breaks a rule: {error}") from error


def _systems(module):
    """The systems of a file: its classes with `tiny()`, and what its `model(Config(**SMOKE))` builds."""
    from kgan.engine import AdversarialModel

    found = [
        (name, value)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, AdversarialModel)
        and value.__module__ == module.__name__
    ]
    without = [name for name, system in found if not hasattr(system, "tiny")]
    if without:
        raise UsageError(
            f"a system must have a classmethod tiny() for its check, {', '.join(without)} has none"
        )
    if not found and hasattr(module, "Config") and hasattr(module, "model"):
        settings = module.Config(**getattr(module, "SMOKE", {}))
        found = [("model", lambda: module.model(settings))]
    if not found:
        raise UsageError(
            "kgan check needs a file with a subclass of kgan.engine.AdversarialModel or with model(cfg), "
            f"found neither in {module.__file__}"
        )
    return found
