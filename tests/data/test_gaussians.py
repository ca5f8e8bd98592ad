import numpy as np
import pytest

from kgan.data import Gaussians, gaussian_grid, gaussian_ring
from kgan.errors import UsageError

pytestmark = pytest.mark.once


def nearest(data, points):
    """The mode of each point, and its distance in standard deviations."""
    distances = np.linalg.norm(points[:, None] - data.centers, axis=-1)
    return distances.argmin(1), distances.min(1) / data.std


@pytest.mark.parametrize(("make", "modes"), [(gaussian_ring, 8), (gaussian_grid, 25)])
def test_modes_have_equal_shares_and_their_spread(make, modes):
    data = make(num_examples=20_000, batch_size=1000)
    points = np.concatenate([data[i] for i in range(len(data))]).reshape(-1, 2) * data.limit
    mode, distance = nearest(data, points)
    shares = np.bincount(mode, minlength=modes) / len(points)
    np.testing.assert_allclose(shares, 1 / modes, atol=4 * np.sqrt(1 / modes / len(points)))
    # The mean square of a 2-D normal distance is 2; 98.9 % lie within 3 standard deviations.
    assert np.mean(distance**2) == pytest.approx(2.0, rel=0.05)
    assert np.mean(distance < 3) == pytest.approx(1 - np.exp(-4.5), abs=0.004)
    assert np.abs(points).max() < data.limit


def test_published_sizes():
    ring, grid = gaussian_ring(), gaussian_grid()
    np.testing.assert_allclose(np.linalg.norm(ring.centers, axis=1), 1.0)
    assert (ring.std, len(ring.centers)) == (0.01, 8)
    assert sorted(set(grid.centers[:, 0])) == [-2, -1, 0, 1, 2]


def test_doubled_mode():
    data = gaussian_ring(doubled=True)
    np.testing.assert_allclose(data.weights, [2 / 9] + [1 / 9] * 7)
    mode, _ = nearest(data, data.draw(9000, np.random.default_rng(0)))
    assert np.bincount(mode)[0] == pytest.approx(2000, abs=160)


def test_batches_depend_on_seed_and_epoch_alone():
    a, b = (gaussian_ring(num_examples=40, batch_size=8, seed=3) for _ in range(2))
    assert len(a) == 5
    assert a[2].shape == (8, 1, 1, 2)
    assert a[2].dtype == np.float32
    np.testing.assert_array_equal(a[2], b[2])
    assert not np.array_equal(a[1], a[2])
    first = a[2]
    a.set_epoch(1)
    assert not np.array_equal(a[2], first)
    b.set_epoch(1)
    b[0]
    np.testing.assert_array_equal(a[2], b[2])
    a.set_epoch(0)
    np.testing.assert_array_equal(a[2], first)
    assert not np.array_equal(gaussian_ring(num_examples=40, batch_size=8, seed=4)[2], first)
    with pytest.raises(IndexError):
        a[5]


def test_fingerprints_differ_by_what_changes_the_data():
    made = [gaussian_ring(), gaussian_ring(seed=1), gaussian_ring(doubled=True), gaussian_grid(),
            gaussian_ring(batch_size=64), gaussian_ring(num_examples=512)]  # fmt: skip
    assert len({data.fingerprint for data in made}) == len(made)
    assert gaussian_ring().fingerprint == made[0].fingerprint


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"centers": [1.0, 2.0]}, r"centers must be of shape \[modes >= 1, 2\], got \[2\]"),
        ({"std": 0.0}, "std must be a number > 0, got 0.0"),
        ({"limit": 1.0}, "limit must lie 6 std beyond the centers at least, got 1.0"),
        ({"weights": [1.0, 0.0]}, "weights must be 2 numbers > 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_examples": 8}, "num_examples must be at least batch_size, 256, got 8"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_wrong_arguments(wrong, message):
    arguments = {"centers": [[-1.0, 0.0], [1.0, 0.0]], "std": 0.1, "limit": 2.0}
    with pytest.raises(UsageError, match=message):
        Gaussians(**{**arguments, **wrong})
