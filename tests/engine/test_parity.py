"""The same weights, noise and batch give the same losses and updated weights on every backend."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import kgan.models

BACKENDS = ("tensorflow", "jax", "torch")
RELATIVE = 1e-5  # of the largest value of each array
# One bias of one number: its gradient sums all pixels and nearly cancels, to 0.004 from terms of order 1.
SUM, CANCELS = "ConditionalGAN/7/", 5e-5
# Fakes leave a generator in float32 and enter the other one: 1.1e-5 seen in one kernel.
ROUNDED, ROUNDS = "CycleGAN/", 3e-5


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity")
    worker = pathlib.Path(__file__).with_name("parity_worker.py")
    results = {}
    for backend in BACKENDS:
        path = folder / f"{backend}.npz"
        environment = {
            **os.environ,
            "KERAS_BACKEND": backend,
            **({"XLA_FLAGS": os.environ["KGAN_TEST_XLA_FLAGS"]} if backend == "jax" else {}),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_ENABLE_X64": "1",
        }
        subprocess.run([sys.executable, worker, path], env=environment, check=True, capture_output=True)
        results[backend] = dict(np.load(path, allow_pickle=False))
    return results


@pytest.mark.once
@pytest.mark.parametrize("system", kgan.models.__all__)
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_one_step_is_the_same_as_on_tensorflow(steps, backend, system):
    expected, found = (
        {name: value for name, value in steps[one].items() if name.startswith(f"{system}/")}
        for one in ("tensorflow", backend)
    )
    # Keras gives some layers other automatic numbers on each backend, so paths may differ; order not.
    assert len(expected) == len(found) > 0
    worst = {}
    for (name, a), b in zip(expected.items(), found.values()):
        assert a.shape == b.shape, name
        worst[name] = float(np.max(np.abs(a - b), initial=0.0) / max(np.max(np.abs(a), initial=0.0), 1e-3))
    special = {SUM: CANCELS, ROUNDED: ROUNDS}
    allowed = {
        name: next((value for prefix, value in special.items() if name.startswith(prefix)), RELATIVE)
        for name in worst
    }
    beyond = {name: gap for name, gap in worst.items() if gap > allowed[name]}
    assert not beyond, beyond


@pytest.mark.once
def test_the_step_moved_something(steps):
    losses = [name for name in steps["torch"] if name.endswith("_loss")]
    assert len(losses) >= 6
    assert all(np.isfinite(value).all() for value in steps["torch"].values())
