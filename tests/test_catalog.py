import dataclasses
import subprocess
import sys

import pytest

from kgan import catalog
from kgan.errors import UsageError

pytestmark = pytest.mark.once

GOOD = '''"""Toy recipe.

More.
"""
import dataclasses

@dataclasses.dataclass(frozen=True)
class Config:
    epochs: int = 2  # how long
    seed: int = 0
    sizes: tuple[int, ...] = (1, 2)  # a # b

    def __post_init__(self):
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")

def model(cfg):
    pass

def data(cfg):
    pass
'''


@pytest.fixture
def recipe_file(tmp_path):
    def write(text, name="toy.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_source_is_read_without_being_run(recipe_file):
    path = recipe_file(GOOD + "\nraise SystemExit('was run')\n")
    assert catalog.summary(path) == "Toy recipe."
    assert catalog.declared_settings(path) == [
        ("epochs", "int", "2", "how long"),
        ("seed", "int", "0", ""),
        ("sizes", "tuple[int, ...]", "(1, 2)", "a # b"),
    ]


def test_load_a_file(recipe_file):
    recipe = catalog.load(recipe_file(GOOD, "my-toy.2.py"))
    assert recipe.name == "my-toy.2"
    assert not recipe.packaged
    assert sys.modules[recipe.module.__name__] is recipe.module
    assert dataclasses.asdict(recipe.configure({"epochs": 5})) == {"epochs": 5, "seed": 0, "sizes": (1, 2)}


@pytest.mark.parametrize(
    ("overrides", "rule"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"epochs": "3"}, "epochs must be a whole number, got '3'"),
        ({"sizes": [1]}, r"sizes must be whole numbers joined by commas, got \[1\]"),
        ({"speed": 1}, "got 'speed'"),
    ],
)
def test_configure_checks(recipe_file, overrides, rule):
    recipe = catalog.load(recipe_file(GOOD))
    with pytest.raises(UsageError, match=rule):
        recipe.configure(overrides)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x = 1", "must define a frozen dataclass Config"),
        (GOOD.replace("frozen=True", "frozen=False"), "must define a frozen dataclass Config"),
        (GOOD.replace("def data", "def date"), r"data\(cfg\)"),
        (GOOD.replace("    seed: int = 0\n", ""), "lacks seed"),
        (GOOD + "\ndef (:\n", "toy.py line 23: invalid syntax"),
    ],
)
def test_files_that_are_no_recipes(recipe_file, text, rule):
    with pytest.raises(UsageError, match=rule):
        catalog.load(recipe_file(text))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("dcgan_fashion", "did you mean dcgan_fashion_mnist"),
        ("nothing.py", "found no file nothing.py"),
        ("some/folder", "found no file some/folder"),
        ("../recipes/dcgan_emoji", "found no file"),
    ],
)
def test_unknown_recipes(name, rule):
    with pytest.raises(UsageError, match=rule):
        catalog.locate(name)


def test_a_failing_file_leaves_no_module(recipe_file):
    with pytest.raises(ZeroDivisionError):
        catalog.load(recipe_file(GOOD + "\n1 / 0\n", "failing.py"))
    assert "kgan_recipe_failing" not in sys.modules


def test_modules_beside_a_recipe_can_be_imported(recipe_file):
    recipe_file("ANSWER = 42", "beside_the_recipe.py")
    recipe = catalog.load(recipe_file(GOOD + "\nimport beside_the_recipe\n"))
    assert recipe.module.beside_the_recipe.ANSWER == 42


def test_listing_imports_neither_keras_nor_numpy():
    code = (
        "import sys; from kgan.cli import main; main(['ls']); main(['show', 'dcgan_emoji'])\n"
        "heavy = {'keras', 'numpy', 'matplotlib', 'rich', 'PIL', 'datasets', 'tensorflow', 'torch', 'jax'}\n"
        "sys.exit(str(sorted(heavy & set(sys.modules))) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "dcgan_fashion_mnist" in done.stdout
