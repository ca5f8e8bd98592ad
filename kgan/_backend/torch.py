"""The seam for PyTorch: eager steps, `torch.autograd.grad` for the named variables alone."""

import functools

import keras
import torch
import torch.distributed
import torch.nn.functional as F
from keras import ops

from kgan._backend import torch_adam
from kgan._backend.fit_loop import CPUFitLoop
from kgan._backend.torch_forward import forward as forward
from kgan._backend.torch_state import SeedGenerator as SeedGenerator

no_grad = torch.no_grad


def value_and_grad(fn, variables):
    loss, aux = fn()
    # Neither .backward() nor zero_grad: no stale .grad, and no weight gradients of the other players.
    return aux, torch.autograd.grad(loss, [variable.value for variable in variables], allow_unused=True)


def input_gradient(fn, x):
    # An x that is already part of a graph stays attached to it: path length needs that.
    x = x if x.requires_grad else x.detach().requires_grad_()
    with torch.enable_grad():
        y = fn(x)
        return y, torch.autograd.grad(y.sum(), x, create_graph=True)[0]


def apply_gradients(optimizer, gradients, variables):
    with torch.no_grad():
        if replicas() > 1:
            # autograd.grad bypasses the hooks of DistributedDataParallel.
            for gradient in gradients:
                torch.distributed.all_reduce(gradient)
            gradients = [gradient / replicas() for gradient in gradients]
        torch_adam.apply(optimizer, gradients, variables)


def maybe(condition, fn):
    if condition:
        fn()


def value_if(condition, fn):
    return fn() if condition else torch.zeros((), device=condition.device)


def conv(ordinary, x, kernel, strides, pads):
    if keras.backend.standardize_dtype(kernel.dtype) == "float64" and pads is not None:
        # Keras gives torch channels-last kernels, for which the backward pass on a CPU fails now and then in
        # float64: "slow_conv2d: grad_weight must be contiguous" (torch 2.13).
        (top, bottom), (left, right) = pads
        images = F.pad(x.permute(0, 3, 1, 2), (left, right, top, bottom)).contiguous()
        kernel = ops.convert_to_tensor(kernel).permute(3, 2, 0, 1).contiguous()
        maps = F.conv2d(images, kernel, stride=tuple(strides))
        return maps.permute(0, 2, 3, 1)
    return ordinary(x, kernel)


def conv_transpose(ordinary, x, kernel, strides, pads, size):
    return ordinary(x, kernel)


def replicas():
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if distributed else 1


def random_state():
    # A Keras Dropout without a seed draws from torch's own generators, which no Keras variable holds.
    states = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())]
    return [bytes(state.tolist()) for state in states]


def set_random_state(states):
    tensors = [torch.tensor(list(state), dtype=torch.uint8) for state in states]
    torch.set_rng_state(tensors[0])
    # As many devices as there are now: a run may continue on another machine.
    for device, state in zip(range(torch.cuda.device_count()), tensors[1:]):
        torch.cuda.set_rng_state(state, device)


def increment(variable):
    variable.value.add_(1)


def put_rows(variable, rows, values):
    variable.value.index_copy_(0, rows.long(), values)


def add_logs(total, count, first_bad, pairs, step):
    total, count, first_bad = total.value, count.value, first_bad.value
    values = torch.stack([_scalar(value, total.device) for value, _ in pairs])
    weights = tuple(weight for _, weight in pairs)
    if all(isinstance(weight, float) for weight in weights):
        weights = _vector(weights, total.device)
    else:
        weights = torch.stack([_scalar(weight, total.device) for weight in weights])
    total.addcmul_(values, weights)
    count.add_(weights)
    earliest = torch.minimum(first_bad, step.value)
    first_bad.copy_(torch.where(torch.isfinite(values), first_bad, earliest))


def mean_logs(total, count):
    return (total.value / count.value.clamp(min=1e-9)).unbind()


def _scalar(value, device):
    return value.float() if torch.is_tensor(value) else _vector(float(value), device)


@functools.lru_cache(maxsize=64)
def _vector(numbers, device):
    return torch.tensor(numbers, dtype=torch.float32, device=device)


class TrainStep(CPUFitLoop):
    """The Trainer's `train_step`, with logs cut off from the graph."""

    def train_step(self, data):
        return {name: value.detach() for name, value in self.stateful_step(data).items()}

    @staticmethod
    def logs_in_step():
        return keras.ops.zeros(()).device.type == "cpu"
