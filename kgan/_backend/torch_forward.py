"""A shorter way through a Keras network on PyTorch, for the forward passes of training.

`Layer.__call__` costs more than a small convolution, and each Keras convolution permutes its images to
NCHW and back. A graph of known layers is compiled once to plain torch calls that keep images in NCHW
over channels-last memory; other layers are called as Keras would. Values, statistics and random draws
are those of `network(x, training=True)`. The environment variable KGAN_DIRECT_FORWARD=0 turns it off.
"""

import collections
import dataclasses
import operator
import os
import weakref

import keras
import torch

from kgan._backend.graph import ends, graph, layers_of
from kgan._backend.torch_step import DTYPES
from kgan._backend.torch_steps import needs_two_samples, steps_of

_ENABLED = os.environ.get("KGAN_DIRECT_FORWARD", "1") != "0"
_plans = weakref.WeakKeyDictionary()


def forward(network, x, training):
    """`network(x, training=training)`."""
    plan = _plan(network) if _ENABLED and training is True else None
    tensors = plan.taken(x) if plan else None
    if plan is None or tensors is None:
        return network(x, training=training)
    return plan.run(tensors)


def _plan(network):
    plan = _plans.get(network)
    if plan is None or plan.layers != layers_of(network):
        plan = _plans[network] = _Plan(network)
    return plan if plan.program else None


class _Plan:
    """The instructions of one network; empty where Keras must run it.

    An instruction is (function, the register or registers it reads, the register it writes).

    Args:
        network: a Keras model.
    """

    def __init__(self, network):
        # Not the network itself: the plan must not keep it alive.
        self.layers = layers_of(network)
        self.program = []
        calls = graph(network)
        if calls is None or any(None in x.shape[1:] for x in network.inputs):
            return
        compiler = _Compiler(calls, network.inputs)
        if not compiler.known:
            return
        given, self.like = ends(network)
        self.names = sorted(given) if type(given) is dict else None
        self.listed = isinstance(given, list | tuple)
        self.alone = len(network.outputs) == 1 and type(self.like) is not dict
        self.inputs = [(getattr(torch, x.dtype, None), tuple(x.shape[1:])) for x in network.inputs]
        self.least = compiler.least
        self.program, self.size, self.outputs = _with_registers(
            compiler.instructions, len(self.inputs), compiler.outputs(calls.outputs)
        )

    def taken(self, x):
        """The network's inputs as a list, or `None` where Keras must look at them."""
        if self.names is not None:
            found = [x[name] for name in self.names] if type(x) is dict and sorted(x) == self.names else ()
        else:
            found = x if self.listed and isinstance(x, list | tuple) else [x]
        if len(found) != len(self.inputs):
            return None
        for tensor, (dtype, shape) in zip(found, self.inputs):
            if (
                type(tensor) is not torch.Tensor
                or tensor.dtype is not dtype
                or tensor.dim() == 0
                or tuple(tensor.shape[1:]) != shape
                or tensor.shape[0] < self.least
                or tensor.device.type == "meta"
                or getattr(tensor, "_keras_mask", None) is not None
            ):
                return None
        return found

    def run(self, tensors):
        registers = [*tensors, *[None] * (self.size - len(tensors))]
        for function, sources, result in self.program:
            if type(sources) is int:
                registers[result] = function(registers[sources])
            else:
                registers[result] = function(*[registers[source] for source in sources])
        if self.alone:
            return registers[self.outputs[0]]
        return keras.tree.pack_sequence_as(self.like, [registers[place] for place in self.outputs])


@dataclasses.dataclass(frozen=True)
class _Value:
    """A tensor of the program.

    Args:
        place: its number, which no other tensor has.
        rank: number of axes.
        dtype: name of its type.
        maps: whether it is images that lie as NCHW.
        fresh: whether neither a derivative nor another call needs it, so that an activation may overwrite it.
    """

    place: int
    rank: int
    dtype: str
    maps: bool = False
    fresh: bool = False


