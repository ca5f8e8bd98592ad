"""Instance normalisation as one node, instead of the means, differences and roots that it is made of."""

import numpy as np
from onnx import helper

from kgan.export.folding import attribute


def fuse_instance_norm(graph):
    """Replaces (x - mean) / sqrt(variance + epsilon) over the pixels by InstanceNormalization, in place.

    Args:
        graph: a `kgan.export.graph.Graph` whose images are NCHW by now.
    """
    for node in [node for node in graph.nodes if _is_mean(graph, node)]:
        found = _pattern(graph, node)
        if found is None:
            continue
        parts, channels, epsilon = found
        last = parts[-1]
        scale = graph.constant(np.ones(channels, np.float32), "scale")
        shift = graph.constant(np.zeros(channels, np.float32), "shift")
        fused = helper.make_node(
            "InstanceNormalization", [node.input[0], scale, shift], [last.output[0]], epsilon=epsilon
        )
        graph.replace(last, [fused])
        for part in parts[:-1]:
            graph.nodes.remove(part)


def _is_mean(graph, node):
    """Whether a node is the mean over height and width of NCHW, which keeps both axes."""
    if node.op_type != "ReduceMean" or len(node.input) < 2 or node.input[1] not in graph.constants:
        return False
    axes = sorted(graph.constants[node.input[1]].ravel().tolist())
    return axes == [2, 3] and attribute(node, "keepdims", 1) == 1


def _pattern(graph, mean):
    """The nodes from the mean to the last product, the number of channels and epsilon; None for others."""
    x, parts = mean.input[0], [mean]
    reader, channels = graph.only_consumer(mean), _channels(graph, x)
    if reader is not None and reader.op_type == "Reshape":
        shape = graph.constants.get(reader.input[1], np.zeros(0)).tolist()
        if len(shape) != 4 or shape[0] != -1 or shape[2:] != [1, 1]:
            return None
        channels = shape[1]
        parts.append(reader)
        reader = graph.only_consumer(reader)
    if reader is None or reader.op_type != "Sub" or list(reader.input) != [x, parts[-1].output[0]]:
        return None
    centred = reader.output[0]
    parts.append(reader)
    readers = graph.consumers(centred)
    squares = [item for item in readers if item.op_type == "Mul" and list(item.input) == [centred, centred]]
    if channels is None or len(readers) != 2 or len(squares) != 1:
        return None
    node = squares[0]
    for wanted in ("ReduceMean", "Add", "Sqrt", "Reciprocal", "Mul"):
        parts.append(node)
        node = graph.only_consumer(node)
        if node is None or node.op_type != wanted:
            return None
    parts.append(node)
    variance, add = parts[-5], parts[-4]
    epsilon = [graph.constants[name] for name in add.input if name in graph.constants]
    if not _is_mean(graph, variance) or centred not in node.input or len(epsilon) != 1:
        return None
    return (parts, int(channels), float(epsilon[0].item())) if epsilon[0].size == 1 else None


def _channels(graph, tensor):
    """How many channels the convolution that makes a tensor has, or None."""
    node = graph.producer(tensor)
    if node is None or node.op_type not in ("Conv", "ConvTranspose") or node.input[1] not in graph.constants:
        return None
    weight = graph.constants[node.input[1]]
    return weight.shape[0] if node.op_type == "Conv" else weight.shape[1] * attribute(node, "group", 1)
