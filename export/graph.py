"""The converted ONNX graph made small and canonical: folding, the 8-bit tail, names."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kgan._version import __version__
from kgan.export.folding import POINTWISE, attribute, fold
from kgan.export.free_sizes import fold_free_sizes
from kgan.export.instance_norm import fuse_instance_norm
from kgan.export.small_maps import rewrite_small_maps

OPSET = 18
FLOAT_TENSOR = "images_float"


def finish(model, *, data_range, image_shape, float_output=False, weights=None):
    """Turns the converter's model into the bundle's.

    Args:
        model: `onnx.ModelProto` whose only output is the float images `[batch, height, width, channels]`.
        data_range: `(low, high)` of these images.
        image_shape: `(height, width, channels)`.
        float_output: whether `images_float` is an output beside `images`.
        weights: dict of name to array for those inputs of the model that become constants.

    Returns:
        `(model, layout)`: the model with the output `images`, uint8 NHWC, and the memory order, `"NHWC"` or
        `"NCHW"`, of its tensor `images_float`.
    """
    graph = Graph(model.graph, weights or {})
    _order_of_grey_images(graph, image_shape)
    _simplify(graph)
    rewrite_small_maps(graph, model.opset_import)
    layout = _quantize(graph, data_range, image_shape, float_output)
    shape = _named_sides(image_shape)
    outputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)]
    if float_output:
        outputs.append(helper.make_tensor_value_info(FLOAT_TENSOR, TensorProto.FLOAT, shape))
    return graph.canonical(model, outputs, kept=(FLOAT_TENSOR,)), layout


def finish_network(model, outputs, weights=None):
    """Turns the converter's model of any network into one with named outputs.

    Args:
        model: `onnx.ModelProto` with float outputs.
        outputs: list of `(name, shape)` in the order of the model's outputs, shapes without the batch axis.
        weights: dict of name to array for those inputs of the model that become constants.

    Returns:
        The model.
    """
    graph = Graph(model.graph, weights or {})
    # A reader of its own for each output, so that no rule folds it into a node that another one needs.
    readers = [
        helper.make_node("Identity", [value.name], [f"kgan_output_{name}"])
        for value, (name, _) in zip(model.graph.output, outputs, strict=True)
    ]
    graph.nodes.extend(readers)
    _simplify(graph)
    rewrite_small_maps(graph, model.opset_import)
    for reader, (name, _) in zip(readers, outputs):
        if graph.producer(reader.input[0]) is None or reader.input[0] in dict(outputs):
            reader.output[0] = name  # an input, a constant, or one tensor under two names
        else:
            graph.nodes.remove(reader)
            graph.rename(reader.input[0], name)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *s]) for name, s in outputs]
    return graph.canonical(model, values)


def _simplify(graph):
    fold(graph)
    if fold_free_sizes(graph):
        fold(graph)  # biases after the crops
    fuse_instance_norm(graph)


class Graph:
    """Nodes and constants of an ONNX graph, with the look-ups that rewriting needs.

    Args:
        proto: `onnx.GraphProto`; it is not changed.
        weights: dict of name to array for inputs that become constants.
    """

    def __init__(self, proto, weights):
        self.input_values = [value for value in proto.input if value.name not in weights]
        self.output = proto.output[0].name
        self.nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in proto.node]
        self.constants = {item.name: numpy_helper.to_array(item) for item in proto.initializer} | weights
        self.count = 0

    def consumers(self, tensor):
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def producer(self, tensor) -> Any:
        """The node that makes a tensor, or None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def only_consumer(self, node):
        """The node that alone reads the output of `node`, or None."""
        readers = self.consumers(node.output[0])
        return readers[0] if len(readers) == 1 and node.output[0] != self.output else None

    def constant(self, array, like="constant"):
        """The name of a new constant."""
        self.count += 1
        name = f"kgan_folded_{like}_{self.count}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def skip(self, node):
        """Takes a node with one input and one output out of its chain; the node before makes its output."""
        before = self.producer(node.input[0])
        before.output[0] = node.output[0]
        self.nodes.remove(node)

    def replace(self, node, others):
        """Puts other nodes into the place of one; the last of them makes its output."""
        place = next(index for index, item in enumerate(self.nodes) if item is node)
        self.nodes[place : place + 1] = others

    def rename(self, tensor, name):
        """Gives a tensor another name."""
        for node in self.nodes:
            node.output[:] = [name if item == tensor else item for item in node.output]
            node.input[:] = [name if item == tensor else item for item in node.input]

    def canonical(self, model, outputs, kept=()):
        """The model with names that depend on the graph alone: equal weights give equal bytes.

        Args:
            model: the `onnx.ModelProto` that the graph came from.
            outputs: value infos of the outputs.
            kept: names of further tensors that stay.
        """
        names, counts, initializers = {value.name: value.name for value in self.input_values}, {}, []
        names.update({name: name for name in ("", *kept, *(value.name for value in outputs))})
        for node in self.nodes:
            kind = node.op_type.lower()
            counts[kind] = counts.get(kind, 0) + 1
            node.name = f"{kind}_{counts[kind]}"
            for place, tensor in enumerate(node.input):
                if tensor in self.constants and tensor not in names:
                    names[tensor] = f"{node.name}.{place}"
                    array = self.constants[tensor]
                    initializers.append(numpy_helper.from_array(array, names[tensor]))
                node.input[place] = names[tensor]
            for place, tensor in enumerate(node.output):
                names.setdefault(tensor, node.name if place == 0 else f"{node.name}:{place}")
                node.output[place] = names[tensor]
            node.doc_string = ""
            attributes = sorted(node.attribute, key=lambda item: item.name)
            del node.attribute[:]
            node.attribute.extend(attributes)
        inputs = [_with_batch(value) for value in self.input_values]
        graph = helper.make_graph(self.nodes, "generator", inputs, outputs, initializers)
        opsets = [item for item in model.opset_import if any(n.domain == item.domain for n in self.nodes)]
        return helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=model.ir_version,
            producer_name="kgan",
            producer_version=__version__,
        )


