"""What a Keras network computes, call by call, for a backend that runs it by a way of its own."""

from typing import Any, NamedTuple

import keras


class Call(NamedTuple):
    """One call of a layer, or of another Keras operation, on numbered values.

    Args:
        operation: the layer.
        sources: the number of each tensor that it takes.
        results: the number of each tensor that it gives.
        node: the Keras node of the call, which holds the symbolic tensors and the other arguments.
    """

    operation: Any
    sources: tuple[int, ...]
    results: tuple[int, ...]
    node: Any

    @property
    def plain(self):
        """Whether it is a layer called on one tensor or one list of them, and nothing else."""
        args, settings = self.node.arguments.args, self.node.arguments.kwargs.values()
        flat = args[0] if len(args) == 1 and isinstance(args[0], list | tuple) else args
        return (
            isinstance(self.operation, keras.layers.Layer)
            and len(args) == 1
            and len(self.results) == 1
            and all(isinstance(one, keras.KerasTensor) for one in flat)
            and all(value is None for value in settings)
        )


class Graph:
    """The calls of a network in the order in which Keras makes them, those of nested networks included.

    Args:
        network: a network for which `readable` holds.

    Attributes: `calls`; `inputs` and `outputs`, the numbers of their values; `count`, of all values.
    """

    def __init__(self, network):
        self.calls, self.count = [], 0
        self.inputs = self._new(network.inputs)
        self.outputs = self._trace(network, self.inputs)

    def _new(self, tensors):
        first, self.count = self.count, self.count + len(tensors)
        return tuple(range(first, self.count))

    def _trace(self, network, given):
        known = dict(zip(map(id, network.inputs), given))
        for node in _nodes(network):
            sources = tuple(known[id(tensor)] for tensor in node.input_tensors)
            if _has_one_way(node.operation, len(sources)):
                results = self._trace(node.operation, sources)
            else:
                results = self._new(node.outputs)
                self.calls.append(Call(node.operation, sources, results, node))
            known.update(zip(map(id, node.outputs), results))
        return tuple(known[id(tensor)] for tensor in network.outputs)


def graph(network):
    """The network's `Graph`, or `None` where Keras must run it: masks, activity regularizers, a class with a
    `call` of its own.
    """
    return Graph(network) if readable(network) else None


def readable(network):
    """Whether what the network computes can be told from its layers and their connections alone."""
    if not is_plain_network(network) or network.activity_regularizer is not None:
        return False
    for layer in network.layers:
        if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
            return False
        if isinstance(layer, keras.Model) and not readable(layer):
            return False
    return True


def is_plain_network(network):
    """Whether it is a built network of a class of Keras, not one with a `call` of its own."""
    kind = type(network)
    functional = kind.__name__ == "Functional" and kind.__module__.startswith("keras.")
    return network.built and (functional or (kind is keras.Sequential and hasattr(network, "inputs")))


def _has_one_way(operation, count):
    """Whether it is a nested network from one tensor, or from a list, to one, and called on so many."""
    if not isinstance(operation, keras.Model):
        return False
    given, made = ends(operation)
    given = given if isinstance(given, list | tuple) else [given]
    return len(given) == count and all(isinstance(end, keras.KerasTensor) for end in [*given, made])


def ends(network):
    """The symbolic inputs and outputs of a readable network, in the structures that the user gave them."""
    network = _functional(network)
    return network.input, network.output


def _functional(network):
    return network._functional if type(network) is keras.Sequential else network


def _nodes(network):
    by_depth = _functional(network)._nodes_by_depth
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    return [node for node in nodes if node.operation and not node.is_input]


def layers_of(network):
    """What runs in a `Sequential`: another list once a layer was added or taken away; else `None`."""
    if type(network) is not keras.Sequential:
        return None
    layers = []
    for layer in network.layers:
        layers.append(layer)
        if isinstance(layer, keras.Model):
            layers.append(layers_of(layer))
    return layers
