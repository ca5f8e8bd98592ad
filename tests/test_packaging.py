"""What is shipped, and how it is installed."""

import ast
import importlib.metadata
import os
import pathlib
import re
import shutil
import site
import subprocess
import sys
import tomllib
import zipfile

import pytest

import kgan

ROOT = pathlib.Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = [ROOT / "kgan", ROOT / "export", ROOT / "recipes"]

pytestmark = pytest.mark.once


def run(*command, cwd, **environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def requirement(text):
    """The package that a requirement names."""
    return re.split(r"[<>=\[ ]", text)[0]


def source_files():
    """The Python files that are installed; a folder with a link to it is listed once."""
    for folder in SOURCES:
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(ROOT).parts
            if inside[:2] not in (("kgan", "export"), ("kgan", "recipes")):
                yield path


def tracked_files():
    """What a clone holds, or where git cannot say so, the text files of the source folders."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = [str(path.relative_to(ROOT)) for path in source_files()]
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_the_links_lead_to_the_top_level_folders():
    for name in ("export", "recipes"):
        assert (ROOT / "kgan" / name).resolve() == ROOT / name


def test_packages_are_those_on_disk():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in source_files() if path.name == "__init__.py"
    }
    expected = {name if name.startswith("kgan") else f"kgan.{name}" for name in found}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == expected
    assert len(PROJECT["tool"]["setuptools"]["packages"]) == len(expected)


def test_every_folder_of_sources_is_a_package():
    for path in source_files():
        assert (path.parent / "__init__.py").is_file(), path


def test_version_is_that_of_the_installed_package():
    assert importlib.metadata.version("kgan") == kgan.__version__


def test_extras():
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras) == {"tensorflow", "jax", "torch", "data", "export", "runtime", "dev"}
    assert [requirement(item) for item in extras["runtime"]] == ["onnxruntime"]
    names = {requirement(item) for item in PROJECT["project"]["dependencies"]}
    assert not {"tensorflow", "jax", "torch", "onnxruntime"} & names
    assert "keras>=3.15" in PROJECT["project"]["dependencies"]


def test_every_dependency_has_a_tested_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if "==" in line}
    project = PROJECT["project"]
    wanted = [project["dependencies"], *project["optional-dependencies"].values()]
    assert {requirement(item) for items in wanted for item in items} <= pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built the long way: a source archive first, the wheel from what that holds."""
    work = tmp_path_factory.mktemp("build")
    copy = work / "copy"
    copy.mkdir()
    for path in tracked_files():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    for name in ("export", "recipes"):
        (copy / "kgan" / name).unlink(missing_ok=True)
        (copy / "kgan" / name).symlink_to(f"../{name}")
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(work)!r})"
    run(sys.executable, "-c", code, cwd=copy)
    (archive,) = work.glob("*.tar.gz")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--no-build-isolation", "--wheel-dir", work, archive, cwd=work)
    (built,) = work.glob("*.whl")
    return built


def test_wheel_holds_kgan_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"kgan"}
    for wanted in (
        "kgan/py.typed",
        "kgan/export/runtime.py",
        "kgan/recipes/dcgan_fashion_mnist.py",
        "kgan/recipes/fashion_mnist_mini/README.md",
        "kgan/recipes/fashion_mnist_mini/train-00000-of-00001.parquet",
        "kgan/recipes/fashion_mnist_mini/test-00000-of-00001.parquet",
    ):
        assert wanted in names
    sources = {str(path.relative_to(ROOT)) for path in source_files()}
    sources = {name if name.startswith("kgan/") else f"kgan/{name}" for name in sources}
    assert sources == {name for name in names if name.endswith(".py")}
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    assert wheel.stat().st_size < 8e6


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment with the wheel in place of the checkout."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder.parent)
    # The dependencies are those of this environment: as plain paths, so that its own .pth files,
    # among them that of an editable kgan, have no effect.
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder.parent)
    paths = [path for path in sys.path + site.getsitepackages() if path.endswith("-packages")]
    (pathlib.Path(where.strip()) / "dependencies.pth").write_text("\n".join(dict.fromkeys(paths)))
    return python


