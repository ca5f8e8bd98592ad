"""Networks that are one layer after another, which a backend may run by a way of its own."""

import inspect

import keras


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


def chain(network):
    """The layers of a built linear network in order, those of nested ones included.

    Args:
        network: a Keras model.

    Returns:
        List of layers, or `None` where Keras must run the network: branches, masks, activity regularizers,
        several inputs, or a class with a `call` of its own.
    """
    kind = type(network)
    if not network.built or not hasattr(network, "input_shape"):
        return None
    if kind is keras.Sequential:
        layers = network.layers
    elif kind.__name__ == "Functional" and kind.__module__.startswith("keras."):
        layers = _linear_graph(network)
    else:
        return None
    if layers is None or network.activity_regularizer is not None:
        return None
    flat = []
    for layer in layers:
        inner = chain(layer) if isinstance(layer, keras.Model) else [layer]
        if inner is None or any(_masks(one) for one in inner):
            return None
        flat += inner
    return flat


def _linear_graph(network):
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        return None
    layers, tensor = [], network.outputs[0]
    while tensor is not network.inputs[0]:
        operation, node_index, _ = tensor._keras_history
        node = operation._inbound_nodes[node_index]
        settings = node.arguments.kwargs.values()
        if not isinstance(operation, keras.layers.Layer) or any(value is not None for value in settings):
            return None
        if len(node.input_tensors) != 1 or len(node.outputs) != 1:
            return None
        layers.append(operation)
        tensor = node.input_tensors[0]
    return layers[::-1]


def _masks(layer):
    return isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False)


def training_call(layer):
    """`layer(x, training=True)` as a function of x, for layers that know of training or not."""
    if "training" in inspect.signature(layer.call).parameters:
        return lambda x: layer(x, training=True)
    return layer


def normalizes_channels(layer, rank):
    """Whether a `BatchNormalization` is the plain one over the last axis of a tensor of this rank."""
    return not layer.renorm and not layer.synchronized and layer.axis % rank == rank - 1
