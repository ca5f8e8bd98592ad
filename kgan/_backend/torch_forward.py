"""A shorter way through a Keras network on PyTorch, for the forward passes of training.

`Layer.__call__` costs more than a small convolution, and each Keras convolution permutes its images to
NCHW and back. A chain of known layers is compiled once to plain torch calls that keep images in NCHW
over channels-last memory; other layers are called as Keras would. Values, statistics and random draws
are those of `network(x, training=True)`. The environment variable KGAN_DIRECT_FORWARD=0 turns it off.
"""

import math
import os
import weakref
from collections.abc import Callable
from typing import NamedTuple

import keras
import torch
import torch.nn.functional as F

from kgan._backend.chain import chain, layers_of, normalizes_channels, training_call

_ENABLED = os.environ.get("KGAN_DIRECT_FORWARD", "1") != "0"
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_plans = weakref.WeakKeyDictionary()


def forward(network, x, training):
    """`network(x, training=training)`."""
    plan = _plan(network) if _ENABLED and training is True and type(x) is torch.Tensor else None
    if plan is None or not plan.takes(x):
        return network(x, training=training)
    return plan.run(x)


def _plan(network):
    plan = _plans.get(network)
    if plan is None or plan.layers != layers_of(network):
        plan = _plans[network] = _Plan(network)
    return plan if plan.steps else None


class _Plan:
    """The steps of one network; empty where Keras must run it.

    Args:
        network: a Keras model.
    """

    def __init__(self, network):
        # Not the network itself: the plan must not keep it alive.
        self.layers = layers_of(network)
        self.steps = []
        layers = chain(network)
        if layers is not None and None not in network.input_shape[1:]:
            self.input_shape = tuple(network.input_shape[1:])
            self.steps = _compile(layers, network.input_shape)

    def takes(self, x):
        # One sample has no unbiased variance, which torch's batch norm computes on the way.
        shape = x.shape
        return (
            x.dtype is torch.float32
            and tuple(shape[1:]) == self.input_shape
            and shape[0] > 1
            and x.device.type != "meta"
            and getattr(x, "_keras_mask", None) is None
        )

    def run(self, x):
        for step in self.steps:
            x = step(x)
        return x


class _Step(NamedTuple):
    """One layer as a function of a tensor.

    Args:
        run: the function.
        maps: whether images enter and leave as NCHW; `None` where that makes no difference.
        fresh: whether no derivative needs the output, so that an activation may overwrite it.
        overwrite: `run`, written over its input.
    """

    run: Callable
    maps: bool | None
    fresh: bool = False
    overwrite: Callable | None = None


def _compile(layers, shape):
    """Functions of a tensor, with the permutations and casts that they need in between."""
    runs, maps, fresh, dtype, known = [], False, False, "float32", 0
    for layer in layers:
        steps = _steps_of(layer, shape)
        known += steps is not None
        policy = layer.compute_dtype if steps is not None else None
        if policy is not None and policy != dtype:
            runs.append(_cast(_DTYPES[policy]))
            fresh = True
        for step in steps or [_Step(training_call(layer), False)]:
            if step.maps is not None and step.maps != maps and len(shape) == 4:
                runs.append(_to_maps if step.maps else _from_maps)
            if step.maps is not None:
                maps = step.maps
            runs.append(step.overwrite if fresh and step.overwrite else step.run)
            fresh = step.fresh
        dtype = layer.compute_dtype
        shape = layer.compute_output_shape(shape)
    if maps and len(shape) == 4:
        runs.append(_from_maps)
    return runs if known else []


def _steps_of(layer, shape):
    """The layer's steps, or `None` where it must be called as Keras does."""
    make = _MAKERS.get(type(layer)) or _OWN.get(keras.saving.get_registered_name(type(layer)))
    plain = (
        layer.compute_dtype in _DTYPES
        and layer.variable_dtype == "float32"
        and layer.activity_regularizer is None
        and getattr(layer, "quantization_mode", None) is None
        and not getattr(layer, "lora_enabled", False)
        and getattr(layer, "data_format", "channels_last") == "channels_last"
    )
    return make(layer, shape) if make and plain else None


