"""Exact rewriting of transposed convolutions of small maps, which onnxruntime computes slowly on CPUs.

onnxruntime multiplies one matrix per image, with a column for each pixel of the input. Few columns leave
most of its kernel idle. A 1x1 map is a projection, done better for the whole batch at once: 0.7 of the time
at batch 1, 0.3 at batch 64 (AMD EPYC). From 5x5 to 9x9 pixels four plain convolutions, one for each parity of
the output's row and column, take 0.65 to 0.95. Other maps stay: 4x4 gains at batch 64 (0.8) and loses at
batch 1 (1.06), larger ones gain little, and few output channels lose much.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, shape_inference

from kgan.export.folding import attribute, is_matrix, set_attribute

_PIXELS = range(25, 82)
_CHANNELS = 16


def rewrite_small_maps(graph, opsets):
    """Rewrites the transposed convolutions of small maps of a `kgan.export.graph.Graph` in place."""
    for node in list(graph.nodes):
        if node.op_type == "ConvTranspose" and node.input[1] in graph.constants:
            _as_projection(graph, node)
    shapes = _shapes(graph, opsets)
    for node in list(graph.nodes):
        if node.op_type == "ConvTranspose" and node.input[1] in graph.constants:
            _as_four_convolutions(graph, node, shapes.get(node.input[0], ()))


def _shapes(graph, opsets):
    """The shape of every tensor, as far as it is known, the batch axis as 0."""
    # Large constants stand for themselves by their shape.
    values = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in graph.constants.items()
        if array.size > 64
    ]
    small = [
        onnx.numpy_helper.from_array(array, name)
        for name, array in graph.constants.items()
        if array.size <= 64
    ]
    output = helper.make_tensor_value_info(graph.output, TensorProto.FLOAT, None)
    proto = helper.make_graph(graph.nodes, "shapes", [*graph.input_values, *values], [output], small)
    inferred = shape_inference.infer_shapes(helper.make_model(proto, opset_imports=opsets))
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*inferred.graph.value_info, *inferred.graph.input]
    }


def _as_projection(graph, node):
    """A transposed convolution of a 1x1 map, without padding: every output pixel is a linear function."""
    reshape = graph.producer(node.input[0])
    if reshape is None or reshape.op_type != "Reshape" or not is_matrix(graph, reshape.input[0]):
        return
    weight = graph.constants[node.input[1]]
    target = graph.constants.get(reshape.input[1])
    plain = not any([*attribute(node, "pads", [0]), *attribute(node, "output_padding", [0])])
    if target is None or list(target) != [-1, weight.shape[0], 1, 1] or not plain or not _ungrouped(node):
        return
    if graph.only_consumer(reshape) is None:
        return
    channels, pixels = weight.shape[1], weight.shape[2] * weight.shape[3]
    inputs = [reshape.input[0], graph.constant(weight.reshape(weight.shape[0], -1), "weight")]
    if len(node.input) > 2:
        inputs.append(graph.constant(np.repeat(graph.constants[node.input[2]], pixels), "bias"))
    projected = f"{node.output[0]}_projected"
    projection = helper.make_node("Gemm" if len(inputs) > 2 else "MatMul", inputs, [projected])
    shape = graph.constant(np.array([-1, channels, *weight.shape[2:]], np.int64), "shape")
    graph.nodes.remove(reshape)
    graph.replace(node, [projection, helper.make_node("Reshape", [projected, shape], list(node.output))])


def _ungrouped(node):
    return attribute(node, "group", 1) == 1 and set(attribute(node, "dilations", [1])) == {1}


def _as_four_convolutions(graph, node, shape):
    weight = graph.constants[node.input[1]]
    if len(shape) != 4 or shape[2] * shape[3] not in _PIXELS or weight.shape[1] < _CHANNELS:
        return
    if attribute(node, "strides") != [2, 2] or not _ungrouped(node) or attribute(node, "output_shape"):
        return
    pads, extra = attribute(node, "pads", [0] * 4), attribute(node, "output_padding", [0, 0])
    axes = [_parities(weight.shape[2 + axis], pads[axis], pads[2 + axis], extra[axis]) for axis in (0, 1)]
    if None in axes:
        return
    nodes, parts = [], []
    for rows, top, bottom in axes[0]:
        for columns, left, right in axes[1]:
            kernel = weight[:, :, rows][:, :, :, columns].swapaxes(0, 1)
            inputs = [node.input[0], graph.constant(kernel, "weight"), *node.input[2:]]
            parts.append(f"{node.output[0]}_{len(parts)}")
            convolution = helper.make_node("Conv", inputs, [parts[-1]])
            set_attribute(convolution, "kernel_shape", list(kernel.shape[2:]))
            set_attribute(convolution, "pads", [top, left, bottom, right])
            nodes.append(convolution)
    joined = f"{node.output[0]}_joined"
    nodes.append(helper.make_node("Concat", parts, [joined], axis=1))
    nodes.append(helper.make_node("DepthToSpace", [joined], list(node.output), blocksize=2, mode="DCR"))
    graph.replace(node, nodes)


def _parities(kernel, before, after, extra):
    """For even and odd outputs of one axis: the kernel's taps and the padding of their convolution.

    Output 2 m + r is the sum over taps k with r + before - k even of x[m + (r + before - k) / 2] w[k].
    None if the output is not twice as long as the input, or a padding would be negative.
    """
    if kernel + extra - before - after != 2:
        return None
    found = []
    for parity in (0, 1):
        taps = [tap for tap in reversed(range(kernel)) if (parity + before - tap) % 2 == 0]
        shifts = [(parity + before - tap) // 2 for tap in taps]
        if not taps or shifts[0] > 0 or shifts[-1] < 0:
            return None
        found.append((taps, -shifts[0], shifts[-1]))
    return found
