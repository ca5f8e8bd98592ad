"""Transposed convolutions of images of any size: crops computed from shapes become attributes.

For them the converter computes at run time where to cut the full result, and what to append, from its shape
and the input's. What it cuts does not depend on the size; this finds it by evaluating these computations.
"""

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from kgan.export.folding import attribute

# What is cut is linear in the height and in the width, but for maxima with 0: more sizes than that has kinks.
_SIZES = ((1, 2), (2, 1), (3, 5), (16, 7), (100, 31))
_TO_THE_END = 2**31 - 1


def fold_free_sizes(graph):
    """Folds crops after transposed convolutions into their padding, in place.

    Args:
        graph: a `kgan.export.graph.Graph`.

    Returns:
        Whether anything changed.
    """
    changed = False
    for node in [node for node in graph.nodes if node.op_type == "ConvTranspose"]:
        known = [attribute(node, name) for name in ("output_shape", "output_padding", "pads")]
        automatic = attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
        if automatic or any(np.any(value) for value in known if value is not None):
            continue
        chain = _chain(graph, node)
        computed = _computation(graph, node, chain) if chain else None
        if computed is None or not _alone(graph, node, computed, chain):
            continue
        crops = _crops(graph, node, chain, computed)
        if crops is not None:
            _replace(graph, node, chain, computed, crops)
            changed = True
    return changed


def _chain(graph, node):
    """The crops and paddings, one after the other, that alone read a transposed convolution's values."""
    chain, tensor = [], node.output[0]
    while tensor != graph.output:
        readers = [reader for reader in graph.consumers(tensor) if chain or reader.op_type != "Shape"]
        if len(readers) != 1 or readers[0].op_type not in ("Slice", "Pad") or tensor in readers[0].input[1:]:
            break
        if attribute(readers[0], "mode", b"constant") != b"constant":
            break
        chain.append(readers[0])
        tensor = readers[0].output[0]
    return chain


def _computation(graph, node, chain):
    """The nodes that compute the chain's integers from both shapes, in order; None if they need more."""
    found, todo = [], [name for step in chain for name in step.input[1:] if name]
    while todo:
        name = todo.pop()
        made = graph.producer(name)
        if name in graph.constants or any(made is item for item in found):
            continue
        if made is None:
            return None
        found.append(made)
        if made.op_type != "Shape":
            todo.extend(item for item in made.input if item)
        elif made.input[0] not in (node.input[0], node.output[0]):
            return None
    return [item for item in graph.nodes if any(item is other for other in found)]


def _alone(graph, node, computed, chain):
    """Whether nothing else depends on the shape of the full result, which is about to disappear."""
    todo = [reader for reader in graph.consumers(node.output[0]) if reader.op_type == "Shape"]
    while todo:
        reader = todo.pop()
        if any(reader is item for item in chain):
            continue
        if not any(reader is item for item in computed):
            return False
        todo.extend(item for name in reader.output for item in graph.consumers(name))
    return True


def _crops(graph, node, chain, computed):
    """(top, left, bottom, right) that are cut off, the same for all sizes, or None."""
    wanted = list(dict.fromkeys(name for step in chain for name in step.input[1:] if name))
    evaluate = _evaluator(graph, computed, wanted)
    kernel, strides = attribute(node, "kernel_shape"), attribute(node, "strides", [1, 1])
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, attribute(node, "dilations", [1, 1]))]
    channels = graph.constants[node.input[1]].shape[:2] if node.input[1] in graph.constants else None
    found = set()
    for size in _SIZES if channels else ():
        full = [(n - 1) * s + k for n, s, k in zip(size, strides, spans)]
        shapes = {node.input[0]: [2, channels[0], *size], node.output[0]: [2, channels[1], *full]}
        values = evaluate(shapes)
        kept = [np.arange(n) for n in (2, channels[1], *full)]
        for step in chain:
            kept = (_sliced if step.op_type == "Slice" else _padded)(kept, step, values)
        if kept is None or any(len(places) == 0 for places in kept):
            return None
        whole = all(np.array_equal(places, np.arange(n)) for places, n in zip(kept, (2, channels[1])))
        runs = all((np.diff(places) == 1).all() and places[0] >= 0 for places in kept[2:])
        if not (whole and runs):
            return None
        first, last = [places[0] for places in kept[2:]], [places[-1] for places in kept[2:]]
        found.add((*map(int, first), *(int(n - 1 - end) for n, end in zip(full, last))))
    return found.pop() if len(found) == 1 else None


def _evaluator(graph, computed, wanted):
    """A function from the shapes of both tensors to the values of the integers that are wanted."""
    shapes = {item.output[0]: item.input[0] for item in computed if item.op_type == "Shape"}
    nodes = [item for item in computed if item.op_type != "Shape"]
    constants = {
        name: graph.constants[name]
        for name in {*wanted, *(name for item in nodes for name in item.input)}
        if name in graph.constants
    }
    made = [name for name in wanted if name not in constants and name not in shapes]
    integers = lambda names: [helper.make_tensor_value_info(n, onnx.TensorProto.INT64, None) for n in names]
    initializers = [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    proto = helper.make_graph(nodes, "sizes", integers(shapes), integers(made), initializers)
    opset = [helper.make_opsetid("", 18)]
    session = ReferenceEvaluator(helper.make_model(proto, opset_imports=opset)) if made else None

    def evaluate(known):
        given = {name: np.array(known[tensor], np.int64) for name, tensor in shapes.items()}
        found = dict(zip(made, session.run(made, given))) if session else {}
        return {**constants, **given, **found}

    return evaluate


def _sliced(kept, step, values):
    if kept is None:
        return None
    starts, ends = (values[name] for name in step.input[1:3])
    more = [values[name] if name else None for name in step.input[3:5]]
    axes = more[0] if more and more[0] is not None else range(len(starts))
    steps = more[1] if len(more) > 1 and more[1] is not None else [1] * len(starts)
    kept = list(kept)
    for axis, start, end, stride in zip(axes, starts, ends, steps):
        kept[int(axis)] = kept[int(axis)][int(start) : min(int(end), _TO_THE_END) : int(stride)]
    return kept


def _padded(kept, step, values):
    if kept is None or len([name for name in step.input[3:] if name]):
        return None
    pads = values[step.input[1]]
    if (np.asarray(pads) < 0).any():
        return None
    before, after = pads[:4], pads[4:]
    # Places that were appended hold no value of the convolution.
    return [np.pad(places, (int(a), int(b)), constant_values=-1) for places, a, b in zip(kept, before, after)]


def _replace(graph, node, chain, computed, crops):
    others = [item for item in node.attribute if item.name not in ("pads", "auto_pad")]
    del node.attribute[:]
    node.attribute.extend([*others, helper.make_attribute("pads", list(crops))])
    node.output[0] = chain[-1].output[0]
    for step in chain:
        graph.nodes.remove(step)
    for item in reversed(computed):
        if not any(graph.consumers(name) for name in item.output):
            graph.nodes.remove(item)
