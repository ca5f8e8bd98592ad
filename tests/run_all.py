"""Runs every check and closes with a summary; `make test` calls it.

    python tests/run_all.py           ruff, pyright, tests and doctests on the three backends
    python tests/run_all.py --slow    the tests that are marked slow
    python tests/run_all.py --lint    ruff and pyright alone

All stages run, also after one that failed. Exit code 1 when any failed.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
BACKENDS = ("tensorflow", "jax", "torch")
# More workers than this need more memory than small machines have.
WORKERS = str(min(os.cpu_count() or 1, 4))
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|deselected|xfailed|xpassed)\b")


@dataclasses.dataclass
class Stage:
    """One command, and what came of it."""

    name: str
    command: list[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    code: int = 0
    seconds: float = 0.0
    lines: list[str] = dataclasses.field(default_factory=list)

    @property
    def counts(self):
        """The numbers in pytest's closing line: `{"passed": 12, ...}`."""
        for line in reversed(self.lines):
            found = COUNT.findall(line)
            if found and " in " in line:
                return {word.replace("errors", "error"): int(number) for number, word in found}
        return {}

    def run(self):
        """Runs the command from the root of the checkout, passing its output on."""
        print(f"\n=== {self.name}", flush=True)
        start = time.monotonic()
        with subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout:
                print(line, end="", flush=True)
                self.lines.append(line.rstrip())
        self.code, self.seconds = process.returncode, time.monotonic() - start


def lint_stages():
    """ruff and pyright; neither fetches anything."""
    tool = [sys.executable, "-m"]
    return [
        Stage("ruff check", [*tool, "ruff", "check", "."]),
        Stage("ruff format", [*tool, "ruff", "format", "--check", "."]),
        Stage(
            "pyright",
            [*tool, "pyright", "--pythonpath", sys.executable],
            {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
        ),
    ]


def test_stages(slow):
    """pytest once per backend, then the examples in the docstrings."""
    pytest = [sys.executable, "-m", "pytest", "-q", "--numprocesses", WORKERS, "--dist", "worksteal"]
    if slow:
        pytest += ["-m", "slow"]
    stages = []
    for number, backend in enumerate(BACKENDS):
        environment = {"KERAS_BACKEND": backend, "KGAN_TEST_ONCE": "1" if number == 0 else "0"}
        stages.append(Stage(f"tests on {backend}", pytest, environment))
    if slow:
        return stages
    doctests = [*pytest, "--doctest-modules", "kgan", "tests/conftest.py"]
    return stages + [
        Stage(f"doctests on {backend}", doctests, {"KERAS_BACKEND": backend}) for backend in BACKENDS
    ]


def summarize(stages, seconds):
    """The closing lines: what was left out, a table, the totals."""
    left_out = sorted({line for stage in stages for line in stage.lines if line.startswith("left out: ")})
    print("\n=== summary")
    if left_out:
        print("\n".join([*left_out, f"{len(left_out)} tests were left out, as ../shared is absent"]))
    else:
        print("no test was left out for want of ../shared")
    totals = collections.Counter()
    for stage in stages:
        totals.update(stage.counts)
        verdict = "ok" if stage.code == 0 else f"FAILED ({stage.code})"
        counts = ", ".join(f"{number} {word}" for word, number in stage.counts.items())
        print(f"{stage.name:24} {verdict:12} {stage.seconds:6.0f} s  {counts}")
    others = [f"{totals[word]} {word}" for word in ("error", "skipped", "xfailed") if totals[word]]
    broken = [stage.name for stage in stages if stage.code]
    print(", ".join([f"{totals['passed']} passed", f"{totals['failed']} failed", *others]), end=" ")
    verdict = f"FAILED: {', '.join(broken)}" if broken else "all stages passed"
    print(f"in {seconds / 60:.1f} min; {verdict}")


def main():
    """Runs the stages that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--lint", action="store_true")
    parser.add_argument("--backend", choices=BACKENDS, action="append", help="this one only; may be repeated")
    arguments = parser.parse_args()
    stages = lint_stages() if arguments.lint else test_stages(arguments.slow)
    if not (arguments.lint or arguments.slow):
        stages = lint_stages() + stages
    if arguments.backend:
        stages = [s for s in stages if s.environment.get("KERAS_BACKEND") in arguments.backend]
    start = time.monotonic()
    for stage in stages:
        stage.run()
    if arguments.slow:
        for stage in stages:  # 5: no test is marked slow on this backend
            stage.code = 0 if stage.code == 5 else stage.code
    summarize(stages, time.monotonic() - start)
    return int(any(stage.code for stage in stages))


if __name__ == "__main__":
    sys.exit(main())
