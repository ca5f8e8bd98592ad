"""Spectral normalisation that divides the weight functionally."""

import keras
from keras import ops

from kgan.errors import UsageError

_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)


@keras.saving.register_keras_serializable("kgan")
class SpectralNormalization(keras.layers.Wrapper):
    """Use a layer with its weight divided by the weight's largest singular value (Miyato et al. 2018).

    The stored weight never changes by it: the layer runs with `W / sigma`, where `sigma = u^T W v` is
    differentiated through with `u` and `v` constant, and a call in training mode moves `u` by
    `power_iterations` steps. `keras.layers.SpectralNormalization` overwrites the weight on some backends and
    is another function of it on others.

    Args:
        layer: a dense, convolution, transposed convolution or embedding layer.
        power_iterations: steps per call in training, at least 1.
        epsilon: smallest length that a vector is divided by, greater than 0.
        seed: int of at least 0 for the start of `u`.
        **kwargs: other arguments of `keras.layers.Layer`.

    Raises:
        UsageError: an argument out of range, or a layer without `kernel` or `embeddings`.

    Example:
        >>> layer = SpectralNormalization(keras.layers.Dense(4))
        >>> tuple(layer(ops.ones((2, 3)), training=True).shape)
        (2, 4)
    """

    def __init__(self, layer, power_iterations=1, epsilon=1e-12, seed=0, **kwargs):
        # Without autocast the singular value keeps float32, and the layer casts W / sigma itself.
        super().__init__(layer, autocast=False, **kwargs)
        if power_iterations < 1:
            raise UsageError(f"power_iterations must be at least 1, got {power_iterations}")
        if not epsilon > 0:
            raise UsageError(f"epsilon must be greater than 0, got {epsilon}")
        if seed < 0:
            raise UsageError(f"seed must be at least 0, got {seed}")
        self.power_iterations = power_iterations
        self.epsilon = epsilon
        self.seed = seed

    def build(self, input_shape=None):
        super().build(input_shape)
        weight = self._weight()
        self.u = self.add_weight(
            shape=(weight.shape[self._out_axis(weight)],),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            dtype=self._wide(weight),
            trainable=False,
            name="u",
        )

    def call(self, inputs, training=False):
        weight = ops.convert_to_tensor(self._weight())
        sigma = self._singular_value(weight, training)
        return self._run(inputs, weight / ops.cast(ops.maximum(sigma, self.epsilon), weight.dtype))

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "power_iterations": self.power_iterations,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }

    def _weight(self):
        # Not an attribute: Keras would count the variable as this layer's own and save it twice.
        found = [v for v in self.layer.variables if v.name in ("kernel", "embeddings")]
        if len(found) != 1:
            raise UsageError(
                "SpectralNormalization needs a layer with one kernel or embeddings, "
                f"got {type(self.layer).__name__} with {len(found)}"
            )
        return found[0]

    def _out_axis(self, weight):
        return len(weight.shape) - (2 if isinstance(self.layer, _TRANSPOSED) else 1)

    def _singular_value(self, weight, training):
        """`u^T W v` for W as `[rest, out]`; moves `u` when training."""
        rank, out = len(weight.shape), self._out_axis(weight)
        order = [axis for axis in range(rank) if axis != out] + [out]
        matrix = ops.reshape(ops.transpose(weight, order), (-1, weight.shape[out]))
        matrix = ops.cast(matrix, self._wide(matrix))
        constant = ops.stop_gradient(matrix)
        u = self._unit(ops.convert_to_tensor(self.u))
        v = self._unit(ops.matmul(constant, u))
        if training:
            for _ in range(self.power_iterations):
                v = self._unit(ops.matmul(constant, u))
                u = self._unit(ops.matmul(v, constant))
            self.u.assign(u)
        return ops.sum(ops.matmul(v, matrix) * u)

    @staticmethod
    def _wide(weight):
        return keras.backend.result_type(weight.dtype, "float32")

    def _unit(self, vector):
        return vector / ops.maximum(ops.sqrt(ops.sum(ops.square(vector))), self.epsilon)

    def _run(self, inputs, weight):
        """The wrapped layer on `inputs`, its weight replaced inside a scope that holds all its state."""
        stored = self._weight()
        rest = [variable for variable in self.layer.variables if variable is not stored]
        mapping = [(stored, weight), *((variable, variable.value) for variable in rest)]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            outputs = self.layer(inputs)
        for variable in rest:
            if not variable.trainable:
                variable.assign(scope.get_current_value(variable))
        return outputs
