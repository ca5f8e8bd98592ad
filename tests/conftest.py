"""One test session runs on one Keras backend, named by KERAS_BACKEND."""

import gc
import json
import os
import pathlib
import random
import subprocess
import sys
import types

import numpy as np
import pytest

# A worker of a parallel run has one core; the backends read these when they are imported.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
_SETTINGS = {
    "KERAS_BACKEND": "tensorflow",  # not whatever the keras.json of the home folder says
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "HF_HUB_OFFLINE": "1",  # a test that reaches for the network fails at once
    "MPLBACKEND": "Agg",
    # The contract compiles the same small steps many times over.
    "JAX_COMPILATION_CACHE_DIR": str(pathlib.Path(__file__).parents[1] / ".pytest_cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    # XLA compiles these steps for ten seconds to run them for one: code of lesser speed, four times as soon.
    "KGAN_TEST_XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
    "--xla_cpu_use_fusion_emitters=false",
    **(_ONE_THREAD if "PYTEST_XDIST_WORKER" in os.environ else {}),
}
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)
if os.environ["KERAS_BACKEND"] == "jax":  # TensorFlow has an XLA of its own, with other flags
    os.environ.setdefault("XLA_FLAGS", os.environ["KGAN_TEST_XLA_FLAGS"])

SHARED = pathlib.Path(__file__).parents[2] / "shared"
ABSENT = "../shared is absent"


def pytest_sessionstart():
    """Lets torch give each of its warnings every time, not to the first test alone that causes it."""
    gc.set_threshold(20_000, 25, 25)  # of thousands of graphs in memory, 5 % of the time by default
    if os.environ["KERAS_BACKEND"] == "torch":
        import torch

        torch.set_warn_always(True)


def pytest_collection_modifyitems(config, items):
    """Leaves out the slow tests unless asked for, and `once` tests in the second and third run."""
    left_out = set()
    if "slow" not in (config.option.markexpr or ""):
        left_out.add("slow")
    if os.environ.get("KGAN_TEST_ONCE") == "0":
        left_out.add("once")
    deselected = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        gone = set(deselected)
        items[:] = [item for item in items if item not in gone]


def pytest_runtest_setup(item):
    """Skips what wants the larger data where they are absent, whether or not it uses the fixture."""
    if item.get_closest_marker("shared_data") and not SHARED.is_dir():
        pytest.skip(ABSENT)


class _Converter:
    """Stands in for `subprocess` where the exporter starts its converter: TensorFlow loads for seconds."""

    def __init__(self):
        self._server = None

    def run(self, line, *, env, **_):
        """Has the server run `python -m kgan.export.convert_worker ...`; as `subprocess.run`."""
        if self._server is None:
            command = [sys.executable, str(pathlib.Path(__file__).parent / "converter_server.py")]
            pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
            self._server = subprocess.Popen(
                command, env=env, text=True, stdin=pipe, stdout=pipe, stderr=nothing
            )
        request = {"arguments": line[3:], "environment": env, "folder": os.getcwd()}
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return types.SimpleNamespace(**json.loads(self._server.stdout.readline()))

    def close(self):
        """Ends the server, if one was started."""
        if self._server is not None:
            with self._server:
                self._server.stdin.close()


@pytest.fixture(scope="session", autouse=True)
def converter():
    """One converter for all exports of this session, where processes can fork."""
    from kgan.export import process

    if not hasattr(os, "fork"):
        yield
        return
    stand_in = _Converter()
    process.subprocess = stand_in
    yield
    process.subprocess = subprocess
    stand_in.close()


@pytest.fixture(autouse=True)
def same_draws(request):
    """A test draws the same weights and data whatever ran before it; Keras takes its seeds from `random`."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if hasattr(request.module, "RNG"):
        request.module.RNG = np.random.default_rng(0)


@pytest.fixture
def own_process(monkeypatch):
    """The exporter's converter runs in a process of its own, as it does for users."""
    monkeypatch.setattr("kgan.export.process.subprocess", subprocess)


@pytest.fixture(autouse=True)
def no_pending_variables():
    """Lets networks that a test built without values (`initialize_variables=False`) go with that test.

    Keras keeps a list of them, and the next StatelessScope of whatever test would fill 10 GB with values.
    """
    yield
    if "keras" in sys.modules:
        from keras.src.backend.common import global_state

        global_state.set_global_attribute("uninitialized_variables", [])


@pytest.fixture(scope="session")
def shared():
    """The folder `../shared` with the larger data sets, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    return SHARED


def pytest_terminal_summary(terminalreporter):
    """Names the tests that were left out for want of `../shared`."""
    skipped = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and report.longrepr[2].endswith(ABSENT)
    ]
    if skipped:
        terminalreporter.section(f"left out, as {ABSENT}: {len(skipped)} tests")
        for nodeid in skipped:
            terminalreporter.write_line(f"left out: {nodeid}")
