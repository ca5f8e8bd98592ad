"""The backend's seed generator draws what that of Keras draws."""

import keras
import numpy as np
from keras import ops

from kgan import _backend


def draws(generator, n=3):
    return [ops.convert_to_numpy(keras.random.normal((4,), seed=generator)) for _ in range(n)]


def test_draws_are_those_of_keras():
    for found, wanted in zip(draws(_backend.SeedGenerator(7)), draws(keras.random.SeedGenerator(7))):
        np.testing.assert_array_equal(found, wanted)


def test_the_state_is_that_of_keras_and_is_obeyed():
    ours, theirs = _backend.SeedGenerator(7), keras.random.SeedGenerator(7)
    draws(ours)
    draws(theirs)
    state = ops.convert_to_numpy(ours.state.value)
    np.testing.assert_array_equal(state, ops.convert_to_numpy(theirs.state.value))
    later = draws(ours)
    ours.state.assign(state)
    np.testing.assert_array_equal(draws(ours), later)
    assert ours.state.name == theirs.state.name == "seed_generator_state"


def test_unordered_draws_still_work():
    first = ops.convert_to_numpy(ops.convert_to_tensor(_backend.SeedGenerator(7).next(ordered=False)))
    assert list(first) == [7, 0]
