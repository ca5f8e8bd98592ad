"""Keras layers as plain torch functions, for `kgan._backend.torch_forward`.

Images are NCHW over channels-last memory in most of them. What they compute is what `layer(x, training=True)`
does, its random draws and its changes of statistics included.
"""

import functools
import math

import keras
import torch
import torch.nn.functional as F

from kgan._backend import torch_growing_steps
from kgan._backend.chain import normalizes_channels
from kgan._backend.torch_step import DTYPES, Step, normalize, weight


def steps_of(layer, shapes):
    """The steps of one call of a layer, or `None` where it must be called as Keras does.

    Args:
        layer: a Keras layer.
        shapes: those of the tensors that it is called on, with `None` for the batch.
    """
    merge, make = _MERGES.get(_kind(layer)), _MAKERS.get(_kind(layer))
    plain = (
        layer.compute_dtype in DTYPES
        and layer.variable_dtype == "float32"
        and layer.activity_regularizer is None
        and getattr(layer, "quantization_mode", None) is None
        and not getattr(layer, "lora_enabled", False)
        and getattr(layer, "data_format", "channels_last") == "channels_last"
    )
    if not plain:
        return None
    if merge:
        return merge(layer, shapes)
    return make(layer, shapes[0]) if make and len(shapes) == 1 else None


def needs_two_samples(layer):
    """Whether the layer's steps want two samples at least."""
    # torch's batch norm computes an unbiased variance on the way, which one sample does not have.
    return type(layer) is keras.layers.BatchNormalization


def _kind(layer):
    # Layers of kgan by registered name: this module is below those that define them.
    registered = keras.saving.get_registered_name(type(layer))
    return registered if registered.startswith("kgan>") else type(layer)


# -- activations


def _leaky(slope):
    return Step(
        lambda x: F.leaky_relu(x, slope),
        None,
        # Over its input only where the sign of the output still tells that of the input.
        overwrite=(lambda x: F.leaky_relu_(x, slope)) if slope > 0 else None,
    )


_ACTIVATIONS = {
    keras.activations.relu: Step(torch.relu, None, overwrite=torch.relu_),
    keras.activations.tanh: Step(torch.tanh, None, overwrite=torch.tanh_),
    keras.activations.sigmoid: Step(torch.sigmoid, None, overwrite=torch.sigmoid_),
    keras.activations.leaky_relu: _leaky(0.2),
}


def _with_activation(layer, step):
    if layer.activation in (None, keras.activations.linear):
        return [step]
    activation = _ACTIVATIONS.get(layer.activation)
    return activation and [step, activation]


def _activation(layer, shape):
    if layer.activation is keras.activations.linear:
        return [Step(lambda x: x, None)]
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
    return [Step(lambda x: x.reshape(x.shape[0], *target), False)]


def _flatten(layer, shape):
    return [Step(lambda x: x.reshape(x.shape[0], -1), False)]


def _reflection_pad(layer, shape):
    pads = (layer.padding,) * 4
    return [Step(lambda x: F.pad(x, pads, mode="reflect"), True, fresh=True)]


# -- linear layers


def _dense(layer, shape, scale=1.0, bias_scale=1.0):
    kernel = weight(layer.kernel, layer, scale)
    bias = None if layer.bias is None else weight(layer.bias, layer, bias_scale)
    if bias is None:
        step = Step(lambda x: torch.matmul(x, kernel()), False, fresh=True)
    elif len(shape) == 2:
        step = Step(lambda x: torch.addmm(bias(), x, kernel()), False, fresh=True)
    else:
        step = Step(lambda x: torch.matmul(x, kernel()) + bias(), False, fresh=True)
    return _with_activation(layer, step)


def _equalized_dense(layer, shape):
    return _dense(layer, shape, layer.scale, layer.multiplier)


def _maxout_dense(layer, shape):
    if len(shape) != 2:
        return None
    kernel, units, pieces = weight(layer.kernel, layer), layer.units, layer.pieces
    bias = None if layer.bias is None else weight(layer.bias, layer)

    def run(x):
        y = x @ kernel() if bias is None else torch.addmm(bias(), x, kernel())
        return y if pieces == 1 else torch.amax(y.reshape(-1, units, pieces), dim=-1)

    return [Step(run, False)]


def channels_last_(variable):
    """Lays the memory of a kernel `[h, w, a, b]` out as torch's channels-last `[b, a, h, w]`.

    The variable's values and shape stay; its convolutions then read the kernel without a copy.
    """
    kernel = variable.value.data.permute(3, 2, 0, 1)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    variable.value.data = kernel.permute(2, 3, 1, 0)


def _kernel(layer, scale=1.0):
    channels_last_(layer.kernel)
    return weight(layer.kernel, layer, scale)


def _equalized_conv(layer, shape):
    return _conv(layer, shape, layer.scale, layer.multiplier)


