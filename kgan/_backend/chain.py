"""Networks that are one layer after another, which a backend may run by a way of its own."""

from kgan._backend.graph import graph


def chain(network):
    """The layers of a built linear network in order, those of nested ones included.

    Args:
        network: a Keras model.

    Returns:
        List of layers, or `None` where Keras must run the network: branches, masks, activity regularizers,
        several inputs, or a class with a `call` of its own.
    """
    found = graph(network)
    if found is None or len(found.inputs) != 1:
        return None
    last = found.inputs
    for call in found.calls:
        if not call.plain or call.sources != last:
            return None
        last = call.results
    return [call.operation for call in found.calls] if found.outputs == last else None


def normalizes_channels(layer, rank):
    """Whether a `BatchNormalization` is the plain one over the last axis of a tensor of this rank."""
    return not layer.renorm and not layer.synchronized and layer.axis % rank == rank - 1