def _to_maps(x):
    return x.permute(0, 3, 1, 2)


def _from_maps(x):
    return x.permute(0, 2, 3, 1)


def _cast(dtype):
    return lambda x: x.to(dtype)


def _weight(variable, layer):
    """A function that gives the variable's tensor in the layer's dtype."""
    tensor, dtype = variable.value, _DTYPES[layer.compute_dtype]
    return (lambda: tensor) if tensor.dtype is dtype else (lambda: tensor.to(dtype))


# -- activations


def _leaky(slope):
    return _Step(
        lambda x: F.leaky_relu(x, slope),
        None,
        # Over its input only where the sign of the output still tells that of the input.
        overwrite=(lambda x: F.leaky_relu_(x, slope)) if slope > 0 else None,
    )


_ACTIVATIONS = {
    keras.activations.relu: _Step(torch.relu, None, overwrite=torch.relu_),
    keras.activations.tanh: _Step(torch.tanh, None, overwrite=torch.tanh_),
    keras.activations.sigmoid: _Step(torch.sigmoid, None, overwrite=torch.sigmoid_),
    keras.activations.leaky_relu: _leaky(0.2),
}


def _with_activation(layer, step):
    if layer.activation in (None, keras.activations.linear):
        return [step]
    activation = _ACTIVATIONS.get(layer.activation)
    return activation and [step, activation]


def _activation(layer, shape):
    if layer.activation is keras.activations.linear:
        return [_Step(lambda x: x, None)]
    step = _ACTIVATIONS.get(layer.activation)
    return step and [step]


def _relu(layer, shape):
    if layer.max_value is not None or layer.threshold != 0:
        return None
    return [_leaky(layer.negative_slope) if layer.negative_slope else _ACTIVATIONS[keras.activations.relu]]


def _leaky_relu(layer, shape):
    return [_leaky(layer.negative_slope)]


# -- shapes


def _reshape(layer, shape):
    target = tuple(layer.compute_output_shape(shape)[1:])
    return [_Step(lambda x: x.reshape(x.shape[0], *target), False)]


def _flatten(layer, shape):
    return [_Step(lambda x: x.reshape(x.shape[0], -1), False)]


# -- linear layers


def _dense(layer, shape):
    kernel = _weight(layer.kernel, layer)
    bias = None if layer.bias is None else _weight(layer.bias, layer)
    if bias is None:
        step = _Step(lambda x: torch.matmul(x, kernel()), False, fresh=True)
    elif len(shape) == 2:
        step = _Step(lambda x: torch.addmm(bias(), x, kernel()), False, fresh=True)
    else:
        step = _Step(lambda x: torch.matmul(x, kernel()) + bias(), False, fresh=True)
    return _with_activation(layer, step)


def _maxout_dense(layer, shape):
    if len(shape) != 2:
        return None
    kernel, units, pieces = _weight(layer.kernel, layer), layer.units, layer.pieces
    bias = None if layer.bias is None else _weight(layer.bias, layer)

    def run(x):
        y = x @ kernel() if bias is None else torch.addmm(bias(), x, kernel())
        return y if pieces == 1 else torch.amax(y.reshape(-1, units, pieces), dim=-1)

    return [_Step(run, False)]


def channels_last_(variable):
    """Lays the memory of a kernel `[h, w, a, b]` out as torch's channels-last `[b, a, h, w]`.

    The variable's values and shape stay; its convolutions then read the kernel without a copy.
    """
    kernel = variable.value.data.permute(3, 2, 0, 1)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    variable.value.data = kernel.permute(2, 3, 1, 0)


def _kernel(layer):
    channels_last_(layer.kernel)
    return _weight(layer.kernel, layer)


def _conv(layer, shape):
    explicit = getattr(layer, "explicit_padding", None)
    if explicit is not None:
        pads = [(explicit, explicit)] * 2
    elif layer.padding == "same":
        spans = zip(shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate)
        pads = [_same(*span) for span in spans]
    else:
        pads = [(0, 0)] * 2
    kernel, bias = _kernel(layer), _weight(layer.bias, layer) if layer.use_bias else _none
    strides, dilation, groups = layer.strides, layer.dilation_rate, layer.groups
    if all(low == high for low, high in pads):
        padding, uneven = [low for low, _ in pads], None
    else:
        padding, uneven = 0, [*pads[1], *pads[0]]  # F.pad begins with the last axis

    def run(x):
        x = x if uneven is None else F.pad(x, uneven)
        return F.conv2d(x, kernel().permute(3, 2, 0, 1), bias(), strides, padding, dilation, groups)

    return _with_activation(layer, _Step(run, True, fresh=True))


