"""Perceptual path length: the linear case, the sphere, and what counts."""

import numpy as np
import pytest

from kgan import latents
from kgan.errors import DataError, UsageError
from kgan.metrics import feature_distance, perceptual_path_length

RNG = np.random.default_rng(0)
A = RNG.normal(size=(5, 12))
START, END = RNG.normal(size=(2, 200, 5))
squared = feature_distance(lambda images: images)


def linear(w):
    return (w @ A).reshape(-1, 2, 2, 3)


def test_golden_slerp():
    found = latents.slerp(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 0.25)
    np.testing.assert_allclose(found, [0.9238795, 0.3826834], atol=5e-8)


@pytest.mark.parametrize("epsilon", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("sampling", ["full", "end"])
def test_golden_linear(epsilon, sampling):
    value = perceptual_path_length(
        linear, squared, START, END, space="w", sampling=sampling, epsilon=epsilon, keep=(0, 100), seed=3
    )
    expected = np.square((END - START) @ A).sum(axis=1)
    assert value.value == pytest.approx(expected.mean(), rel=1e-7)
    assert value.std == pytest.approx(expected.std(), rel=1e-7)


def test_percentiles():
    value = perceptual_path_length(linear, squared, START, END, space="w")
    lengths = np.sort(np.square((END - START) @ A).sum(axis=1))
    # Of 200 distances, the 1st percentile is at rank 1.99, lower 1; the 99th at 197.01, higher 198.
    assert value.value == pytest.approx(lengths[1:199].mean(), rel=1e-6)


def test_the_sphere_has_the_length_of_the_angle():
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (START, END))
    flat = lambda z: np.reshape(z, (-1, 1, 1, 5))
    value = perceptual_path_length(flat, squared, a, b, keep=(0, 100))
    angles = np.arccos(np.sum(a * b, axis=1))
    assert value.value == pytest.approx(np.mean(angles**2), rel=1e-5)


def test_full_and_end_draw_other_places():
    bent = lambda w: np.square(linear(w))
    full = perceptual_path_length(bent, squared, START, END, space="w", seed=0)
    assert full == perceptual_path_length(bent, squared, START, END, space="w", seed=0, batch_size=7)
    others = [
        perceptual_path_length(bent, squared, START, END, space="w", seed=1).value,
        perceptual_path_length(bent, squared, START, END, space="w", sampling="end").value,
    ]
    assert full.value not in others


def test_crop_and_pool():
    seen = []

    def distance(a, b):
        seen.append(a)
        return np.zeros(len(a))

    picture = RNG.uniform(0.0, 255.0, size=(64, 64, 3))
    still = lambda z: np.tile(picture, (len(z), 1, 1, 1))
    perceptual_path_length(still, distance, START[:2], END[:2], face_crop=True, pool_to=8)
    crop = picture[24:56, 16:48]
    expected = crop.reshape(8, 4, 8, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(seen[0][1], expected, rtol=1e-12)
    perceptual_path_length(still, distance, START[:2], END[:2])
    assert seen[1].shape == (2, 64, 64, 3)


def test_bad_input():
    with pytest.raises(UsageError, match="space must be z or w, got 'x'"):
        perceptual_path_length(linear, squared, START, END, space="x")
    with pytest.raises(UsageError, match="sampling must be full or end, got 'half'"):
        perceptual_path_length(linear, squared, START, END, sampling="half")
    with pytest.raises(UsageError, match="epsilon must be a finite number > 0, got 0"):
        perceptual_path_length(linear, squared, START, END, epsilon=0)
    for keep in ((99, 1), 2, [], "abc", (1, "abc"), (0, 101), (0, 50, 100), (True, 99), (1, np.nan)):
        with pytest.raises(UsageError, match="keep must be two rising percentiles from 0 to 100, got"):
            perceptual_path_length(linear, squared, START, END, keep=keep)
    for crop in ("abc", 1, None):
        with pytest.raises(UsageError, match="face_crop must be True or False, got"):
            perceptual_path_length(linear, squared, START, END, face_crop=crop)
    with pytest.raises(DataError, match=r"end must .*\[200, 5\].*, got \[199, 5\]"):
        perceptual_path_length(linear, squared, START, END[1:])
    with pytest.raises(DataError, match="start must be finite"):
        perceptual_path_length(linear, squared, START * np.inf, END)
    with pytest.raises(DataError, match=r"generate must give float32 or .*, got uint8 of \[32, 1, 1, 1\]"):
        perceptual_path_length(lambda z: np.zeros((len(z), 1, 1, 1), "uint8"), squared, START, END)
    with pytest.raises(DataError, match=r"generate must give float32 or .*, got float16 of \[32, 2, 2, 3\]"):
        perceptual_path_length(lambda z: linear(z).astype("float16"), squared, START, END)
    with pytest.raises(DataError, match=r"distance must give 32 finite numbers >= 0, .* got shape \[31\]"):
        perceptual_path_length(linear, lambda a, b: np.zeros(len(a) - 1), START, END)
