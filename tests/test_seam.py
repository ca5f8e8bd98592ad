"""Who may import what: backends only behind the seam, and imports that go down only."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
BACKENDS = {"tensorflow", "tf2onnx", "torch", "jax", "jaxlib", "flax", "optax"}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}

# From the bottom up; a part may import its own level and those below.
LEVELS = (
    (
        "errors",
        "checks",
        "_version",
        "types",
        "files",
        "latents",
        "styles",
        "directions",
        "conditions",
        "onnx_session",
    ),
    ("_backend", "pictures"),
    ("layers", "losses", "metrics", "data", "theory"),
    ("engine",),
    ("models", "callbacks", "figures", "inference"),
    ("export", "testing", "contract", "launch", "config"),
    (
        "recipes",
        "catalog",
        "run_folder",
        "score_table",
        "run",
        "mode_table",
        "gallery",
        "commands",
        "translation",
        "interpolation",
        "cli",
        "demo",
        "__main__",
    ),
)
LEVEL = {name: height for height, names in enumerate(LEVELS) for name in names}

pytestmark = pytest.mark.once


def modules():
    """(dotted name, syntax tree) of every module that is installed."""
    for folder in ("kgan", "export", "recipes"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[:2] in (("kgan", "export"), ("kgan", "recipes")):
                continue  # the links to the folders beside kgan
            parts = parts if parts[0] == "kgan" else ("kgan", *parts)
            name = ".".join(parts).removesuffix(".__init__")
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree):
    """The dotted names that a module imports, anywhere in it but for what only type checkers read."""
    unread = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            unread |= {id(child) for statement in node.body for child in ast.walk(statement)}
        if id(node) in unread:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(rule):
    """`module imports what`, for imports that the rule forbids."""
    return sorted(
        {f"{name} imports {what}" for name, tree in modules() for what in imports(tree) if rule(name, what)}
    )


def test_backends_are_imported_behind_the_seam_only():
    allowed = ("kgan._backend.", "kgan.export.")

    def rule(name, what):
        return what.partition(".")[0] in BACKENDS and not name.startswith(allowed)

    assert breaches(rule) == []


def test_runtime_and_what_it_uses_import_no_framework():
    trees = dict(modules())
    todo, seen = ["kgan.export.style_runtime"], set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for what in imports(trees[name]):
            assert what.partition(".")[0] not in BACKENDS | {"keras"}, f"{name} imports {what}"
            if what in trees and what not in seen:
                todo.append(what)
    assert {"kgan.export.runtime", "kgan.latents", "kgan.types"} <= seen


def test_nothing_unsafe_is_imported():
    assert breaches(lambda name, what: what.partition(".")[0] in UNSAFE) == []


def test_every_part_has_a_level():
    parts = {name.split(".")[1] for name, _ in modules() if "." in name}
    assert parts <= set(LEVEL), "say in LEVELS how high the new part stands"


def test_imports_go_down_only():
    def rule(name, what):
        mine, theirs = name.split("."), what.split(".")
        if len(mine) < 2 or len(theirs) < 2 or theirs[0] != "kgan" or theirs[1] not in LEVEL:
            return False
        return LEVEL[theirs[1]] > LEVEL[mine[1]]

    assert breaches(rule) == []


def test_export_knows_no_system():
    assert (
        breaches(lambda name, what: name.startswith("kgan.export") and what.startswith("kgan.models")) == []
    )


def test_no_evaluation_of_text():
    calls = [
        f"{name}: {node.func.id}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")
    ]
    assert calls == []
