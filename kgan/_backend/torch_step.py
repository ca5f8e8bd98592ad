"""What the steps of `kgan._backend.torch_steps` are made of."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_LARGE = 2**12  # numbers in an image's maps, above which a loop over the images costs less than a copy


class Step(NamedTuple):
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


def weight(variable, layer, factor=1.0):
    """A function that gives the variable's tensor in the layer's dtype, times a number."""
    tensor, dtype = variable.value, DTYPES[layer.compute_dtype]
    same = tensor.dtype is dtype
    if factor != 1.0:
        return (lambda: tensor * factor) if same else (lambda: tensor.to(dtype) * factor)
    return (lambda: tensor) if same else (lambda: tensor.to(dtype))


def normalize(x, scale, shift, epsilon):
    """Instance normalisation of NCHW maps over channels-last memory, which stay so.

    Of one image it is batch normalisation, whose kernel reads that memory as it is. A batch of large maps is
    taken image by image on a CPU; small ones are copied to be the channels of one image.
    """

    def one(image):
        return F.batch_norm(image, None, None, scale, shift, True, 0.0, epsilon)

    n = len(x)
    if n == 1:
        return one(x)
    if x.device.type == "cpu" and x.numel() >= n * _LARGE:
        return torch.cat([one(image) for image in x.split(1)])
    y = F.instance_norm(x, None, None, scale, shift, True, 0.0, epsilon)
    return y.contiguous(memory_format=torch.channels_last)
