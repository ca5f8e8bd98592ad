"""First and second derivatives of a layer against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan._backend import input_gradient, value_and_grad


def _number(value):
    return float(ops.convert_to_numpy(value))


def _directional(fn, variables, step):
    """Slope of the scalar `fn` along one random direction: by autodiff, and by central differences."""
    rng = np.random.default_rng(5)
    start = [ops.convert_to_numpy(v.value) for v in variables]
    directions = [rng.standard_normal(v.shape).astype("float32") for v in start]
    _, gradients = value_and_grad(lambda: (fn(), None), variables)
    pairs = [(ops.convert_to_numpy(g), d) for g, d in zip(gradients, directions) if g is not None]
    automatic = sum(float(np.sum(g * d, dtype="float64")) for g, d in pairs)

    def at(t):
        for variable, value, direction in zip(variables, start, directions):
            variable.assign(value + t * direction)
        return _number(fn())

    difference = (at(step) - at(-step)) / (2 * step)
    at(0.0)
    return automatic, difference


@pytest.fixture
def check_derivatives():
    """`check(function, shape, variables=())`: `function` must be smooth, its `variables` trainable."""

    def check(function, shape, variables=(), step=4e-3, rel=1e-2):
        rng = np.random.default_rng(4)
        x = ops.convert_to_tensor(rng.standard_normal(shape).astype("float32"))
        scale = keras.Variable(rng.uniform(0.5, 1.5, shape).astype("float32"))
        out = function(x)
        # Normalised, so that neither slope drowns in the rounding of the value.
        weights = ops.convert_to_tensor(rng.uniform(0.5, 1.5, tuple(out.shape)).astype("float32"))
        everything = [scale, *variables]

        def score(x):
            outputs = function(x * ops.convert_to_tensor(scale))
            return ops.sum(weights * ops.softplus(outputs), axis=tuple(range(1, len(outputs.shape))))

        def penalty():
            _, gradient = input_gradient(score, x)
            return ops.mean(ops.sum(ops.square(gradient), axis=tuple(range(1, len(shape)))))

        for fn in (lambda: ops.sum(score(x)), penalty):
            automatic, difference = _directional(fn, everything, step)
            size = abs(_number(fn()))
            assert automatic == pytest.approx(difference, rel=rel, abs=2e-3 * size)
            assert abs(automatic) > 1e-2 * size, "the slope is too flat to be a test"

    return check
