"""What each verb of the command line does; Keras is imported only by those that need it."""

import dataclasses
import inspect
import pathlib
import sys
from typing import Any

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
    if (folder / run_folder.SAMPLES).is_dir():
        print(f"pictures: {folder / run_folder.SAMPLES}")
    print(f"model: {folder / run_folder.MODEL}")


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
    _check_kept(args.instance or (), args.output)
    folder = pathlib.Path(args.source)
    if (folder / "kgan.json").is_file():
        from kgan.interpolation import open_bundle

        source = open_bundle(folder)
        inputs, names = source.inputs, source.labels
    else:
        source = _load_run(folder, args)
        inputs, names = source.sampling_inputs(), source.class_names
    n, columns, given = _labels(args, inputs, names)
    if args.psi is not None:
        given = {**given, "truncation_psi": args.psi}
    if args.noise is not None:
        if not hasattr(source, "noise"):
            raise UsageError(f"--noise must not be given: {args.source} has no noise in its layers")
        given = {**given, "noise": args.noise}
    if args.extractor and not args.instance:
        raise UsageError("--extractor must not be given without --instance")
    if args.instance:
        n, columns, given = _instances(args, source, inputs, given)
    images = source.sample(n, seed=args.seed, **given)
    if images.ndim != 4:
        raise UsageError(f"kgan sample draws images, {args.source} makes vectors")
    save_sheet(args.output, images, columns, scale=args.scale)
    print(args.output)


def interpolate(args):
    """Walks between images of a bundle, and writes a GIF or a strip of what lies between them."""
    from kgan import interpolation
    from kgan.pictures import check_suffix

    check_suffix(args.output)
    generator = interpolation.open_bundle(args.bundle)
    label = _one_class(args, generator.inputs, generator.labels, generator.folder)
    images = interpolation.walk(
        generator, args.seeds, args.steps, args.space, psi=args.psi, label=label, closed=args.loop
    )
    interpolation.write_walk(args.output, images, fps=args.fps, scale=args.scale, closed=args.loop)
    print(args.output)


def evaluate(args):
    """Scores a run or a bundle against real images."""
    folder = pathlib.Path(args.source)
    if (folder / "kgan.json").is_file():
        from kgan.export.runtime import Generator

        source = Generator(folder)  # onnxruntime draws the samples; Keras only reads the data
        choose_backend(args.backend)
        import_keras()
    else:
        source = _load_run(folder, args)
    if not hasattr(source, "sample"):
        raise UsageError(f"kgan evaluate scores generators, {folder} holds a {type(source).__name__}")
    from kgan import score_table
    from kgan.metrics import ProgressLine, chosen_metrics, open_network
    from kgan.metrics import evaluate as measure

    metrics = chosen_metrics(args.metrics)
    network = open_network(args.extractor, args.size) if args.extractor else None
    real = _real_images(args.data, args.split, source, args.upscale)
    heldout = _real_images(args.data, args.heldout, source, args.upscale) if args.heldout else None
    with ProgressLine() as progress:
        results = measure(
            source,
            real,
            metrics,
            extractor=network,
            n=args.n,
            real_n=args.real,
            seed=args.seed,
            batch_size=args.batch_size,
            mirror=args.mirror,
            heldout=heldout,
            conditions=None if args.truncation is None else {"truncation_psi": args.truncation},
            data_name=args.data,
            split=args.split,
            progress=progress,
        )
    path = args.output or score_table.scores_path(folder)
    for line in score_table.comparisons(results, score_table.add_scores(path, results)):
        print(f"kgan: {line}", file=sys.stderr)
    print(score_table.table(results))
    print(path)


def _real_images(data, split, source, upscale):
    """Real images of the size and channels that a generator makes, each once and in order."""
    from kgan.data import load_images

    height, width, channels = source.image_shape
    shape = {"image_size": (height, width), "channels": channels, "upscale": upscale}
    return load_images(data, split, **shape, batch_size=1, shuffle=False)