def test_installed_package_works_outside_the_checkout(installed, tmp_path):
    code = (
        "import kgan, kgan.recipes, kgan.export.runtime, kgan.data, kgan.models;"
        "print(kgan.__file__);"
        "images = kgan.data.load_images(kgan.recipes.FASHION_MNIST_MINI, 'test[:64]');"
        "print(images.image_shape)"
    )
    file, shape = run(installed, "-c", code, cwd=tmp_path, PYTHONPATH="", HF_HOME=str(tmp_path)).splitlines()
    assert not pathlib.Path(file).is_relative_to(ROOT)
    assert shape == "(28, 28, 1)"
    for name in ("recipes", "export"):
        code = f"import importlib.util as i; print(i.find_spec({name!r}))"
        assert run(installed, "-c", code, cwd=tmp_path, PYTHONPATH="").strip() == "None", name


def test_installed_command(installed, tmp_path):
    listed = run(installed.parent / "kgan", "ls", cwd=tmp_path, PYTHONPATH="")
    recipes = {path.stem for path in (ROOT / "recipes").glob("*.py")} - {"__init__"}
    assert {line.split()[0] for line in listed.splitlines()} == recipes
    assert run(installed, "-m", "kgan", "--version", cwd=tmp_path, PYTHONPATH="").split() == [
        "kgan",
        kgan.__version__,
    ]


def public_definitions(path):
    """(name, node) of a module and its public classes and functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    yield "(module)", tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node


def test_every_public_name_has_a_docstring():
    # A recipe's `model`, `data` and `callbacks` mean the same in each; kgan.catalog says what.
    recipe = {"model", "data", "callbacks"}
    bare = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in source_files()
        for name, node in public_definitions(path)
        if not any(part.startswith("_") and part != "__init__.py" for part in path.parts)
        and not (path.parent.name == "recipes" and name in recipe)
        and not ast.get_docstring(node)
    ]
    assert bare == []


# Spelt so that this file does not match itself.
MACHINE = re.compile(r"""(?:^|[\s"'`=(:])/(?:wor[k]|hom[e]|roo[t]|op[t]|User[s])/""")
REGISTRIES = re.compile(r"py[p]i\.org|python[h]osted|npm[j]s\.|download\.py[t]orch")


def test_no_file_names_a_machine_or_a_registry():
    found = []
    for path in tracked_files():
        if path.suffix in (".parquet", ".png", ".npz", ".jpg", ".onnx", ".keras"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if MACHINE.search(line) or REGISTRIES.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert found == []


def test_links_between_documents_lead_somewhere():
    broken = []
    for path in tracked_files():
        if path.suffix == ".md":
            for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
                if "://" not in target and not (path.parent / target).exists():
                    broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_bundled_data_set_is_small_and_states_its_licence():
    folder = ROOT / "recipes" / "fashion_mnist_mini"
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 6e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "license: mit" in card
    assert "Copyright 2017 Zalando SE" in card


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
class TestMakefile:
    def make(self, *words, code=0):
        done = subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def test_help_names_every_target(self):
        phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE).group(1)
        shown = self.make("help")
        assert not [target for target in phony.split() if f"make {target} " not in shown]

    def test_unknown_backend(self):
        assert "BACKEND must be one of tensorflow jax torch, got mxnet" in self.make(
            "demo", "BACKEND=mxnet", code=2
        )

    def test_python_must_be_recent(self, tmp_path):
        old = tmp_path / "python"
        old.write_text('#!/bin/sh\ncase "$*" in *version*) echo Python 3.9.2;; esac\nexit 1\n')
        old.chmod(0o755)
        shown = self.make(f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "demo", code=2)
        assert "kgan needs Python 3.11 or newer, got Python 3.9.2" in shown
