"""What all scores share: names, settings, and what they import."""

import inspect
import subprocess
import sys

import pytest

from kgan import metrics

SCORES = [
    one
    for one in (getattr(metrics, name) for name in metrics.__all__)
    if inspect.isclass(one) and issubclass(one, metrics.Score) and one is not metrics.Score
]


def test_all_of_them_are_found():
    assert {one.__name__ for one in SCORES} >= {
        "FID",
        "KID",
        "MSSSIM",
        "DensityCoverage",
        "InceptionScore",
        "Memorization",
        "Parzen",
        "PrecisionRecall",
        "SlicedWasserstein",
    }
    assert len({one.name for one in SCORES}) == len(SCORES)


@pytest.mark.parametrize("score", SCORES, ids=lambda one: one.__name__)
def test_settings_are_the_arguments(score):
    made = score()
    assert set(made.settings()) == set(inspect.signature(score).parameters)
    assert score(**made.settings()).settings() == made.settings()
    assert made.name
    assert made.needs
    assert made.needs <= {"features", "logits", "images"}


def test_every_public_name_loads_and_unknown_ones_are_named():
    for name in metrics.__all__:
        assert getattr(metrics, name) is not None
        assert name in dir(metrics)
    with pytest.raises(AttributeError, match=r"module 'kgan\.metrics' has no attribute 'FIDD'"):
        _ = metrics.FIDD


@pytest.mark.once
def test_ready_features_need_no_framework():
    code = (
        "import sys; from kgan.metrics import FID, KID, Parzen, SlicedWasserstein; "
        "from kgan.metrics import linear_separability, perceptual_path_length; "
        "sys.exit(any(name in sys.modules for name in ('keras', 'tensorflow', 'torch', 'jax', 'PIL')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
