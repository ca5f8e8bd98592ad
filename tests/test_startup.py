"""What comes with `import kgan` and with the commands that need no backend."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

HEAVY = ("keras", "tensorflow", "torch", "jax", "numpy", "matplotlib", "PIL", "datasets", "onnxruntime")


def loaded(code, **environment):
    """Which heavy packages a fresh process has imported after running the code."""
    report = f"; import sys; print('\\nloaded', *[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + report],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_import_kgan_imports_nothing_heavy():
    assert loaded("import kgan, kgan.errors") == set()


def test_import_kgan_needs_no_backend():
    assert loaded("import kgan; dir(kgan)", KERAS_BACKEND="none_such") == set()


@pytest.mark.parametrize("words", [["ls"], ["show", "dcgan_fashion_mnist"], ["--help"], ["run", "--help"]])
def test_commands_that_only_tell_import_nothing_heavy(words):
    assert (
        loaded(f"from kgan.cli import main; assert main({words!r}) == 0", KERAS_BACKEND="none_such") == set()
    )


def test_sampling_network_of_a_bundle_needs_numpy_and_onnxruntime_only():
    assert loaded("import kgan.export.runtime; import onnxruntime") == {"numpy", "onnxruntime"}


def test_modules_load_on_first_use():
    assert loaded("import kgan; kgan.latents") == {"numpy"}
    assert "keras" in loaded("import kgan; kgan.losses")


def test_unknown_names_are_attribute_errors():
    import kgan

    with pytest.raises(AttributeError, match="no attribute 'cyclegan'"):
        kgan.cyclegan  # noqa: B018 - the access is what is tested
