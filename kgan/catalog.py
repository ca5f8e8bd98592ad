"""The catalogue of recipes: finding their files, reading them without running them, running them."""

import ast
import dataclasses
import importlib.util
import pathlib
import re
import sys
import types

from kgan.config import check_key, describe, fits, nearest, settings_rules
from kgan.errors import UsageError

FOLDER = pathlib.Path(__file__).parent / "recipes"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe whose Python file was run.

    Args:
        name: its name for `kgan run`, or the stem of its file.
        path: its file.
        packaged: whether it ships with kgan.
        module: the loaded module: `Config`, `model`, `data`, maybe `callbacks` and `SMOKE`.
    """

    name: str
    path: pathlib.Path
    packaged: bool
    module: types.ModuleType

    def configure(self, overrides):
        """The recipe's settings, with some of them replaced.

        Args:
            overrides: dict of setting to value, of the type that the setting is declared with.

        Raises:
            UsageError: an unknown setting, or a value that breaks its rule.
        """
        rules = settings_rules(self.module.Config)
        for key, value in overrides.items():
            check_key(key, rules)
            if not fits(value, rules[key]):
                raise UsageError(f"{key} must be {describe(rules[key])}, got {value!r}")
        try:
            return self.module.Config(**overrides)
        except ValueError as error:  # a __post_init__ of the recipe that checks a range
            raise UsageError(str(error)) from error


def names():
    """The names of the recipes that ship with kgan, in alphabetical order.

    Example:

    >>> "dcgan_fashion_mnist" in names()
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def locate(name_or_path):
    """Finds a recipe's file.

    Args:
        name_or_path: the name of a recipe that ships with kgan, or the path of a Python file.

    Returns:
        The file, and whether it ships with kgan.

    Raises:
        UsageError: there is no such recipe or file.

    Example:

    >>> path, packaged = locate("dcgan_fashion_mnist")
    >>> path.name, packaged
    ('dcgan_fashion_mnist.py', True)
    """
    text = str(name_or_path)
    if text in names():
        return FOLDER / f"{text}.py", True
    path = pathlib.Path(text)
    if path.suffix == ".py" and path.is_file():
        return path, False
    if path.suffix == ".py" or len(path.parts) > 1:
        raise UsageError(f"a recipe must be a name that `kgan ls` shows or a .py file, found no file {text}")
    raise UsageError(f"a recipe must be one of {', '.join(names())}, got {text!r}{nearest(text, names())}")


def parse_source(path):
    """The syntax tree of a recipe's file, which is not run.

    Raises:
        UsageError: the file is not Python.
    """
    try:
        return ast.parse(pathlib.Path(path).read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        line = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        reason = getattr(error, "msg", error)
        raise UsageError(f"a recipe must be valid Python, got {path}{line}: {reason}") from error


def description(path):
    """A recipe's docstring, read without running the file.

    Args:
        path: the recipe's file.
    """
    return ast.get_docstring(parse_source(path)) or ""


def summary(path):
    """The first line of a recipe's docstring, read without running the file.

    Args:
        path: the recipe's file.

    Example:

    >>> path, _ = locate("dcgan_fashion_mnist")
    >>> summary(path).startswith("DCGAN")
    True
    """
    return description(path).partition("\n")[0]


def declared_settings(path):
    """The settings in a recipe's source, read without running the file.

    Args:
        path: the recipe's file.

    Returns:
        A list of (name, type, default, comment), each as it is written there.

    Example:

    >>> path, _ = locate("dcgan_fashion_mnist")
    >>> "epochs" in [name for name, *_ in declared_settings(path)]
    True
    """
    lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    rows = []
    for node in parse_source(path).body:
        if not (isinstance(node, ast.ClassDef) and node.name == "Config"):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                default = ast.unparse(field.value) if field.value else "(required)"
                after = lines[(field.end_lineno or 1) - 1].encode()[field.end_col_offset :].decode()
                comment = after.partition("#")[2].strip()
                rows.append((field.target.id, ast.unparse(field.annotation), default, comment))
    return rows


def load(name_or_path):
    """Runs a recipe's file and checks that it is a recipe.

    Args:
        name_or_path: the name of a recipe that ships with kgan, or the path of a Python file.

    Returns:
        A `Recipe`.

    Raises:
        UsageError: there is no such recipe, or the file does not define what a recipe must.
    """
    path, packaged = locate(name_or_path)
    parse_source(path)
    module = importlib.import_module(f"kgan.recipes.{path.stem}") if packaged else run_file(path)
    config = getattr(module, "Config", None)
    parameters = getattr(config, "__dataclass_params__", None)
    if not getattr(parameters, "frozen", False) or not all(
        callable(getattr(module, name, None)) for name in ("model", "data")
    ):
        raise UsageError(
            f"a recipe must define a frozen dataclass Config and the functions model(cfg) and data(cfg), "
            f"which {path} does not: see `kgan cp RECIPE FILE` for one to start from"
        )
    missing = {"epochs", "seed"} - set(settings_rules(config))
    if missing:
        raise UsageError(f"a recipe's Config must have epochs and seed, {path} lacks {', '.join(missing)}")
    return Recipe(path.stem, path, packaged, module)


def run_file(path):
    """Runs a Python file as a module.

    Args:
        path: the file; modules beside it can be imported, as for a script.
    """
    name = "kgan_recipe_" + re.sub(r"\W", "_", path.stem)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"a recipe must be a .py file, got {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and Keras' saving look classes up by their module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