def _conv(layer, shape, scale=1.0, bias_scale=1.0):
    explicit = getattr(layer, "explicit_padding", None)
    if explicit is not None:
        pads = [(explicit, explicit)] * 2
    elif layer.padding == "same":
        spans = zip(shape[1:3], layer.kernel_size, layer.strides, layer.dilation_rate)
        pads = [_same(*span) for span in spans]
    else:
        pads = [(0, 0)] * 2
    kernel = _kernel(layer, scale)
    bias = weight(layer.bias, layer, bias_scale) if layer.use_bias else _none
    strides, dilation, groups = layer.strides, layer.dilation_rate, layer.groups
    # Of one image and one filter, torch 2.13 refuses the weight gradient in channels-last memory when it has
    # one thread: "slow_conv2d: grad_weight must be contiguous".
    single = layer.filters == 1
    if all(low == high for low, high in pads):
        padding, uneven = [low for low, _ in pads], None
    else:
        padding, uneven = 0, [*pads[1], *pads[0]]  # F.pad begins with the last axis

    def run(x):
        x = x if uneven is None else F.pad(x, uneven)
        filters = kernel().permute(3, 2, 0, 1)
        filters = filters.contiguous() if single else filters
        return F.conv2d(x, filters, bias(), strides, padding, dilation, groups)

    return _with_activation(layer, Step(run, True, fresh=True))


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
    kernel, bias = _kernel(layer), weight(layer.bias, layer) if layer.use_bias else _none
    strides, dilation = layer.strides, layer.dilation_rate

    def run(x):
        filters = kernel().permute(3, 2, 0, 1)
        y = F.conv_transpose2d(x, filters, bias(), strides, padding, extra, 1, dilation)
        return y[:, :, : y.shape[2] - cut[0], : y.shape[3] - cut[1]] if any(cut) else y

    return _with_activation(layer, Step(run, True, fresh=not any(cut)))


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

    return [Step(run, True, fresh=True)]


def _dropout(layer, shape):
    if layer.rate == 0:
        return [Step(lambda x: x, None)]
    if layer.rate == 1 or layer.noise_shape is not None:
        return None
    if layer.seed is None:  # as Keras does, from the global generator
        return [Step(lambda x: F.dropout(x, layer.rate), False)]
    # The draw is Keras' own, for images in NHWC.
    return [Step(lambda x: keras.random.dropout(x, layer.rate, seed=layer.seed_generator), False)]


def _instance_norm(layer, shape):
    if shape[1] * shape[2] == 1:  # torch refuses what has no variance, Keras gives zeros
        return None
    scale = layer.scale.value if layer.affine else None
    shift = layer.shift.value if layer.affine else None
    if layer.compute_dtype == "float32":
        return [Step(lambda x: normalize(x, scale, shift, layer.epsilon), True, fresh=True)]

    def run(x):
        y = normalize(x.float(), None, None, layer.epsilon).to(x.dtype)
        return y * scale.to(x.dtype)[:, None, None] + shift.to(x.dtype)[:, None, None] if layer.affine else y

    return [Step(run, True)]


# -- several tensors


def _add(layer, shapes):
    if any(shape != shapes[0] for shape in shapes):
        return None
    return [Step(lambda *xs: functools.reduce(torch.add, xs), None, fresh=len(shapes) > 1)]


def _concatenate(layer, shapes):
    rank = len(shapes[0])
    axis = layer.axis % rank
    if axis == 0 or any(len(shape) != rank for shape in shapes):
        return None
    if rank != 4:
        return [Step(lambda *xs: torch.cat(xs, axis), False, fresh=True)]
    axis = (0, 2, 3, 1)[axis]
    return [Step(lambda *xs: torch.cat(xs, axis), True, fresh=True)]


def _concat_condition(layer, shapes):
    images, condition = shapes
    if len(images) == len(condition):
        return [Step(lambda x, y: torch.cat((x, y), -1), False, fresh=True)]

    def run(x, y):
        maps = y[:, None, None, :].expand(*x.shape[:3], y.shape[1])
        return torch.cat((x, maps), -1)

    return [Step(run, False, fresh=True)]


_MERGES = {
    keras.layers.Add: _add,
    keras.layers.Concatenate: _concatenate,
    "kgan>ConcatCondition": _concat_condition,
    **torch_growing_steps.MERGES,
}
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
    "kgan>Conv2D": _conv,
    "kgan>Conv2DTranspose": _conv_transpose,
    "kgan>Dropout": _dropout,
    "kgan>EqualizedConv2D": _equalized_conv,
    "kgan>EqualizedDense": _equalized_dense,
    "kgan>MaxoutDense": _maxout_dense,
    "kgan>InstanceNormalization": _instance_norm,
    "kgan>ReflectionPadding2D": _reflection_pad,
    **torch_growing_steps.MAKERS,
}
