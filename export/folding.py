"""Exact simplifications of a converted ONNX graph, until nothing is left to simplify.

What remains of a DCGAN generator is its layers: batch normalisation goes into the weights of the layer
before it, a change of memory order after a projection goes into the order of its columns, and a crop goes
into the padding of its transposed convolution.
"""

from typing import Any

import numpy as np
from onnx import helper
from onnx.reference import ReferenceEvaluator

POINTWISE = ("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "Softplus", "Softsign")
_LINEAR = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_TO_THE_END = 2**31 - 1


def fold(graph):
    """Simplifies a `kgan.export.graph.Graph` in place."""
    rules = (_fold_constants, _fold_affine, _fold_memory_order, _fold_crop, _fold_negative_pads)
    while any(rule(graph) for rule in rules):
        pass


def attribute(node, name, default: Any = None) -> Any:
    """A node's attribute, or `default`."""
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


# -- what depends on constants alone is a constant


def _fold_constants(graph):
    """Computes the nodes whose inputs are all constants."""
    changed = False
    for node in list(graph.nodes):
        known = [name for name in node.input if name]
        if not known or len(node.output) != 1 or not all(name in graph.constants for name in known):
            continue
        arrays = {name: graph.constants[name] for name in known}
        if node.op_type == "Transpose":
            value = next(iter(arrays.values())).transpose(attribute(node, "perm"))
        else:
            value = np.asarray(next(iter(ReferenceEvaluator(node).run(None, arrays))))
        if value.size > 2 * max(array.size for array in arrays.values()):
            continue  # smaller as a node than as a constant
        graph.constants[node.output[0]] = value
        graph.nodes.remove(node)
        changed = True
    return changed


# -- y = (W x + b) * scale + shift  is  (W * scale) x + (b * scale + shift)


def _fold_affine(graph):
    """Folds multiplications and additions by a constant into the linear layer before them."""
    changed = False
    for node in list(graph.nodes):
        if node.op_type not in ("Mul", "Add", "Sub", "Div"):
            continue
        places = [place for place in (0, 1) if node.input[place] in graph.constants]
        if len(places) != 1 or (node.op_type in ("Sub", "Div") and places == [0]):
            continue
        constant = graph.constants[node.input[places[0]]].astype(np.float64)
        chain = _linear_before(graph, node.input[1 - places[0]])
        if chain is None:
            continue
        linear, reshape = chain
        per_channel = _per_channel(graph, linear, reshape, constant)
        if per_channel is None:
            continue
        if not _absorb(graph, linear, node.op_type, per_channel):
            continue
        before = reshape if reshape is not None else linear
        before.output[0] = node.output[0]
        graph.nodes.remove(node)
        changed = True
    return changed


def _linear_before(graph, tensor):
    """The linear layer whose output alone reaches `tensor`, and the reshape between them if there is one."""
    node, reshape = graph.producer(tensor), None
    if node is not None and node.op_type == "Reshape":
        reshape = node
        node = graph.producer(reshape.input[0])
        if node is None or node.op_type not in ("MatMul", "Gemm") or not _sample_shape(graph, reshape):
            return None
    if node is None or not _is_linear(graph, node):
        return None
    for made in (node, reshape):
        if made is not None and graph.only_consumer(made) is None:
            return None
    return node, reshape


def _is_linear(graph, node):
    """Whether a node is a linear layer with constant weight and bias, in the form that is understood here."""
    if node.op_type not in _LINEAR or any(name not in graph.constants for name in node.input[1:] if name):
        return False
    if node.op_type == "Gemm":
        plain = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}
        if any(attribute(node, name, value) != value for name, value in plain.items()):
            return False
    weight, bias = _weights(graph, node)
    if node.op_type in ("MatMul", "Gemm") and weight.ndim != 2:
        return False
    return bias is None or bias.shape == (_channels(node, weight),)


def _weights(graph, linear):
    """The weight of a linear layer, and its bias or None."""
    has_bias = len(linear.input) > 2 and linear.input[2]
    return graph.constants[linear.input[1]], graph.constants[linear.input[2]] if has_bias else None


def _channels(linear, weight):
    if linear.op_type == "Conv":
        return weight.shape[0]
    return weight.shape[1] * (attribute(linear, "group", 1) if linear.op_type == "ConvTranspose" else 1)


def _sample_shape(graph, reshape):
    """The target shape without the batch axis if the reshape keeps that axis, else an empty list."""
    shape = graph.constants.get(reshape.input[1])
    if shape is None or len(shape) < 2 or shape[0] != -1 or (shape[1:] <= 0).any():
        return []
    return [int(n) for n in shape[1:]]


def _per_channel(graph, linear, reshape, constant):
    """`constant` as one number per output channel of `linear`, or None if it is not that."""
    weight, _ = _weights(graph, linear)
    channels = _channels(linear, weight)
    if reshape is not None:
        shape = (1, *_sample_shape(graph, reshape))
        if int(np.prod(shape)) != channels:
            return None
    elif linear.op_type in ("Conv", "ConvTranspose"):
        shape = (1, channels) + (1,) * (weight.ndim - 2)
    else:
        shape = (1, channels)
    fits = constant.ndim <= len(shape) and all(a in (1, b) for a, b in zip(constant.shape[::-1], shape[::-1]))
    return np.broadcast_to(constant, shape).reshape(channels) if fits else None


