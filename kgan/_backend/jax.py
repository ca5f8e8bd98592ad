"""The seam for JAX: the stateful step runs in a scope that binds every variable of the train state.

A nested scope does not read through to its parent, so each verb passes the full mapping on and
writes the new values back into the scope around it (keras-team/keras#18881).
"""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import keras

from kgan._backend import jax_convolution

SeedGenerator = keras.random.SeedGenerator

_Model: Any = object  # TrainStep is a mixin of keras.Model, whose attributes it uses

no_grad = contextlib.nullcontext

# Every variable that the running train step carries; empty outside a step.
_carried = []


def _run(fn, variables, values):
    """`fn()` with `variables` bound to `values`: its result, and the values after it."""
    with keras.StatelessScope(state_mapping=zip(variables, values)) as scope:
        result = fn()
    return result, [scope.get_current_value(variable) for variable in variables]


def _assign(variables, values):
    for variable, value in zip(variables, values):
        variable.assign(value)


def _values(variables):
    return [variable.value for variable in variables]


def value_and_grad(fn, variables):
    mine = {id(variable) for variable in variables}  # `variable in list` would compare values
    rest = [variable for variable in _carried if id(variable) not in mine]

    def pure(own, other):
        (loss, aux), new = _run(fn, variables + rest, own + other)
        return loss, (aux, new[len(own) :])

    # Outside a step nothing is carried, and an inner input_gradient would take `variables` for constants.
    outside = [] if _carried else list(variables)
    _carried.extend(outside)
    try:
        gradients, (aux, new) = jax.grad(pure, has_aux=True)(_values(variables), _values(rest))
    finally:
        del _carried[len(_carried) - len(outside) :]
    _assign(rest, new)
    return aux, gradients


def input_gradient(fn, x):
    def pure(x, state):
        y, new = _run(lambda: fn(x), _carried, state)
        return y.sum(), (y, new)

    gradient, (y, new) = jax.grad(pure, has_aux=True)(x, _values(_carried))
    _assign(_carried, new)
    return y, gradient


def apply_gradients(optimizer, gradients, variables):
    # `apply` of a LossScaleOptimizer assigns inside a cond, which a scope cannot see.
    trainable, state = optimizer.stateless_apply(_values(optimizer.variables), gradients, _values(variables))
    _assign(variables + optimizer.variables, trainable + state)


def maybe(condition, fn):
    new = jax.lax.cond(
        condition,
        lambda state: _run(fn, _carried, state)[1],
        lambda state: state,
        _values(_carried),
    )
    _assign(_carried, new)


def value_if(condition, fn):
    value, new = jax.lax.cond(
        condition,
        lambda state: _run(fn, _carried, state),
        lambda state: (0.0, state),
        _values(_carried),
    )
    _assign(_carried, new)
    return value


def forward(network, x, training):
    return network(x, training=training)


def conv(ordinary, x, kernel, strides, pads):
    if _as_ordinary(strides, pads):
        return ordinary(x, kernel)
    return jax_convolution.conv(x, keras.ops.convert_to_tensor(kernel), strides, pads)


def conv_transpose(ordinary, x, kernel, strides, pads, size):
    if _as_ordinary(strides, pads):
        return ordinary(x, kernel)
    return jax_convolution.conv_transpose(x, keras.ops.convert_to_tensor(kernel), strides, pads, size)


def _as_ordinary(strides, pads):
    return pads is None or max(strides) == 1 or jax.default_backend() != "cpu"


def replicas():
    return 1


def random_state():
    return []  # Keras draws from its own seeds alone


def set_random_state(states):
    """Nothing to put back."""


def increment(variable):
    variable.assign(variable.value + 1)


def put_rows(variable, rows, values):
    variable.assign(variable.value.at[rows].set(values))


def add_logs(total, count, first_bad, pairs, step):
    values, weights = (jnp.stack([jnp.asarray(x, "float32") for x in column]) for column in zip(*pairs))
    total.assign(total.value + values * weights)
    count.assign(count.value + weights)
    earliest = jnp.minimum(first_bad.value, step.value.astype(first_bad.dtype))
    first_bad.assign(jnp.where(jnp.isfinite(values), first_bad.value, earliest))


def mean_logs(total, count):
    return list(total.value / jnp.maximum(count.value, 1e-9))


class TrainStep(_Model):
    """The Trainer's pure `train_step(state, data)` around the stateful one."""

    def __setattr__(self, name, value):
        # After each step `fit` keeps the state here: Keras would look through all of it for layers.
        if name == "_jax_state":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _get_jax_state(self, *, purge_model_variables=False, **asked):
        # Keras empties the variables before the first step of an epoch; where that step refuses its batch,
        # `fit` puts back what it finds here, so that the model can be trained on better data.
        state = super()._get_jax_state(purge_model_variables=purge_model_variables, **asked)
        if purge_model_variables:
            self._jax_state = dict(zip([name for name, wanted in asked.items() if wanted], state))
        return state

    @staticmethod
    def loop_callbacks(callbacks):
        """A list of callbacks; on the other backends one is added to them."""
        return keras.tree.flatten(callbacks or [])

    def train_step(self, state, data):
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        _carried[:] = [variable for group in groups for variable in group]
        try:
            values = [value for part in state for value in part]
            logs, new = _run(lambda: self.stateful_step(data), list(_carried), values)
        finally:
            _carried.clear()
        remaining = iter(new)
        return logs, tuple([next(remaining) for _ in group] for group in groups)
