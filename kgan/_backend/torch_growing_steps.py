"""The layers of growing networks and of styles as plain torch functions, for `kgan._backend.torch_steps`."""

import functools

import torch
import torch.nn.functional as F

from kgan._backend.torch_step import Step, normalize, weight


def _per_channel(vector, shape):
    """A vector as it is added to what has this shape in Keras: maps are NCHW."""
    return vector[:, None, None] if len(shape) == 4 else vector


def _bias(layer, shape):
    bias = weight(layer.bias, layer)
    return [Step(lambda x: x + _per_channel(bias(), shape), len(shape) == 4, fresh=True)]


def _pixel_norm(layer, shape):
    axis = 1 if len(shape) == 4 else -1

    def run(x):
        wide = x.float()
        norm = torch.rsqrt(wide.square().mean(axis, keepdim=True) + layer.epsilon)
        return (wide * norm).to(x.dtype)

    return [Step(run, len(shape) == 4, fresh=True)]


def _constant(layer, shape):
    value = weight(layer.value, layer)
    if len(layer.shape) != 3:
        return None
    return [Step(lambda x: value().permute(2, 0, 1).expand(len(x), -1, -1, -1), True)]


def _minibatch_stddev(layer, shape):
    def run(x):
        n, _, height, width = x.shape
        layer.check_batch(n)
        group = min(layer.group_size, n)
        groups = x.float().reshape(group, -1, *x.shape[1:])
        groups = groups - groups.mean(0, keepdim=True)
        spread = torch.sqrt(groups.square().mean(0) + 1e-8).mean((1, 2, 3))
        spread = spread.repeat(group)[:, None, None, None].expand(n, 1, height, width)
        return torch.cat((x, spread.to(x.dtype)), 1)

    return [Step(run, True, fresh=True)]


# -- resampling


def _upsample(layer, shape):
    factor = int(layer.factor)
    if layer.interpolation != "nearest":
        return None
    return [Step(lambda x: F.interpolate(x, scale_factor=factor), True, fresh=True)]


def _downsample(layer, shape):
    factor = int(layer.factor)
    return [Step(lambda x: F.avg_pool2d(x, factor), True, fresh=True)]


def _blur(layer, shape):
    return [Step(_Blurred.apply, True, fresh=True)]


class _Blurred(torch.autograd.Function):
    """The filter is its own adjoint. torch's second derivative would run once for each channel."""

    @staticmethod
    def forward(ctx, x):
        channels = x.shape[1]
        return F.conv2d(x, _binomial(channels, x.dtype, x.device), padding=1, groups=channels)

    @staticmethod
    def backward(ctx, gradient):
        return _Blurred.apply(gradient)


@functools.lru_cache(maxsize=64)
def _binomial(channels, dtype, device):
    taps = torch.tensor([0.25, 0.5, 0.25], dtype=dtype, device=device)
    return (taps[:, None] * taps).expand(channels, 1, 3, 3).contiguous()


# -- several tensors


def _noise(layer, shapes):
    strength = weight(layer.strength, layer)
    maps = len(shapes[0]) == 4
    return [Step(lambda x, noise: x + noise * _per_channel(strength(), shapes[0]), maps, fresh=True)]


def _ada_in(layer, shapes):
    affine, row = layer.affine, layer.row
    equalized = layer.equalized
    kernel = weight(affine.kernel, affine, affine.scale if equalized else 1.0)
    bias = weight(affine.bias, affine, affine.multiplier if equalized else 1.0)
    if shapes[0][1] * shapes[0][2] == 1:  # torch refuses what has no variance, Keras gives zeros
        return None

    def run(x, w):
        style = torch.addmm(bias(), w[:, row], kernel())[:, :, None, None]
        scale, shift = style.chunk(2, 1)
        y = normalize(x.float(), None, None, layer.epsilon).to(x.dtype)
        return torch.addcmul(shift, y, scale + 1.0)

    return [Step(run, True, fresh=True)]


def _fade(layer, shapes):
    alpha = weight(layer.alpha, layer)

    def run(new, old):
        share = alpha()
        return share * new + (1.0 - share) * old

    return [Step(run, None, fresh=True)]


MERGES = {
    "kgan>AdaIN": _ada_in,
    "kgan>Fade": _fade,
    "kgan>NoiseInjection": _noise,
}
MAKERS = {
    "kgan>Bias": _bias,
    "kgan>Blur": _blur,
    "kgan>Downsample2D": _downsample,
    "kgan>LearnedConstant": _constant,
    "kgan>MinibatchStdDev": _minibatch_stddev,
    "kgan>PixelNormalization": _pixel_norm,
    "kgan>Upsample2D": _upsample,
}
