"""Small numbers that live on the device in Keras variables, read without waiting for it."""

import weakref
from typing import Any

import keras

_drawn = weakref.WeakKeyDictionary()  # seed generator -> (version of its tensor, its numbers then)


class Scalar:
    """The number in a scalar variable, copied from the device only after somebody else wrote it.

    Args:
        variable: Keras variable of shape `()`.
    """

    def __init__(self, variable):
        self.variable = variable
        self._tensor = variable.value
        self._version: Any = None
        self._number: Any = None

    def read(self):
        if self._version != self._tensor._version:
            self._version, self._number = self._tensor._version, self._tensor.item()
        return self._number

    def increment(self):
        """Adds one; returns the sum."""
        number = self.read() + 1
        self._tensor.add_(1)
        self._version, self._number = self._tensor._version, number
        return number


def draw_seed(generator):
    """The pair of numbers that `generator.next()` gives, with the same effect on its state."""
    state = generator.state.value
    version, pair = _drawn.get(generator, (None, None))
    if version != state._version:
        pair = state.tolist()
    state.select(0, 1).add_(1)
    _drawn[generator] = state._version, (pair[0], pair[1] + 1)
    return pair


class SeedGenerator(keras.random.SeedGenerator):
    """`keras.random.SeedGenerator` whose draws neither wait for the device nor cost several operations."""

    def next(self, ordered=True):
        if not ordered or self.state.value.is_meta:
            return super().next(ordered)
        return draw_seed(self)
