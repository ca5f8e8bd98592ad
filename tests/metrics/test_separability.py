"""Linear separability: the table of sides and labels, the boundary, and what the score is made of."""

import numpy as np
import pytest

from kgan.errors import DataError, UsageError
from kgan.metrics import linear_separability, separability

pytestmark = pytest.mark.once
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8000, 3))
APART, CURVED, NOISE = X[:, 0] - 0.2, np.abs(X[:, 1]) - 0.6745, RNG.normal(size=8000)


def test_conditional_entropy_by_hand():
    # Rows of 8 and 2 samples: H(1/4) = 0.8112781 bits in the first, H(1/2) = 1 in the second.
    assert separability.conditional_entropy([[6, 2], [1, 1]]) == pytest.approx(
        0.8 * 0.8112781 + 0.2, abs=1e-7
    )
    assert separability.conditional_entropy([[5, 0], [0, 3]]) == 0.0
    assert separability.conditional_entropy([[4, 4], [0, 0]]) == 1.0
    assert separability.conditional_entropy([[4, 0], [4, 0]]) == 0.0


def test_the_boundary_is_that_of_liblinear():
    # sklearn.svm.LinearSVC(tol=1e-10, max_iter=10**7) of scikit-learn 1.9.1
    x = np.arange(8.0)[:, None] * [[1.0, -0.5]]
    x += [[0, 0], [1, 2], [0, 1], [2, 0], [1, 1], [0, 2], [2, 1], [0, 0]]
    labels = np.array([0, 0, 1, 0, 1, 0, 1, 1], bool)
    weights, offset = separability.fit_boundary(x, labels)
    np.testing.assert_allclose([*weights, offset], [0.04937215, -0.28624429, -0.43321918], atol=1e-8)


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("cost", [0.1, 10.0])
def test_the_boundary_is_a_minimum(scale, cost):
    x, labels = scale * X[:300], X[:300, 0] + NOISE[:300] > 0.5
    weights, offset = separability.fit_boundary(x, labels, cost)
    signs = np.where(labels, 1.0, -1.0)
    hinge = np.maximum(1.0 - signs * (x @ weights + offset), 0.0)
    np.testing.assert_allclose(weights, 2.0 * cost * (signs * hinge) @ x, rtol=1e-6, atol=1e-9)
    assert offset == pytest.approx(2.0 * cost * np.sum(signs * hinge), rel=1e-6, abs=1e-9)


def test_one_for_an_attribute_on_one_side_and_two_for_an_independent_one():
    found = linear_separability(X, {"apart": APART})
    assert (found.value, found.entropies) == (1.0, {"apart": 0.0})
    assert found.tables["apart"][0][1] == found.tables["apart"][1][0] == 0
    for scores in (CURVED, NOISE):
        assert linear_separability(X, {"a": scores}).value == pytest.approx(2.0, abs=0.02)


def test_attributes_multiply():
    single = [linear_separability(X, {"a": scores}).value for scores in (APART, CURVED, APART + NOISE)]
    both = linear_separability(X, {"apart": APART, "curved": CURVED, "noisy": APART + NOISE})
    assert both.value == pytest.approx(np.prod(single))
    assert list(both.entropies) == ["apart", "curved", "noisy"]
    assert both.value == pytest.approx(2.0 ** sum(both.entropies.values()))


def test_the_surest_half_of_each_attribute_counts():
    # Beyond 1 the label is the sign; nearer, where the classifier is less sure, it is the wrong one.
    x = np.array([[2.0], [3.0], [-2.0], [-3.0], [0.5], [0.4], [-0.5], [-0.4]])
    scores = np.where(np.abs(x) > 1.0, x, -x)[:, 0]
    half = linear_separability(x, {"a": scores})
    assert (half.value, half.tables) == (1.0, {"a": [[2, 0], [0, 2]]})
    assert half.settings == {"samples": 8, "kept": 4, "threshold": 0.0, "cost": 1.0}
    whole = linear_separability(x, {"a": scores}, keep=1)
    assert whole.tables == {"a": [[2, 2], [2, 2]]}
    assert whole.value == 2.0


def test_logits_probabilities_and_scores_around_their_median_say_the_same():
    logits = APART - np.median(APART)
    found = linear_separability(X, {"a": logits}).tables
    assert found == linear_separability(X, {"a": 1 / (1 + np.exp(-logits))}, threshold=0.5).tables
    assert found == linear_separability(X, {"a": APART + 7.0}, threshold=None).tables


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((X, {}), {}, UsageError, "scores must be a dict of at least one attribute, got {}"),
        ((X, APART), {}, UsageError, r"scores must be a dict .*, got an array of shape \[8000\]"),
        ((X, {"a": APART}), {"keep": 0}, UsageError, r"keep must lie in \(0, 1\], got 0"),
        ((X, {"a": APART}), {"keep": "half"}, UsageError, r"keep must lie in \(0, 1\], got 'half'"),
        ((X, {"a": APART}), {"threshold": "x"}, UsageError, "threshold must be a finite number or None, got"),
        ((X, {"a": APART}), {"cost": 0}, UsageError, "cost must be a finite number > 0, got 0"),
        (
            (X[0], {"a": APART}),
            {},
            DataError,
            r"latents must be numbers of .*, got float64 of \[3\]",
        ),
        ((X[:1], {"a": [1.0]}), {}, DataError, "latents must be at least 2 for a boundary, got 1"),
        ((X, {"a": APART[1:]}), {}, DataError, r"scores of a must be 8000 finite numbers .* of \[7999\]"),
        ((X, {"a": APART > 0}), {}, DataError, r"scores of a must be .* with a confidence.*, got bool"),
        ((X, {"a": APART * np.nan}), {}, DataError, "scores of a must be 8000 finite numbers"),
        (
            (X, {"a": np.abs(APART)}),
            {},
            DataError,
            "scores of a must lie on both sides of the threshold 0 where they are surest, got all 4000 above",
        ),
        (
            (X, {"a": 0 * APART}),
            {"threshold": None},
            DataError,
            "both sides of their median where they are surest, got all 4000 not above",
        ),
    ],
)
def test_bad_input(arguments, settings, error, message):
    with pytest.raises(error, match=message):
        linear_separability(*arguments, **settings)
