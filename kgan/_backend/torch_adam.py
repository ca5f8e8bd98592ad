"""An optimizer's step on PyTorch: Adam as one fused kernel, on the slots of the Keras optimizer."""

import math
import weakref
from typing import Any

import keras
import torch

from kgan._backend import adam
from kgan._backend.torch_state import Scalar

_fused_adam: Any = getattr(torch, "_fused_adam_", None)
_players = weakref.WeakKeyDictionary()


def apply(optimizer, gradients, variables):
    """`optimizer.apply(gradients, variables)`; in one kernel where the optimizer is Adam and nothing else.

    The kernel's denominator is `sqrt(v / (1 - b2^t)) + e`, that of Keras `(sqrt(v) + epsilon) /
    sqrt(1 - b2^t)`: they agree with `e = epsilon / sqrt(1 - b2^t)`.
    """
    player = _players.get(optimizer)
    if player is None or not player.fits(variables):
        player = _players[optimizer] = _Player(optimizer, variables)
    complete = all(gradient is not None for gradient in gradients)
    if not (complete and player.fusible and adam.is_plain_adam(optimizer)):
        optimizer.apply(gradients, variables)
        return
    rate = player.learning_rate(optimizer)  # of this step, as the count of steps is before it
    step = player.iterations.increment()
    _fused_adam(
        player.values,
        player.aligned(gradients),
        player.first,
        player.second,
        [],
        [player.step.fill_(step)] * len(gradients),
        lr=rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon / math.sqrt(1.0 - optimizer.beta_2**step),
        amsgrad=False,
        maximize=False,
    )


class _Player:
    """The tensors of one optimizer, all of them laid out in memory as the weights are.

    Args:
        optimizer: a built Keras optimizer.
        variables: the Keras variables that it updates.
    """

    def __init__(self, optimizer, variables):
        self.variables = variables
        self.values = [variable.value for variable in variables]
        self.strides = [value.stride() for value in self.values]
        device = self.values[0].device
        self.fusible = (
            device.type in ("cpu", "cuda")
            and _fused_adam is not None
            and adam.is_plain_adam(optimizer)
            and adam.are_plain(variables)
        )
        if self.fusible:
            moments = adam.slots(optimizer, variables)
            self.first, self.second = ([slot.value for slot in slots] for slots in moments)
            for tensors in (self.first, self.second):
                for tensor, stride in zip(tensors, self.strides):
                    _lay_out(tensor, stride)
            self.step = torch.zeros((), device=device)
            self.iterations = Scalar(optimizer.iterations)
            self.rate = None
        else:
            # Keras' own step is quick only on tensors that lie alike. Which slot belongs to which weight
            # is the optimizer's affair; the shape of a kernel tells it well enough.
            usual = {value.shape: stride for value, stride in zip(self.values, self.strides)}
            for slot in optimizer.variables:
                _lay_out(slot.value, usual.get(slot.value.shape, slot.value.stride()))

    def fits(self, variables):
        """Whether it is still about these variables, with their memory as it was."""
        return self.variables is variables and self.strides == [value.stride() for value in self.values]

    def learning_rate(self, optimizer):
        rate = optimizer.learning_rate
        if isinstance(rate, keras.Variable):
            if self.rate is None or self.rate.variable is not rate:
                self.rate = Scalar(rate)
            return self.rate.read()
        # A schedule's value stays on its device.
        return rate if torch.is_tensor(rate) and rate.is_cuda else float(rate)

    def aligned(self, gradients):
        """The gradients with the strides of the weights: the fused kernel goes by memory alone."""
        aligned = []
        for gradient, value, stride in zip(gradients, self.values, self.strides):
            if gradient.stride() != stride:
                gradient = torch.empty_strided(value.shape, stride, device=value.device).copy_(gradient)
            aligned.append(gradient)
        return aligned


def _lay_out(tensor, stride):
    """Gives the tensor these strides in place; its values stay."""
    if tensor.stride() != stride:
        laid_out = torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype, device=tensor.device)
        tensor.data = laid_out.copy_(tensor.data)