def _none():
    return None


def _same(n, kernel, stride, dilation):
    total = max(0, (math.ceil(n / stride) - 1) * stride + (kernel - 1) * dilation + 1 - n)
    return total // 2, total - total // 2


def _conv_transpose(layer, shape):
    spans = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate)]
    explicit = getattr(layer, "explicit_padding", None)
    if explicit is not None:
        padding, extra, cut = [explicit] * 2, layer.output_padding or (0, 0), (0, 0)
    elif layer.output_padding is not None or any(k < s for k, s in zip(spans, layer.strides)):
        return None
    elif layer.padding == "same":  # n * stride pixels, the odd one cut from the end
        padding = [(k - s) // 2 for k, s in zip(spans, layer.strides)]
        extra, cut = (0, 0), [(k - s) % 2 for k, s in zip(spans, layer.strides)]
    else:
        padding, extra, cut = (0, 0), (0, 0), (0, 0)
    kernel, bias = _kernel(layer), _weight(layer.bias, layer) if layer.use_bias else _none
    strides, dilation = layer.strides, layer.dilation_rate

    def run(x):
        weight = kernel().permute(3, 2, 0, 1)
        y = F.conv_transpose2d(x, weight, bias(), strides, padding, extra, 1, dilation)
        return y[:, :, : y.shape[2] - cut[0], : y.shape[3] - cut[1]] if any(cut) else y

    return _with_activation(layer, _Step(run, True, fresh=not any(cut)))


# -- normalisation and noise


def _batch_norm(layer, shape):
    if len(shape) not in (2, 4) or not normalizes_channels(layer, len(shape)):
        return None
    mean, variance = layer.moving_mean.value, layer.moving_variance.value
    gamma = layer.gamma.value if layer.scale else None
    beta = layer.beta.value if layer.center else None
    momentum, epsilon = 1.0 - layer.momentum, layer.epsilon

    def run(x):
        if not layer.trainable:
            return F.batch_norm(x, mean, variance, gamma, beta, False, momentum, epsilon)
        # torch averages the unbiased variance, Keras the biased one, (n - 1) / n of it. Through .data:
        # no derivative depends on the running statistics, so that their versions do not matter.
        n = x.numel() / x.shape[1]
        variance.data.mul_(n / (n - 1.0))
        y = F.batch_norm(x, mean, variance, gamma, beta, True, momentum, epsilon)
        variance.data.mul_((n - 1.0) / n)
        return y

    return [_Step(run, True, fresh=True)]


def _dropout(layer, shape):
    if layer.rate == 0:
        return [_Step(lambda x: x, None)]
    if layer.rate == 1 or layer.noise_shape is not None:
        return None
    if layer.seed is None:  # as Keras does, from the global generator
        return [_Step(lambda x: F.dropout(x, layer.rate), False)]
    # The draw is Keras' own, for images in NHWC.
    return [_Step(lambda x: keras.random.dropout(x, layer.rate, seed=layer.seed_generator), False)]


_MAKERS = {
    keras.layers.Activation: _activation,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: _leaky_relu,
    keras.layers.Reshape: _reshape,
    keras.layers.Flatten: _flatten,
    keras.layers.Dense: _dense,
    keras.layers.Conv2D: _conv,
    keras.layers.Conv2DTranspose: _conv_transpose,
    keras.layers.BatchNormalization: _batch_norm,
    keras.layers.Dropout: _dropout,
}
# By registered name: this module is below those that define the layers.
_OWN = {
    "kgan>Conv2D": _conv,
    "kgan>Conv2DTranspose": _conv_transpose,
    "kgan>Dropout": _dropout,
    "kgan>MaxoutDense": _maxout_dense,
}
