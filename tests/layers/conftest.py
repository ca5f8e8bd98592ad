"""First and second derivatives of a layer against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan._backend import input_gradient, value_and_grad


def _evaluator(fn, variables):
    """`values -> (fn(), its gradients)` with the variables set to the values."""

    def both():
        value = fn()
        return value, value

    if keras.backend.backend() == "jax":
        import jax

        def pure(values):
            with keras.StatelessScope(state_mapping=list(zip(variables, values))):
                return value_and_grad(both, variables)

        return jax.jit(pure)  # one compilation instead of one for each op

    def assigned(values):
        for variable, value in zip(variables, values):
            variable.assign(value)
        return value_and_grad(both, variables)

    return assigned


def _slopes(fn, variables, step):
    """Of the scalar `fn` along one random direction: autodiff's, that of central differences, and `fn()`."""
    rng = np.random.default_rng(5)
    start = [ops.convert_to_numpy(v.value) for v in variables]
    directions = [rng.standard_normal(v.shape).astype("float32") for v in start]
    evaluate = _evaluator(fn, variables)

    def at(t):
        value, gradients = evaluate([v + np.float32(t) * d for v, d in zip(start, directions)])
        return float(ops.convert_to_numpy(value)), gradients

    (upper, _), (lower, _), (value, gradients) = at(step), at(-step), at(0.0)
    pairs = [(ops.convert_to_numpy(g), d) for g, d in zip(gradients, directions) if g is not None]
    automatic = sum(float(np.sum(g * d, dtype="float64")) for g, d in pairs)
    return automatic, (upper - lower) / (2 * step), value


@pytest.fixture
def check_derivatives():
    """`check(function, shape, variables=())`: `function` must be smooth, its `variables` trainable."""

    def check(function, shape, variables=(), step=4e-3, rel=1e-2):
        rng = np.random.default_rng(4)
        x = ops.convert_to_tensor(rng.standard_normal(shape).astype("float32"))
        scale = keras.Variable(rng.uniform(0.5, 1.5, shape).astype("float32"))
        out = function(x)
        weights = ops.convert_to_tensor(rng.uniform(0.5, 1.5, tuple(out.shape)).astype("float32"))
        everything = [scale, *variables]

        def score(x):
            outputs = function(x * ops.convert_to_tensor(scale))
            return ops.sum(weights * ops.softplus(outputs), axis=tuple(range(1, len(outputs.shape))))

        def penalty():
            _, gradient = input_gradient(score, x)
            return ops.mean(ops.sum(ops.square(gradient), axis=tuple(range(1, len(shape)))))

        for fn in (lambda: ops.sum(score(x)), penalty):
            automatic, difference, value = _slopes(fn, everything, step)
            assert automatic == pytest.approx(difference, rel=rel, abs=2e-3 * abs(value))
            assert abs(automatic) > 1e-2 * abs(value), "the slope is too flat to be a test"

    return check
