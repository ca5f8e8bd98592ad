"""The verbs that need no backend, and what wrong words get."""

import os
import pathlib
import subprocess
import sys

import pytest

from kgan import __version__, catalog, commands
from kgan.cli import main

pytestmark = pytest.mark.once
RECIPE = pathlib.Path(__file__).parent / "recipes" / "tiny_gan.py"


@pytest.fixture
def fails(capsys):
    """Runs the command line and returns the one line that it fails with."""

    def run(code, *words):
        assert main([str(word) for word in words]) == code
        out, err = capsys.readouterr()
        assert err.startswith("kgan: error: ")
        assert err.count("\n") == 1
        assert out == ""
        return err.removeprefix("kgan: error: ").rstrip()

    return run


def test_ls(capsys):
    assert main(["ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == catalog.names()
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in lines)


def test_show(capsys):
    assert main(["show", str(RECIPE)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("A GAN of a few weights on noise")
    assert "batches=6" in out
    assert "in an epoch" in out
    assert "pair=(1, 2)" in out


@pytest.mark.parametrize("name", catalog.names())
def test_recipes_say_what_they_need(name):
    text = catalog.description(catalog.FOLDER / f"{name}.py")
    assert f"Command: kgan run {name}" in text
    words = ("Data: drawn",) if "Data: drawn" in text else ("Data:", "hub id", "FOLDER")
    assert all(word in text for word in words)


def test_cp(tmp_path, capsys, fails):
    target = tmp_path / "mine.py"
    assert main(["cp", "dcgan_emoji", str(target)]) == 0
    assert f"kgan run {target}" in capsys.readouterr().out
    assert target.read_bytes() == (catalog.FOLDER / "dcgan_emoji.py").read_bytes()
    target.write_text("mine")
    assert "exists" in fails(2, "cp", "dcgan_emoji", target)
    assert target.read_text() == "mine"
    assert main(["cp", "dcgan_emoji", str(tmp_path)]) == 0
    assert (tmp_path / "dcgan_emoji.py").exists()
    capsys.readouterr()
    assert "must be a .py file or a folder" in fails(2, "cp", "dcgan_emoji", tmp_path / "mine.txt")


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kgan {__version__}\n"
    assert main(["run", "--help"]) == 0
    assert "--resume" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: VERB (see kgan --help)"),
        (["train"], "invalid choice: 'train'"),
        (["run"], "required: RECIPE_OR_FILE"),
        (["run", "dcgan_emoji", "--out"], "--out: expected one argument (see kgan run --help)"),
        (["run", "dcgan_emoji", "--backend", "numpy"], "invalid choice: 'numpy'"),
        (["run", "dcgan_emoji", "--res"], "unrecognized arguments: --res"),
        (["run", "dcgan_emojy"], "got 'dcgan_emojy': did you mean dcgan_emoji?"),
        (["run", "none.py"], "found no file none.py"),
        (["run", "dcgan_emoji", "epoch=1"], "got 'epoch': did you mean epochs?"),
        (["run", "dcgan_emoji", "epochs=many"], "epochs must be a whole number, got 'many'"),
        (["run", "dcgan_emoji", "epochs"], "settings must be given as key=value, got 'epochs'"),
        (["run", RECIPE, "batches=0"], "batches must be at least 1, got 0"),
        (
            ["run", "dcgan_emoji", "--resume", "--out", "README.md"],
            "must be a folder, got the file README.md",
        ),
        (["show", "none"], "got 'none'"),
        (["sample", "nowhere"], "a run folder must hold config.json, nowhere does not"),
        (["sample", "nowhere", "-n", "0"], "argument -n: must be a whole number >= 1, got 0"),
        (["sample", "nowhere", "-n", "x"], "argument -n: must be a whole number >= 1, got x"),
        (["sample", "nowhere", "--seed", "-1"], "argument --seed: must be a whole number >= 0, got -1"),
        (["sample", "nowhere", "-o", "sheet"], "must end in .png"),
        (["export", "nowhere"], "required: -o/--output"),
        (["export", "nowhere", "-o", "x", "--format", "pt2"], "invalid choice: 'pt2'"),
        (["export", "nowhere", "-o", "x"], "a run folder must hold config.json"),
        (["verify", "nowhere"], "nowhere"),
        (["check", "nowhere.py"], "kgan check needs a .py file, got nowhere.py"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(tmp_path, monkeypatch, fails, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").write_text("mine")
    assert message in fails(2, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


def test_a_backend_that_is_not_installed(monkeypatch, fails, tmp_path):
    from kgan import launch

    monkeypatch.setattr(launch, "installed", lambda backend: backend != "jax")
    message = fails(1, "run", RECIPE, "--backend", "jax", "--out", tmp_path / "run")
    assert message == "jax is not installed: run `pip install 'kgan[jax]'`"


def raising(error):
    def ls(args):
        raise error

    return ls


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(28, "No space left on device", "loss.png"),
            "[Errno 28] No space left on device: 'loss.png'",
        ),
        (ZeroDivisionError("division\nby zero"), "ZeroDivisionError: division by zero (KGAN_TRACEBACK=1"),
        (KeyError(), "KeyError: KeyError (KGAN_TRACEBACK=1"),
    ],
)
def test_unexpected_errors_are_one_line_too(monkeypatch, fails, error, message):
    monkeypatch.delenv("KGAN_TRACEBACK", raising=False)
    monkeypatch.setattr(commands, "ls", raising(error))
    assert fails(1, "ls").startswith(message)


def test_traceback_on_request(monkeypatch, capsys):
    monkeypatch.setenv("KGAN_TRACEBACK", "1")
    monkeypatch.setattr(commands, "ls", raising(ZeroDivisionError("here")))
    assert main(["ls"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_interrupt(monkeypatch, capsys):
    monkeypatch.setattr(commands, "ls", raising(KeyboardInterrupt()))
    assert main(["ls"]) == 130
    assert capsys.readouterr().err == ""


def test_module_and_exit_code():
    done = subprocess.run(
        [sys.executable, "-m", "kgan", "show", "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "kgan", "ls"], stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.stderr == ""
