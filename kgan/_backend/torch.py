"""The seam for PyTorch: eager steps, `torch.autograd.grad` for the named variables alone."""

import torch
import torch.distributed

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
        optimizer.apply(gradients, variables)


def maybe(condition, fn):
    if condition:
        fn()


def value_if(condition, fn):
    return fn() if condition else torch.zeros((), device=condition.device)


def forward(network, x, training):
    return network(x, training=training)


def replicas():
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if distributed else 1


class TrainStep:
    """The Trainer's `train_step`, with logs cut off from the graph."""

    def train_step(self, data):
        return {name: value.detach() for name, value in self.stateful_step(data).items()}
