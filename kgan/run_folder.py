"""The folder of a training run: its name, its `config.json`, and what may be in it before a run."""

import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
import platform
import re
import shutil

from kgan.errors import UsageError
from kgan.files import replacing

CONFIG = "config.json"
HISTORY = "history.csv"
SAMPLES = "samples"
CHECKPOINT = "checkpoint"
MODEL = "model.keras"
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What `config.json` holds.

    Args:
        recipe: the recipe's name.
        file: the recipe's file if it does not ship with kgan, as it was given, or `None`.
        source: SHA-256 of the recipe's file.
        settings: every setting and its value.
        backend: the Keras backend.
        seed: the seed that everything random starts from.
        versions: dict of package to version.
        format: version of this description.
    """

    recipe: str
    file: str | None
    source: str
    settings: dict
    backend: str
    seed: int
    versions: dict
    format: int = FORMAT

    def identity(self):
        """What may not change when the run continues: all but the number of epochs and the versions."""
        settings = {key: value for key, value in self.settings.items() if key != "epochs"}
        return {"recipe": self.recipe, "settings": settings, "backend": self.backend}


def describe(recipe, settings, backend):
    """The `RunConfig` of a new run.

    Args:
        recipe: a `kgan.catalog.Recipe`.
        settings: dict of every setting to its value.
        backend: the Keras backend's name.
    """
    packages = ("kgan", "keras", "numpy", backend)
    return RunConfig(
        recipe=recipe.name,
        file=None if recipe.packaged else str(recipe.path),
        source=source_hash(recipe.path),
        settings=settings,
        backend=backend,
        seed=settings["seed"],
        versions={"python": platform.python_version(), **{name: _version(name) for name in packages}},
    )


def source_hash(path):
    """SHA-256 of a recipe's file, in hexadecimal."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def _version(package):
    from kgan import __version__

    if package == "kgan":
        return __version__
    # TensorFlow's CPU build is another distribution with the same import.
    for name in importlib.metadata.packages_distributions().get(package, ()):
        if name.startswith(package):
            return importlib.metadata.version(name)
    return "unknown"


def write_config(folder, config):
    """Writes `config.json`, whole or not at all."""
    with replacing(folder / CONFIG) as temporary:
        text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def read_config(folder):
    """Reads the `config.json` of a run folder.

    Raises:
        UsageError: the folder is no run folder, or its `config.json` is not one of this version.
    """
    path = pathlib.Path(folder) / CONFIG
    if not path.is_file():
        raise UsageError(f"a run folder must hold {CONFIG}, {folder} does not")
    kinds = {"recipe": str, "source": str, "settings": dict, "backend": str, "seed": int, "versions": dict}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        config = RunConfig(**values)
        good = all(isinstance(getattr(config, key), kind) for key, kind in kinds.items())
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} must be as kgan wrote it: {error}") from error
    if not good or config.format != FORMAT or not isinstance(config.file, str | None):
        raise UsageError(f"{path} must be of format {FORMAT}, got format {config.format!r} or wrong types")
    return config


def _numbered(name, parent):
    pattern = re.compile(re.escape(name) + r"-(\d+)")
    found = [(pattern.fullmatch(p.name), p) for p in parent.iterdir()] if parent.is_dir() else []
    return sorted((int(match[1]), path) for match, path in found if match)


def next_folder(name, parent="runs"):
    """The default folder of a new run: `runs/<recipe>-<n>`, with the first n after all present ones.

    Example:

    >>> next_folder("dcgan_emoji", parent="no/such/folder").name
    'dcgan_emoji-1'
    """
    parent = pathlib.Path(parent)
    numbers = [number for number, _ in _numbered(name, parent)]
    return parent / f"{name}-{max(numbers, default=0) + 1}"


def latest_folder(name, parent="runs"):
    """The newest default folder of a recipe.

    Raises:
        UsageError: there is none.
    """
    found = _numbered(name, pathlib.Path(parent))
    if not found:
        raise UsageError(
            f"--resume needs a run to continue, found no folder {parent}/{name}-<n>: name it by --out"
        )
    return found[-1][1]


def is_vacant(folder):
    """Whether a run may start in a folder: it is absent, or holds at most leftovers of a killed start.

    Raises:
        UsageError: the path is a file.

    Example:

    >>> is_vacant("no/such/folder")
    True
    """
    folder = pathlib.Path(folder)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"a run folder must be a folder, got the file {folder}")
    return not folder.exists() or all(_is_leftover(path) for path in folder.iterdir())


def _is_leftover(path):
    # What kgan.files.replacing leaves behind when the process is killed while it writes.
    return re.fullmatch(r"\..+\.[a-z0-9_]{8}", path.name) is not None and path.is_dir()


def sweep(folder):
    """Removes half-written files that a killed run left in its folder."""
    for place in (folder, folder / SAMPLES, folder / CHECKPOINT):
        if place.is_dir():
            for path in filter(_is_leftover, list(place.iterdir())):
                shutil.rmtree(path)
