import numpy as np
import pytest

from kgan.directions import as_labels, fit_direction
from kgan.errors import DataError, UsageError

pytestmark = pytest.mark.once
RNG = np.random.default_rng(0)


def test_a_known_boundary_is_found():
    normal = np.array([3.0, 0.0, -4.0, 0.0]) / 5.0
    x = RNG.normal(5.0, 2.0, (3000, 4))
    found = fit_direction(x, x @ normal > -0.5, penalty=1e-4)
    np.testing.assert_allclose(found.normal, normal, atol=0.03)
    assert found.offset == pytest.approx(-0.5, abs=0.15)
    assert found.accuracy > 0.98
    assert found.spread == pytest.approx(2.0, rel=0.05)


def test_noisy_labels_keep_the_direction_and_lower_the_accuracy():
    x = RNG.normal(size=(4000, 3))
    found = fit_direction(x, x[:, 0] + RNG.normal(size=4000) > 0.0)
    assert found.normal[0] > 0.97
    assert found.accuracy == pytest.approx(0.75, abs=0.03)  # 1/2 + arctan(1) / pi


def test_numbers_are_compared_with_their_median():
    assert as_labels([1, 5, 3, 9]).tolist() == [False, True, False, True]
    assert as_labels(np.array([True, True, False])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((3, 2)), [True] * 3), DataError, "labels must be of two kinds, got 3 alike"),
        ((np.zeros((3, 2)), [True, False]), DataError, r"latents must be \[2, d\] finite numbers"),
        ((np.zeros((2, 2)), [1.0, np.nan]), DataError, r"labels must be \[n\] finite numbers, got NaN"),
        ((np.zeros((2, 2)), ["a", "b"]), DataError, r"labels must be \[n\] finite numbers, got <U1"),
    ],
)
def test_wrong_data(arguments, error, message):
    with pytest.raises(error, match=message):
        fit_direction(*arguments)


def test_wrong_settings():
    with pytest.raises(UsageError, match="penalty must be a finite number > 0, got 0"):
        fit_direction(np.zeros((2, 2)), [True, False], penalty=0)
    with pytest.raises(UsageError, match="penalty must be a finite number > 0, got 'abc'"):
        fit_direction(np.zeros((2, 2)), [True, False], penalty="abc")
    with pytest.raises(UsageError, match="steps must be an integer >= 1, got 0"):
        fit_direction(np.zeros((2, 2)), [True, False], steps=0)
