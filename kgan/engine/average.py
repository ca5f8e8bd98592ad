"""The moving average of a generator's weights."""

import math
import types

import keras
from keras import ops

from kgan.errors import UsageError


@keras.saving.register_keras_serializable("kgan")
class MovingAverage(keras.layers.Layer):
    """Keeps a copy of a network whose weights are an exponential moving average of the original's.

    `average <- average + (1 - beta) * (weight - average)` for trainable weights; statistics and other
    non-trainable weights are copied. `beta` is `decay`, or `0.5 ** (batch / half_life)` with both
    counted in images (Karras et al., 2020).

    Args:
        decay: beta per step, in [0, 1). Exactly one of `decay` and `half_life` is given.
        half_life: number of images after which the weight of the past is halved, > 0.
        ramp: with `half_life`, the half-life is at most `ramp` times the images shown so far, so that
            early averages forget the initialisation; > 0, or `None` for none.
        debias: with `decay`, correct for the start as Adam does: the first update copies the weights, and
            the average is `sum_i decay^(t-i) w_i` over the weights' sum. Batches must be of one size.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> import keras
    >>> average = MovingAverage(decay=0.9)
    >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> average.attach(network)
    >>> network.set_weights([w + 1.0 for w in network.get_weights()])
    >>> average.update(batch_size=1)
    >>> round(float(average.network.get_weights()[1][0]), 3)
    0.1
    """

    def __init__(self, decay=None, half_life=None, ramp=None, debias=False, **kwargs):
        super().__init__(**kwargs)
        if (decay is None) == (half_life is None):
            raise UsageError(
                f"give exactly one of decay and half_life, got decay={decay}, half_life={half_life}"
            )
        if decay is not None and not 0 <= decay < 1:
            raise UsageError(f"decay must be in [0, 1), got {decay}")
        if half_life is not None and not half_life > 0:
            raise UsageError(f"half_life must be > 0 images, got {half_life}")
        if ramp is not None and (half_life is None or not ramp > 0):
            raise UsageError(f"ramp must be > 0 and needs half_life, got ramp={ramp}, half_life={half_life}")
        if debias and not decay:
            raise UsageError(f"debias needs a decay greater than 0, got decay={decay}")
        self.decay, self.half_life, self.ramp, self.debias = decay, half_life, ramp, bool(debias)
        self.network = None
        self.images = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", trainable=False, name="images"
        )

    def attach(self, network):
        """Starts the average at the weights of `network`, which must be built."""
        self.network = type(network).from_config(network.get_config())
        if not self.network.built:
            self.network.build(network.input_shape)
        # Through NumPy: two variables that share one buffer cannot be donated to a JAX step.
        self.network.set_weights(network.get_weights())
        self.network.trainable = False
        # A proxy hides it from Keras, which would save it a second time.
        self._original = types.MappingProxyType({"network": network})
        self.built = True

    def beta(self, batch_size):
        """The decay of a step that shows `batch_size` images."""
        # TensorFlow divides no integer tensor, which the size of a batch is there, by a float.
        batch_size = ops.cast(batch_size, "float32")
        if self.debias:
            # a_t / (1 - decay^t) as one running mean; expm1 because 1 - decay^t cancels while t is small.
            updates = (self.images + batch_size) / batch_size
            decay = float(self.decay or 0.0)
            return 1.0 + (1.0 - decay) / ops.expm1(updates * math.log(decay))
        if self.decay is not None:
            return self.decay
        half_life = self.half_life
        if self.ramp is not None:
            half_life = ops.minimum(half_life, self.ramp * (self.images + batch_size))
        return ops.power(0.5, batch_size / half_life)

    def update(self, batch_size):
        """Moves the average one step towards the network's present weights."""
        share = 1.0 - self.beta(batch_size)
        trainable = {id(weight) for weight in self._original["network"].trainable_weights}
        for average, weight in zip(self.network.weights, self._original["network"].weights):
            if id(weight) in trainable:
                change = ops.stop_gradient(weight) - average
                average.assign(average + ops.cast(share, change.dtype) * change)
            else:
                average.assign(weight)
        self.images.assign(self.images + batch_size)

    def call(self, inputs):
        return self.network(inputs, training=False)

    def get_config(self):
        config = super().get_config()
        own = {"decay": self.decay, "half_life": self.half_life, "ramp": self.ramp, "debias": self.debias}
        return {**config, **own}
