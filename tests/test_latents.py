"""Latent draws and arithmetic."""

import math

import numpy as np
import pytest

from kgan import latents
from kgan.errors import UsageError
from kgan.types import Input

pytestmark = pytest.mark.once


def drawn(distribution, n=20_000, shape=(4,), **kwargs):
    return latents.draw([Input("z", shape, distribution=distribution, **kwargs)], n, seed=0)["z"]


def test_laws():
    normal, uniform, wide = (drawn(name) for name in ("normal", "uniform", "uniform_sqrt3"))
    for z, variance, bound in ((normal, 1.0, 6.0), (uniform, 1 / 3, 1.0), (wide, 1.0, math.sqrt(3.0))):
        assert z.shape == (20_000, 4)
        assert z.dtype == np.float32
        assert z.mean() == pytest.approx(0.0, abs=0.02)
        assert z.var() == pytest.approx(variance, rel=0.02)
        assert np.abs(z).max() <= bound
    assert np.abs(wide).max() > 1.73
    unit = drawn("uniform01")
    assert unit.mean() == pytest.approx(0.5, abs=0.02)
    assert unit.var() == pytest.approx(1 / 12, rel=0.02)
    assert 0.0 <= unit.min() < 0.001
    assert 0.999 < unit.max() <= 1.0
    np.testing.assert_array_equal(drawn("zeros", n=3), 0.0)
    np.testing.assert_allclose(np.linalg.norm(drawn("sphere"), axis=1), 1.0, rtol=1e-6)
    labels = drawn("label", shape=(), dtype="int32", num_classes=3)
    assert labels.dtype == np.int32
    np.testing.assert_allclose(np.bincount(labels) / 20_000, 1 / 3, atol=0.02)


def test_a_seed_means_the_same_noise_forever():
    inputs = [Input("z", (2,)), Input("label", (), "int32", "label", num_classes=10), Input("noise", (1,))]
    found = latents.draw(inputs, 2, seed=3)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(found["z"], rng.standard_normal((2, 2)).astype("float32"))
    np.testing.assert_array_equal(found["label"], rng.integers(0, 10, 2))
    np.testing.assert_array_equal(found["noise"], rng.standard_normal((2, 1)).astype("float32"))
    np.testing.assert_allclose(found["z"].ravel(), [2.0409186, -2.5556653, 0.41809884, -0.5677696], rtol=1e-6)
    assert not np.array_equal(latents.draw(inputs, 2)["z"], latents.draw(inputs, 2)["z"])
    assert latents.draw(inputs, 0, seed=3)["z"].shape == (0, 2)


GIVEN = [
    Input("z", (2,)),
    Input("seen", (3,), distribution="given"),
    Input("mask", (1,), "int32", "given"),
]


def test_banks_give_one_row_to_each_sample():
    banks = {"seen": np.arange(15.0).reshape(5, 3), "mask": np.arange(5).reshape(5, 1)}
    found = latents.draw(GIVEN, 40, seed=1, banks=banks)
    assert found["seen"].dtype == np.float32
    assert found["mask"].dtype == np.int32
    np.testing.assert_array_equal(found["seen"][:, 0], 3.0 * found["mask"][:, 0])
    assert set(found["mask"][:, 0]) == set(range(5))
    assert not np.array_equal(found["mask"], latents.draw(GIVEN, 40, seed=2, banks=banks)["mask"])


def test_noise_does_not_depend_on_what_is_given():
    banks = {"seen": np.ones((5, 3)), "mask": np.zeros((5, 1))}
    drawn = latents.draw(GIVEN, 4, seed=1, banks=banks)
    values = {"seen": np.zeros((4, 3)), "mask": np.ones((4, 1))}
    given = latents.draw(GIVEN, 4, seed=1, values=values)
    np.testing.assert_array_equal(given["z"], drawn["z"])
    np.testing.assert_array_equal(given["z"], latents.draw(GIVEN[:1], 4, seed=1)["z"])
    np.testing.assert_array_equal(given["mask"], 1)


def test_a_condition_without_bank_and_value_is_named():
    with pytest.raises(UsageError, match="mask must be given: there is no bank of examples"):
        latents.draw(GIVEN, 1, banks={"seen": np.ones((5, 3))})
    unequal = {"seen": np.ones((5, 3)), "mask": np.zeros((4, 1))}
    with pytest.raises(UsageError, match="same number of rows, at least 1, got"):
        latents.draw(GIVEN, 1, banks=unequal)


def test_slerp_of_the_specification():
    found = latents.slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.25)
    np.testing.assert_allclose(found, [0.9238795, 0.3826834], atol=1e-7)


def test_slerp_keeps_lengths_and_directions():
    a, b = np.random.default_rng(0).standard_normal((2, 5, 64))
    for t in (0.0, 0.3, 1.0):
        z = latents.slerp(a, b, t)
        lengths = [np.linalg.norm(v, axis=1) for v in (a, b)]
        np.testing.assert_allclose(
            np.linalg.norm(z, axis=1), (1 - t) * lengths[0] + t * lengths[1], rtol=1e-12
        )
    np.testing.assert_allclose(latents.slerp(a, b, 1.0), b, rtol=1e-9, atol=1e-12)
    one_each = latents.slerp(a, b, np.array([0.0, 0.1, 0.2, 0.3, 1.0]))
    np.testing.assert_allclose(one_each[3], latents.slerp(a[3], b[3], 0.3), rtol=1e-12)


def test_slerp_of_parallel_opposite_and_zero_vectors_is_straight():
    a = np.array([3.0, 4.0], "float32")
    for b in (2 * a, a, -a, 0 * a):
        found = latents.slerp(a, b, 0.25)
        np.testing.assert_allclose(found, 0.75 * a + 0.25 * b, atol=1e-6)
        assert found.dtype == np.float32
    nearly = np.array([3.0, 4.0 + 1e-7])
    assert np.isfinite(latents.slerp(a.astype("float64"), nearly, 0.5)).all()


@pytest.mark.parametrize("kind", ["lerp", "slerp"])
def test_paths_end_exactly_at_their_ends(kind):
    a, b = np.random.default_rng(0).standard_normal((2, 3, 8)).astype("float32")
    found = latents.path(a, b, 5, kind)
    assert found.shape == (5, 3, 8)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[0], a)
    np.testing.assert_array_equal(found[-1], b)
    np.testing.assert_array_equal(found[2], getattr(latents, kind)(a, b, 0.5))


def test_truncation():
    w = np.random.default_rng(0).standard_normal((4, 6, 8)).astype("float32")
    mean = w.mean(axis=(0, 1))
    np.testing.assert_array_equal(latents.truncate(w, mean, 1.0), w)
    np.testing.assert_array_equal(latents.truncate(w, mean, 0.0), np.broadcast_to(mean, w.shape))
    np.testing.assert_allclose(latents.truncate(w, mean, -0.5), mean - 0.5 * (w - mean), atol=1e-6)
    layers = latents.truncate(w, mean, np.array([0.5, 0.5, 1.0, 1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(layers[:, 2:], w[:, 2:])


def test_wrong_arguments_say_the_rule_and_the_value():
    cases = [
        (lambda: latents.draw([], -1), "n must be at least 0, got -1"),
        (lambda: latents.draw([], 1, seed=-3), "seed must be an integer >= 0, got -3"),
        (lambda: latents.path([0.0], [1.0], 1), "steps must be an integer >= 2, got 1"),
        (lambda: latents.path([0.0], [1.0], 3, "spline"), "kind must be lerp or slerp, got 'spline'"),
    ]
    for call, message in cases:
        with pytest.raises(UsageError, match=message):
            call()
