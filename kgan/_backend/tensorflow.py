"""The seam for TensorFlow: gradient tapes over variables, one `tf.function` around the step."""

import contextlib
from typing import Any

import keras
import tensorflow as tf

from kgan._backend import adam
from kgan._backend.chain import chain, normalizes_channels
from kgan._backend.fit_loop import CPUFitLoop

# Where the gradient of a penalty reads the pre-activations of a convolution, the remapper of graphs now and
# then tries to fuse bias and LeakyReLU, fails and prints an error. What it does fuse saves a step no time.
tf.config.optimizer.set_experimental_options({"remapping": False})

SeedGenerator = keras.random.SeedGenerator

_Model: Any = object  # TrainStep is a mixin of keras.Model, whose attributes it uses

no_grad = contextlib.nullcontext


def value_and_grad(fn, variables):
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, aux = fn()
    return aux, tape.gradient(loss, values)


def input_gradient(fn, x):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = fn(x)
    # The gradient of a tensor is that of its sum.
    return y, tape.gradient(y, x)


def apply_gradients(optimizer, gradients, variables):
    fused = (
        adam.is_plain_adam(optimizer)
        and adam.are_plain(variables)
        and all(isinstance(gradient, tf.Tensor) for gradient in gradients)
        and not tf.distribute.in_cross_replica_context()
        and replicas() == 1
    )
    if fused:
        _fused_adam(optimizer, gradients, variables)
    else:
        optimizer.apply(gradients, variables)


def _fused_adam(optimizer, gradients, variables):
    # The kernel's formula is that of Keras, with epsilon-hat.
    rate = tf.cast(optimizer.learning_rate, "float32")
    optimizer.iterations.value.assign_add(1)
    step = tf.cast(optimizer.iterations.value, "float32")
    powers = {
        "beta1_power": tf.pow(tf.constant(optimizer.beta_1, "float32"), step),
        "beta2_power": tf.pow(tf.constant(optimizer.beta_2, "float32"), step),
    }
    for gradient, variable, first, second in zip(gradients, variables, *adam.slots(optimizer, variables)):
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=first.value.handle,
            v=second.value.handle,
            lr=rate,
            beta1=optimizer.beta_1,
            beta2=optimizer.beta_2,
            epsilon=optimizer.epsilon,
            grad=gradient,
            **powers,
        )


def maybe(condition, fn):
    # Not inside tf.distribute replicas: there `apply` needs merge_call, which a cond forbids.
    def branch():
        fn()
        return 0

    tf.cond(condition, branch, lambda: 0)


def value_if(condition, fn):
    return tf.cond(condition, fn, lambda: 0.0)


def forward(network, x, training):
    layers = chain(network) if training is True else None
    if layers is None or not any(type(layer) is keras.layers.BatchNormalization for layer in layers):
        return network(x, training=training)
    for layer in layers:
        x = _batch_norm(layer, x) if _normalizes(layer, x) else layer(x, training=True)
    return x


def _normalizes(layer, x):
    return (
        type(layer) is keras.layers.BatchNormalization
        and x.shape.rank in (2, 4)
        and layer.trainable
        and layer.activity_regularizer is None
        and normalizes_channels(layer, x.shape.rank)
    )


def _batch_norm(layer, x):
    """`layer(x, training=True)`, with the right second derivative.

    Keras takes the moments of `tf.nn.moments`, whose variance holds the mean constant. That leaves the
    first derivative right and makes the second one wrong, and with it every gradient penalty.
    """
    channels = x.shape[-1]
    wide = tf.cast(x, "float32") if x.dtype.size < 4 else x
    gamma = layer.gamma.value if layer.scale else tf.ones(channels, wide.dtype)
    beta = layer.beta.value if layer.center else tf.zeros(channels, wide.dtype)
    if wide.dtype == "float32" and not _has_gpu():  # twice as fast on CPUs; cuDNN limits epsilon
        y, mean, variance = _fused_batch_norm(wide, gamma, beta, layer.epsilon)
    else:
        axes = tuple(range(wide.shape.rank - 1))
        mean = tf.reduce_mean(wide, axes)
        variance = tf.reduce_mean(tf.math.squared_difference(wide, mean), axes)
        y = tf.nn.batch_normalization(wide, mean, variance, beta, gamma, layer.epsilon)
    for moving, batch in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(moving * layer.momentum + tf.stop_gradient(batch) * (1.0 - layer.momentum))
    return tf.cast(y, layer.compute_dtype)


def _fused_batch_norm(x, gamma, beta, epsilon):
    """Normalised x, mean and biased variance, of which the last two carry no derivative."""
    outputs = tf.raw_ops.FusedBatchNormV3(
        x=x if x.shape.rank == 4 else x[:, None, None, :],
        scale=gamma,
        offset=beta,
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=epsilon,
        is_training=True,
    )
    count = tf.cast(tf.size(x) // x.shape[-1], "float32")
    variance = outputs.batch_variance * ((count - 1.0) / count)  # the kernel gives the unbiased one
    return tf.reshape(outputs.y, tf.shape(x)), outputs.batch_mean, variance


def _has_gpu():
    return bool(tf.config.list_logical_devices("GPU"))


def conv(ordinary, x, kernel, strides, pads):
    return ordinary(x, kernel)


def conv_transpose(ordinary, x, kernel, strides, pads, size):
    return ordinary(x, kernel)


def replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync


def random_state():
    return []  # Keras draws from its own seeds alone


def set_random_state(states):
    """Nothing to put back."""


def increment(variable):
    variable.value.assign_add(1)


def put_rows(variable, rows, values):
    variable.value.scatter_update(tf.IndexedSlices(values, rows))


def add_logs(total, count, first_bad, pairs, step):
    values, weights = (tf.stack([tf.cast(x, "float32") for x in column]) for column in zip(*pairs))
    total.value.assign_add(values * weights)
    count.value.assign_add(weights)
    first_bad = first_bad.value
    earliest = tf.minimum(first_bad, tf.cast(step.value, first_bad.dtype))
    first_bad.assign(tf.where(tf.math.is_finite(values), first_bad, earliest))


def mean_logs(total, count):
    return tf.unstack(total.value / tf.maximum(count.value, 1e-9))


class TrainStep(CPUFitLoop, _Model):
    """The Trainer's `train_step` is the stateful step itself."""

    def train_step(self, data):
        return self.stateful_step(data)

    @staticmethod
    def logs_in_step():
        return not _has_gpu()