def _absorb(graph, linear, operation, values):
    """Changes the weights of a linear layer; False if it cannot have a bias."""
    weight, bias = _weights(graph, linear)
    if operation in ("Mul", "Div"):
        factor = values if operation == "Mul" else 1.0 / values
        scaled = weight * _along_outputs(linear, weight, factor)
        linear.input[1] = graph.constant(scaled.astype(weight.dtype), "weight")
        if bias is not None:
            linear.input[2] = graph.constant((bias * factor).astype(weight.dtype), "bias")
        return True
    if linear.op_type == "MatMul":
        if not is_matrix(graph, linear.input[0]):
            return False
        linear.op_type = "Gemm"
    shift = values if operation == "Add" else -values
    total = shift if bias is None else bias + shift
    del linear.input[2:]
    linear.input.append(graph.constant(total.astype(weight.dtype), "bias"))
    return True


def _along_outputs(linear, weight, factor):
    """`factor`, one number per output channel, in the shape that multiplies the weight."""
    if linear.op_type == "Conv":
        return factor.reshape(-1, *(1,) * (weight.ndim - 1))
    if linear.op_type == "ConvTranspose":  # [in, out / group, ...]; the groups divide the input axis
        groups = attribute(linear, "group", 1)
        rows = np.repeat(factor.reshape(groups, -1), weight.shape[0] // groups, axis=0)
        return rows.reshape(*weight.shape[:2], *(1,) * (weight.ndim - 2))
    return factor.reshape(1, -1)


def is_matrix(graph, tensor):
    """Whether a tensor surely has rank 2: Gemm takes no other."""
    node = graph.producer(tensor)
    while node is not None and node.op_type in POINTWISE:
        tensor = node.input[0]
        node = graph.producer(tensor)
    if node is None:
        ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in graph.input_values}
        return ranks.get(tensor) == 2
    if node.op_type == "Reshape":
        return len(graph.constants.get(node.input[1], ())) == 2
    if node.op_type in ("Gemm", "Flatten"):
        return True
    return node.op_type == "MatMul" and is_matrix(graph, node.input[0])


# -- projection, reshape to NHWC, transpose to NCHW: permute the columns of the projection instead


def _fold_memory_order(graph):
    """Folds transposes after a projection and its reshape into the projection's columns."""
    changed = False
    for transpose in list(graph.nodes):
        if transpose.op_type != "Transpose":
            continue
        chain = [graph.producer(transpose.input[0])]
        while chain[-1] is not None and chain[-1].op_type in (*POINTWISE, "Reshape"):
            chain.append(graph.producer(chain[-1].input[0]))
        linear, reshapes = chain[-1], [n for n in chain[:-1] if n.op_type == "Reshape"]
        if linear is None or linear.op_type not in ("Gemm", "MatMul") or not _is_linear(graph, linear):
            continue
        if len(reshapes) != 1 or any(graph.only_consumer(node) is None for node in chain):
            continue
        order, sample = list(attribute(transpose, "perm", ())), _sample_shape(graph, reshapes[0])
        weight, bias = _weights(graph, linear)
        if order[:1] != [0] or len(order) != len(sample) + 1 or weight.shape[1] != np.prod(sample):
            continue
        axes = [axis - 1 for axis in order[1:]]
        columns = np.arange(np.prod(sample)).reshape(sample).transpose(axes).reshape(-1)
        linear.input[1] = graph.constant(weight[:, columns], "weight")
        if bias is not None:
            linear.input[2] = graph.constant(bias[columns], "bias")
        target = np.array([-1, *(sample[axis] for axis in axes)], np.int64)
        reshapes[0].input[1] = graph.constant(target, "shape")
        graph.skip(transpose)
        changed = True
    return changed


# -- a crop after a transposed convolution is more of its padding


def _fold_crop(graph):
    """Folds crops of both spatial axes into the transposed convolution before them."""
    changed = False
    for crop in list(graph.nodes):
        if crop.op_type != "Slice":
            continue
        convolution = graph.producer(crop.input[0])
        limits = [graph.constants.get(name) for name in crop.input[1:] if name]
        if convolution is None or convolution.op_type != "ConvTranspose":
            continue
        if graph.only_consumer(convolution) is None or len(limits) < 3 or any(v is None for v in limits):
            continue
        if any((steps != 1).any() for steps in limits[3:]):
            continue
        spans = dict(zip(limits[2].tolist(), zip(limits[0].tolist(), limits[1].tolist())))
        spatial = [spans.pop(axis, (0, _TO_THE_END)) for axis in (2, 3)]
        if any(span != (0, _TO_THE_END) for span in spans.values()):
            continue
        if any(start < 0 or (end >= 0 and end < _TO_THE_END) for start, end in spatial):
            continue  # counted from the other side: the size would have to be known
        more = [start for start, _ in spatial] + [0 if end >= _TO_THE_END else -end for _, end in spatial]
        pads = [a + b for a, b in zip(attribute(convolution, "pads", [0, 0, 0, 0]), more)]
        set_attribute(convolution, "pads", pads)
        graph.skip(crop)
        changed = True
    return changed


def _fold_negative_pads(graph):
    """Writes negative padding, which ONNX forbids, as output padding."""
    changed = False
    for node in list(graph.nodes):
        pads = list(attribute(node, "pads", ())) if node.op_type == "ConvTranspose" else []
        if not any(pad < 0 for pad in pads[2:]):
            continue
        extra = list(attribute(node, "output_padding", [0, 0]))
        set_attribute(node, "output_padding", [old + max(0, -pad) for old, pad in zip(extra, pads[2:])])
        set_attribute(node, "pads", [*pads[:2], *(max(0, pad) for pad in pads[2:])])
        changed = True
    return changed


def set_attribute(node, name, value):
    """Sets or replaces a node's attribute."""
    kept = [item for item in node.attribute if item.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
