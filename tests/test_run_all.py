"""The script behind `make test`: it counts right, goes on after a failure, and says so at the end."""

import importlib.util
import pathlib
import sys

import pytest

PATH = pathlib.Path(__file__).with_name("run_all.py")

pytestmark = pytest.mark.once


@pytest.fixture
def run_all(monkeypatch):
    spec = importlib.util.spec_from_file_location("run_all", PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_all", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("closing", "counts"),
    [
        ("1 failed, 12 passed, 2 skipped in 3.21s", {"failed": 1, "passed": 12, "skipped": 2}),
        ("=== 3 passed, 2 errors in 65.00s (0:01:05) ===", {"passed": 3, "error": 2}),
        ("Found 14 errors.", {}),
    ],
)
def test_counts(run_all, closing, counts):
    assert run_all.Stage("a", [], lines=["2 passed by", closing, ""]).counts == counts


def test_all_stages_run_and_the_last_line_tells(run_all, monkeypatch, capsys):
    def stage(name, text, code):
        return run_all.Stage(name, [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"])

    stages = [
        stage("first", "left out: tests/a.py::b\n1 failed, 4 passed in 1.00s", 1),
        stage("second", "left out: tests/a.py::b\n5 passed in 1.00s", 0),
    ]
    monkeypatch.setattr(run_all, "lint_stages", lambda: stages)
    monkeypatch.setattr(sys, "argv", ["run_all.py", "--lint"])
    assert run_all.main() == 1
    printed = capsys.readouterr().out.splitlines()
    assert "1 tests were left out, as ../shared is absent" in printed
    assert printed[-1] == "9 passed, 1 failed in 0.0 min; FAILED: first"
    stages[0].code = 0
    stages[:] = [stages[1]]
    assert run_all.main() == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 passed, 0 failed in 0.0 min; all stages passed"


def test_once_tests_run_on_the_first_backend_only(run_all):
    stages = [stage for stage in run_all.test_stages(slow=False) if stage.name.startswith("tests")]
    assert [stage.environment["KGAN_TEST_ONCE"] for stage in stages] == ["1", "0", "0"]
    assert [stage.environment["KERAS_BACKEND"] for stage in stages] == ["tensorflow", "jax", "torch"]
