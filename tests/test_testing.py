"""The public contract checks find what they are there to find."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import losses, testing


class Registered(keras.layers.Layer):
    """A correct layer, to be broken by its subclasses."""

    def __init__(self, gain=1.0, **kwargs):
        super().__init__(**kwargs)
        self.gain = gain

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale * self.gain

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "gain": self.gain}


def registered(cls):
    return keras.saving.register_keras_serializable("test_testing")(cls)


@registered
class Good(Registered):
    pass


@registered
class Forgetful(Registered):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


@registered
class Lossy(Registered):
    def get_config(self):
        return {**super().get_config(), "gain": 1.0}


@registered
class Misshapen(Registered):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 7)


@registered
class Random(Registered):
    def call(self, inputs):
        return inputs + float(np.random.default_rng().normal())


@registered
class Infinite(Registered):
    def call(self, inputs):
        return inputs / 0.0


def test_layers():
    testing.check_layer(lambda: Good(2.0), (3, 4))
    cases = [
        (Registered(), "register_keras_serializable"),
        (Forgetful(), "get_config lacks"),
        (Lossy(2.0), "a copy with the same weights differs"),
        (Misshapen(), "compute_output_shape"),
        (Random(), "two calls at inference differ"),
        (Infinite(), "not finite"),
    ]
    for layer, message in cases:
        with pytest.raises(AssertionError, match=message):
            testing.check_layer(layer, (3, 4))


@registered
class SummedHinge(losses.Hinge):
    def generator(self, fake, real=None):
        return ops.sum(-fake)


@registered
class Unreduced(losses.Hinge):
    def generator(self, fake, real=None):
        return -fake


@registered
class OnProbabilities(losses.Hinge):
    def generator(self, fake, real=None):
        return ops.mean(-ops.log(ops.sigmoid(fake)))


@registered
class Unsaid(losses.Hinge):
    def get_config(self):
        return {}


def test_losses():
    testing.check_loss(losses.Hinge())
    cases = [
        (SummedHinge(), "take the mean"),
        (Unreduced(), "a loss must be a scalar"),
        (OnProbabilities(), "not finite at logits 100.0 and -100.0"),
        (Unsaid(), r"get_config lacks \['discriminator_weight'\]"),
    ]
    for loss, message in cases:
        with pytest.raises(AssertionError, match=message):
            testing.check_loss(loss)