def _one_class(args, inputs, names, source):
    from kgan.conditions import one_class

    return None if args.label is None else one_class(inputs, args.label, names, source)


def _labels(args, inputs, names) -> tuple[int, int | None, dict[str, Any]]:
    """The number of images, the columns of the sheet and the conditions that `--label` asks for."""
    if args.label is None:
        return args.n or 64, args.columns, {}
    from kgan.conditions import parse_labels

    spec = next((spec for spec in inputs if spec.distribution == "label"), None)
    if spec is None:
        raise UsageError(f"--label must not be given: {args.source} has no classes")
    numbers = parse_labels(args.label, spec.num_classes, names)
    n = args.n or (64 if len(numbers) == 1 else 8 * len(numbers))
    if n % len(numbers):
        raise UsageError(f"-n must be a multiple of the {len(numbers)} labels, got {n}")
    each = n // len(numbers)
    # One row of the sheet for each class.
    columns = args.columns or (each if len(numbers) > 1 else None)
    return n, columns, {spec.name: [number for number in numbers for _ in range(each)]}


def _instances(args, source, inputs, given):
    """The number of images, the columns and the conditions that `--instance` asks for, one row for each."""
    if "instance" not in [spec.name for spec in inputs]:
        raise UsageError(f"--instance must not be given: {args.source} has no instances")
    count = len(args.instance)
    n = args.n or 8 * count
    if len(set(next(iter(given.values()), [0]))) > 1:
        raise UsageError(f"--label must be one class beside --instance, got {args.label}")
    given = {name: values[0] for name, values in given.items()}
    key = "instance"
    if hasattr(source, "use_extractor"):
        from kgan.data.photos import open_extractor

        key = "instances"
        path = pathlib.Path(args.extractor or pathlib.Path(args.source) / "extractor.onnx")
        if not path.is_file():
            raise UsageError(f"--instance needs the run's extractor, found no {path}: name it by --extractor")
        source.use_extractor(open_extractor(path, source.extractor))
    elif args.extractor:
        raise UsageError("--extractor is for runs: a bundle has its own, or none; export it with one")
    columns = args.columns or (n // count if count > 1 else None)
    return n, columns, {**given, key: args.instance}


def figure(args):
    """Draws a figure of the gallery, or lists all of them."""
    from kgan import gallery

    if args.list or args.name is None:
        width = max(map(len, gallery.FIGURES))
        for name, entry in gallery.FIGURES.items():
            print(f"{name:{width}}  {entry.about}{' Needs --run.' if entry.needs_run else ''}")
        return
    entry = gallery.find(args.name)
    given = config.parse_overrides(entry.settings(), args.settings)
    if entry.needs_run != (args.run is not None):
        rule = "a trained model: name it by --run" if entry.needs_run else "no trained model: leave --run out"
        raise UsageError(f"the figure {args.name} needs {rule}")
    path = pathlib.Path(args.output or f"{args.name}.png")
    if path.suffix.lower() != ".png":
        raise UsageError(f"a figure's file must end in .png, got {str(path)!r}")
    folder = [pathlib.Path(args.run)] if entry.needs_folder else []
    for line in entry.draw(path, *_figure_source(args), *folder, **given):
        print(line)
    print(path)


def _figure_source(args):
    if args.run is None:
        choose_backend(args.backend)
        import_keras()
        return []
    if (pathlib.Path(args.run) / "kgan.json").is_file():
        choose_backend(args.backend)
        import_keras()  # the drawing modules hold layers too
        from kgan.export.runtime import Generator

        return [Generator(args.run)]
    return [_load_run(pathlib.Path(args.run), args)]


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
    if args.part is not None:
        _export_part(model, args)
        return
    if not hasattr(model, "sample"):
        _export_network(model, about, args)
        return
    from kgan.export import export as write_bundle

    recipe = {**dataclasses.asdict(about), **_origin(about)}
    extractor = folder / "extractor.onnx"
    kept = extractor if extractor.is_file() else None
    write_bundle(
        model,
        args.output,
        tuple(args.format),
        recipe=recipe,
        extractor=kept,
        direction=args.direction,
    )
    print(args.output)


def _export_part(model, args):
    """Writes one network of a run's model, such as the classifier, as one ONNX file."""
    import keras

    from kgan.export import export_network

    parts = [name for name in ("classifier", "discriminator", "encoder") if hasattr(model, name)]
    if args.part not in parts or not isinstance(getattr(model, args.part), keras.Model):
        raise UsageError(f"--part must be one of {', '.join(parts) or 'none'}, got {args.part!r}")
    print(export_network(getattr(model, args.part), args.output))


def _export_network(model, about, args):
    """Writes a run's classifier or the like as one ONNX file; its recipe may say which outputs it has."""
    from kgan.export import export_network

    if args.recipe is None and about.file is not None:
        raise UsageError(f"the run's recipe was {about.file}: name it by --recipe")
    module = catalog.load(args.recipe or about.recipe).module
    print(export_network(module.exported(model) if hasattr(module, "exported") else model, args.output))


def _origin(about):
    """What a recipe says of its own data, for the model card: `data`, maybe `licence`."""
    if about.recipe not in catalog.names() or about.file is not None:
        return {}
    module = catalog.load(about.recipe).module
    own = all(about.settings.get(key) == getattr(module.Config, key, None) for key in ("data", "data_b"))
    return getattr(module, "DATA", {}) if own else {}


def project(args):
    """Finds the latents of pictures; writes targets, mean and projections, and the latents beside them."""
    import numpy as np

    from kgan.data.decode import Target, open_image, to_pixels
    from kgan.pictures import check_suffix

    check_suffix(args.output)
    latents = pathlib.Path(args.output).with_suffix(".npz")
    _check_kept(args.pictures, args.output, latents)
    model = _load_run(pathlib.Path(args.run), args)
    if not hasattr(model, "project"):
        raise UsageError(f"kgan project needs a model with styles, got a {type(model).__name__}")
    for name in args.pictures:
        if not pathlib.Path(name).is_file():
            raise UsageError(f"the input must be a picture, found no {name}")
    target = Target(*model.image_shape, upscale=True)
    images = np.stack([to_pixels(open_image(name, name), target, name) for name in args.pictures])
    label = _one_class(args, model.sampling_inputs(), model.class_names, args.run)
    found = model.project(
        images, steps=args.steps, optimize_noise=not args.fixed_noise, per_layer=args.per_layer, label=label
    )
    with replacing(args.output) as temporary:
        found.picture(args.scale).save(temporary)
    with replacing(latents) as temporary, temporary.open("wb") as file:
        np.savez(file, w=found.w, **found.noise)
    for name, before, after in zip(args.pictures, *found.errors):
        print(f"{name}: error {before:.1f} grey levels from the mean, {after:.1f} projected")
    print(args.output, latents)


def _check_kept(pictures, *outputs):
    """Raises UsageError where an output would overwrite one of the pictures that it is made from."""
    for output in map(pathlib.Path, outputs):
        for name in map(pathlib.Path, pictures):
            if output.exists() and name.exists() and output.samefile(name):
                raise UsageError(f"the output must be another file than the input {name}, got {output}")


def translate(args):
    """Translates a picture, or all pictures of a folder, with an exported bundle."""
    from kgan import checks
    from kgan.translation import open_translator, translate_file, translate_folder

    source, target = pathlib.Path(args.input), pathlib.Path(args.output)
    memory = checks.positive("--memory", args.memory) * 1e9
    translator = open_translator(args.bundle, args.label, memory)
    if not source.exists():
        raise UsageError(f"the input must be a picture or a folder of pictures, found no {source}")
    if source.is_dir():
        translate_folder(translator, source, target, args.size, args.trim)
        return
    translate_file(translator, source, target, args.size, args.trim)
    print(target)


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