class _Compiler:
    """Turns calls into instructions, with the permutations and casts that they need in between.

    Args:
        calls: the network's `Graph`.
        inputs: its symbolic inputs.

    Attributes: `instructions`; `known`, how many calls have a way of their own; `least`, the batch it takes.
    """

    def __init__(self, calls, inputs):
        self.instructions, self.known, self.least = [], 0, 1
        self.uses = collections.Counter(source for call in calls.calls for source in call.sources)
        self.uses.update(calls.outputs)
        self.places = len(inputs)
        self.values = {
            number: _Value(place, len(x.shape), x.dtype)
            for place, (number, x) in enumerate(zip(calls.inputs, inputs))
        }
        for call in calls.calls:
            values = [self.values[source] for source in call.sources]
            steps = None
            if call.plain and all(keras.backend.is_float_dtype(value.dtype) for value in values):
                steps = steps_of(call.operation, [tensor.shape for tensor in call.node.input_tensors])
            if steps is None:
                self._leave_to_keras(call, values)
            else:
                self._take_steps(call, values, steps)

    def outputs(self, numbers):
        """The places of these values as the network gives them."""
        return [self._converted(self.values[number], maps=False).place for number in numbers]

    def _emit(self, function, sources):
        place, self.places = self.places, self.places + 1
        self.instructions.append((function, tuple(sources), place))
        return place

    def _converted(self, value, maps=None, dtype=None):
        if dtype not in (None, value.dtype):
            place = self._emit(_cast(DTYPES[dtype]), (value.place,))
            value = dataclasses.replace(value, place=place, dtype=dtype, fresh=True)
        if maps not in (None, value.maps) and value.rank == 4:
            place = self._emit(_to_maps if maps else _from_maps, (value.place,))
            value = dataclasses.replace(value, place=place, maps=maps)
        return value

    def _take_steps(self, call, values, steps):
        self.known += 1
        if needs_two_samples(call.operation):
            self.least = 2
        dtype, rank = call.operation.compute_dtype, len(call.node.outputs[0].shape)
        values = [self._converted(value, dtype=dtype) for value in values]
        for step in steps:
            maps = values[0].maps if step.maps is None else step.maps
            values = [self._converted(value, maps) for value in values]
            run = step.overwrite if step.overwrite and values[0].fresh else step.run
            place = self._emit(run, (value.place for value in values))
            values = [_Value(place, rank, dtype, maps and rank == 4, step.fresh)]
        (result,) = call.results
        alone = self.uses[result] == 1
        self.values[result] = dataclasses.replace(values[0], fresh=values[0].fresh and alone)

    def _leave_to_keras(self, call, values):
        sources = [self._converted(value, maps=False).place for value in values]
        place = self._emit(_keras_call(call), sources)
        for i, (number, tensor) in enumerate(zip(call.results, call.node.outputs)):
            one = self._emit(operator.itemgetter(i), (place,))
            self.values[number] = _Value(one, len(tensor.shape), tensor.dtype)


def _with_registers(instructions, given, outputs):
    """The instructions on registers that serve again once no later instruction reads them.

    Returns:
        `(instructions, number of registers, the outputs' registers)`; the first `given` are the inputs'.
    """
    last = {source: i for i, (_, sources, _) in enumerate(instructions) for source in sources}
    last.update((place, len(instructions)) for place in outputs)
    registers, free, size, program = dict(enumerate(range(given))), [], given, []
    for i, (function, sources, place) in enumerate(instructions):
        read = tuple(registers[source] for source in sources)
        free += sorted({registers[source] for source in sources if last[source] == i})
        if not free:
            free, size = [size], size + 1
        registers[place] = free.pop()
        program.append((function, read[0] if len(read) == 1 else read, registers[place]))
    return program, size, [registers[place] for place in outputs]


def _keras_call(call):
    operation, arguments = call.operation, call.node.arguments
    symbols = [id(tensor) for tensor in arguments.keras_tensors]
    mode = {"training": True} if isinstance(operation, keras.layers.Layer) else {}

    def run(*tensors):
        args, settings = arguments.fill_in(dict(zip(symbols, tensors)))
        return keras.tree.flatten(operation(*args, **{**settings, **mode}))

    return run


def _to_maps(x):
    return x.permute(0, 3, 1, 2)


def _from_maps(x):
    return x.permute(0, 2, 3, 1)


def _cast(dtype):
    return lambda x: x.to(dtype)