def _with_batch(value):
    tensor = value.type.tensor_type
    shape = [dim.dim_value or None for dim in tensor.shape.dim[1:]]
    return helper.make_tensor_value_info(value.name, tensor.elem_type, _named_sides(shape))


def _named_sides(shape):
    """A shape without the batch axis as the graph states it: free sides are called height and width."""
    free = ("height", "width", "channels") if len(shape) == 3 else [f"side_{i}" for i in range(len(shape))]
    return ["batch", *(name if side is None else side for name, side in zip(free, shape))]


def _quantize(graph, data_range, image_shape, float_output):
    """Appends round((x - low) * 255 / (high - low)) as uint8, before a last change of memory order.

    Then one byte of a value moves instead of four.
    """
    low, high = (float(v) for v in data_range)
    last = graph.producer(graph.output)
    reordered = _changes_order(graph, last, image_shape) and len(graph.consumers(last.input[0])) == 1
    tensor = last.input[0] if reordered else graph.output
    if reordered:
        graph.nodes.remove(last)
    if reordered and float_output:
        graph.nodes.append(_copy(last, tensor, FLOAT_TENSOR))
    else:
        graph.rename(tensor, FLOAT_TENSOR)
        tensor = FLOAT_TENSOR
    if low:
        offset = graph.constant(np.float32(-low), "offset")
        graph.nodes.append(helper.make_node("Add", [tensor, offset], ["kgan_shifted"]))
        tensor = "kgan_shifted"
    scale = graph.constant(np.float32((high - low) / 255.0), "scale")
    zero = graph.constant(np.uint8(0), "zero")
    quantized = "kgan_quantized" if reordered else "images"
    graph.nodes.append(helper.make_node("QuantizeLinear", [tensor, scale, zero], [quantized]))
    if reordered:
        graph.nodes.append(_copy(last, quantized, "images"))
    return "NCHW" if reordered and not float_output else "NHWC"


def _order_of_grey_images(graph, image_shape):
    """Gives grey images of free sides a Transpose to NHWC again, in place.

    tf2onnx makes a Reshape to [1, batch, height, width, 1] and a Squeeze of it, and loses the Squeeze where
    the Reshape happens to have the name of the graph's output: the order of its sets decides, at random.
    """
    last = graph.producer(graph.output)
    reshape = graph.producer(last.input[0]) if last is not None and last.op_type == "Squeeze" else last
    if reshape is None or reshape.op_type != "Reshape" or len(image_shape) != 3 or image_shape[2] != 1:
        return
    if graph.constants.get(reshape.input[1], np.zeros(0)).tolist() != [1, -1, 0, 0, 1]:
        return
    if reshape is not last:
        graph.nodes.remove(last)
    moved = helper.make_node("Transpose", [reshape.input[0]], [graph.output], perm=[0, 2, 3, 1])
    graph.replace(reshape, [moved])


def _changes_order(graph, node, image_shape):
    """Whether a node only moves images from NCHW to NHWC; with one channel, that is a reshape."""
    if node.op_type == "Transpose":
        return attribute(node, "perm") == [0, 2, 3, 1]
    before = graph.producer(node.input[0])
    while before is not None and before.op_type in POINTWISE:
        before = graph.producer(before.input[0])
    convolved = before is not None and before.op_type in ("Conv", "ConvTranspose")
    return node.op_type == "Reshape" and image_shape[2] == 1 and convolved


def _copy(node, source, target):
    copy = onnx.NodeProto.FromString(node.SerializeToString())
    copy.input[0], copy.output[0] = source, target
    return copy
