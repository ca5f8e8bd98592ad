import types

import numpy as np
import pytest

from kgan.errors import UsageError
from kgan.figures import draw_vector_arithmetic
from kgan.types import Input

pytestmark = pytest.mark.once

SOURCE = types.SimpleNamespace(
    inputs=(Input("z", (5,)),),
    sample=lambda n, z: np.clip(127.5 + 40.0 * z, 0, 255).astype("uint8").reshape(n, 1, 5, 1),
)
A, B, C = np.random.default_rng(0).standard_normal((3, 3, 5)).astype("float32")


def test_a_minus_a_plus_c_is_the_mean_of_c(tmp_path):
    drawn = draw_vector_arithmetic(tmp_path / "sum.png", SOURCE, A, A, C)
    mean = C.mean(axis=0, dtype="float64").astype("float32")
    np.testing.assert_array_equal(drawn.latents[0], mean)
    np.testing.assert_array_equal(drawn.result[0], SOURCE.sample(1, z=mean[None])[0])
    np.testing.assert_array_equal(drawn.result[0], drawn.concepts[2, 3])


def test_result_and_what_is_around_it(tmp_path):
    path = tmp_path / "sum.png"
    drawn = draw_vector_arithmetic(path, SOURCE, A, B, C, names=("tops", "bags", "boots"))
    np.testing.assert_allclose(drawn.latents[0], A.mean(0) - B.mean(0) + C.mean(0), rtol=1e-5, atol=1e-6)
    offsets = drawn.latents[1:] - drawn.latents[0]
    assert offsets.shape == (8, 5)
    assert np.abs(offsets).max() <= 0.25 + 1e-6
    assert np.abs(offsets).max() > 0.2
    assert len(np.unique(offsets)) == 40
    np.testing.assert_array_equal(drawn.result, SOURCE.sample(9, z=drawn.latents))
    np.testing.assert_array_equal(drawn.concepts[1, :3], SOURCE.sample(3, z=B))
    assert path.stat().st_size < 300_000


def test_one_label_serves_the_whole_figure(tmp_path):
    seen = []

    def sample(n, z, label):
        seen.extend(label.tolist())
        return SOURCE.sample(n, z)

    inputs = (Input("label", (), "int32", "label", num_classes=1000), *SOURCE.inputs)
    source = types.SimpleNamespace(inputs=inputs, sample=sample)
    draw_vector_arithmetic(tmp_path / "sum.png", source, A, B, C)
    assert len(seen) == 21
    assert len(set(seen)) == 1


def test_wrong_arguments(tmp_path):
    path = tmp_path / "sum.png"
    with pytest.raises(UsageError, match=r"b must be latents of shape \[3, 5\], got \[2, 5\]"):
        draw_vector_arithmetic(path, SOURCE, A, B[:2], C)
    with pytest.raises(UsageError, match=r"noise must be a number of at least 0, got -0\.1"):
        draw_vector_arithmetic(path, SOURCE, A, B, C, noise=-0.1)
    with pytest.raises(UsageError, match="seed must be an integer >= 0, got -1"):
        draw_vector_arithmetic(path, SOURCE, A, B, C, seed=-1)
    with pytest.raises(UsageError, match="names must be three"):
        draw_vector_arithmetic(path, SOURCE, A, B, C, names=("A",))
    source = types.SimpleNamespace(inputs=(Input("z", (5,), distribution="zeros"),), sample=SOURCE.sample)
    with pytest.raises(UsageError, match="source must have an input with noise, got one with z"):
        draw_vector_arithmetic(path, source, A, B, C)
    assert not list(tmp_path.iterdir())
