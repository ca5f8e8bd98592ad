"""The converted ONNX graph made small and canonical: folding, the 8-bit tail, names.

What remains of a DCGAN generator is its layers: batch normalisation goes into the weights of the layer
before it, a change of memory order after a projection goes into the order of its columns.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kgan._version import __version__

OPSET = 18
FLOAT_TENSOR = "images_float"
_LINEAR = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_POINTWISE = ("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Identity")


def finish(model, *, data_range, image_shape, float_output=False):
    """Turns the converter's model into the bundle's.

    Args:
        model: `onnx.ModelProto` whose only output is the float images `[batch, height, width, channels]`.
        data_range: `(low, high)` of these images.
        image_shape: `(height, width, channels)`.
        float_output: whether `images_float` is an output beside `images`.

    Returns:
        `(model, layout)`: the model with the output `images`, uint8 NHWC, and the memory order, `"NHWC"` or
        `"NCHW"`, of its tensor `images_float`.
    """
    graph = Graph(model.graph)
    changed = True
    while changed:
        changed = _fold_affine(graph) or _fold_memory_order(graph)
    layout = _quantize(graph, data_range, image_shape, float_output)
    return graph.canonical(model, image_shape, float_output), layout


class Graph:
    """Nodes and constants of an ONNX graph, with the look-ups that rewriting needs.

    Args:
        proto: `onnx.GraphProto`; it is not changed.
    """

    def __init__(self, proto):
        self.inputs = [value.name for value in proto.input]
        self.input_values = list(proto.input)
        self.output = proto.output[0].name
        self.nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in proto.node]
        self.constants = {item.name: numpy_helper.to_array(item) for item in proto.initializer}
        self.count = 0

    def consumers(self, tensor):
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def producer(self, tensor):
        """The node that makes a tensor, or None for inputs and constants."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def only_consumer(self, node):
        """The node that alone reads the output of `node`, or None."""
        readers = self.consumers(node.output[0])
        return readers[0] if len(readers) == 1 and node.output[0] != self.output else None

    def constant(self, array, like="constant"):
        """The name of a new constant."""
        self.count += 1
        name = f"kgan_{like}_{self.count}"
        self.constants[name] = np.ascontiguousarray(array)
        return name

    def skip(self, node):
        """Takes a node with one input and one output out of its chain; the node before makes its output."""
        before = self.producer(node.input[0])
        before.output[0] = node.output[0]
        self.nodes.remove(node)

    def canonical(self, model, image_shape, float_output):
        """The model with names that depend on the graph alone: equal weights give equal bytes."""
        names, counts, initializers = {name: name for name in self.inputs}, {}, []
        names.update({"images": "images", FLOAT_TENSOR: FLOAT_TENSOR, "": ""})
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
        outputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", *image_shape])]
        if float_output:
            shape = ["batch", *image_shape]
            outputs.append(helper.make_tensor_value_info(FLOAT_TENSOR, TensorProto.FLOAT, shape))
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
    shape = [dim.dim_value for dim in tensor.shape.dim[1:]]
    return helper.make_tensor_value_info(value.name, tensor.elem_type, ["batch", *shape])


def _attribute(node, name, default=None):
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


# -- y = (W x + b) * scale + shift  is  (W * scale) x + (b * scale + shift)


def _fold_affine(graph):
    """Folds one multiplication or addition by a constant into the linear layer before it."""
    for node in graph.nodes:
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
        return True
    return False


def _linear_before(graph, tensor):
    """The linear layer whose output alone reaches `tensor`, and the reshape between them if there is one."""
    node, reshape = graph.producer(tensor), None
    if node is not None and node.op_type == "Reshape":
        reshape = node
        node = graph.producer(reshape.input[0])
        if node is None or node.op_type not in ("MatMul", "Gemm") or _sample_shape(graph, reshape) is None:
            return None
    if node is None or node.op_type not in _LINEAR or node.input[1] not in graph.constants:
        return None
    for made in (node, reshape):
        if made is not None and graph.only_consumer(made) is None:
            return None
    return node, reshape


def _sample_shape(graph, reshape):
    """The target shape without the batch axis if the reshape keeps that axis, else None."""
    shape = graph.constants.get(reshape.input[1])
    if shape is None or len(shape) < 2 or shape[0] != -1 or (shape[1:] <= 0).any():
        return None
    return [int(n) for n in shape[1:]]


def _channels(graph, linear):
    weight = graph.constants[linear.input[1]]
    if linear.op_type == "ConvTranspose":
        return weight.shape[1] * _attribute(linear, "group", 1)
    if linear.op_type == "Conv":
        return weight.shape[0]
    if weight.ndim != 2 or (linear.op_type == "Gemm" and _attribute(linear, "transB", 0)):
        return None
    return weight.shape[1]


def _per_channel(graph, linear, reshape, constant):
    """`constant` as one number per output channel of `linear`, or None if it is not that."""
    channels = _channels(graph, linear)
    if channels is None:
        return None
    if reshape is not None:
        sample = _sample_shape(graph, reshape)
        shape = (1, *sample)
        if int(np.prod(sample)) != channels:
            return None
    elif linear.op_type in ("Conv", "ConvTranspose"):
        rank = graph.constants[linear.input[1]].ndim
        shape = (1, channels) + (1,) * (rank - 2)
    else:
        shape = (1, channels)
    fits = constant.ndim <= len(shape) and all(
        a in (1, b) for a, b in zip(constant.shape[::-1], shape[::-1])
    )
    return np.broadcast_to(constant, shape).reshape(channels) if fits else None


def _absorb(graph, linear, operation, values):
    weight = graph.constants[linear.input[1]]
    bias = graph.constants[linear.input[2]] if len(linear.input) > 2 and linear.input[2] else None
    if len(linear.input) > 2 and linear.input[2] and bias is None:
        return False
    if operation in ("Mul", "Div"):
        factor = values if operation == "Mul" else 1.0 / values
        scaled = weight * _along_outputs(linear, weight, factor)
        linear.input[1] = graph.constant(scaled.astype(weight.dtype), "weight")
        if bias is not None:
            linear.input[2] = graph.constant((bias * factor).astype(weight.dtype), "bias")
        return True
    if linear.op_type == "MatMul":
        if not _is_matrix(graph, linear.input[0]):
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
        groups = _attribute(linear, "group", 1)
        rows = np.repeat(factor.reshape(groups, -1), weight.shape[0] // groups, axis=0)
        return rows.reshape(*weight.shape[:2], *(1,) * (weight.ndim - 2))
    return factor.reshape(1, -1)


def _is_matrix(graph, tensor):
    """Whether a tensor surely has rank 2: Gemm takes no other."""
    node = graph.producer(tensor)
    while node is not None and node.op_type in _POINTWISE:
        tensor = node.input[0]
        node = graph.producer(tensor)
    if node is None:
        ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in graph.input_values}
        return ranks.get(tensor) == 2
    if node.op_type == "Reshape":
        return len(graph.constants.get(node.input[1], ())) == 2
    if node.op_type in ("Gemm", "Flatten"):
        return True
    return node.op_type == "MatMul" and _is_matrix(graph, node.input[0])


# -- projection, reshape to NHWC, transpose to NCHW: permute the columns of the projection instead


def _fold_memory_order(graph):
    """Folds one transpose after a projection and its reshape into the projection's columns."""
    for transpose in graph.nodes:
        if transpose.op_type != "Transpose":
            continue
        chain = [graph.producer(transpose.input[0])]
        while chain[-1] is not None and chain[-1].op_type in (*_POINTWISE, "Reshape"):
            chain.append(graph.producer(chain[-1].input[0]))
        linear, reshapes = chain[-1], [n for n in chain[:-1] if n is not None and n.op_type == "Reshape"]
        if linear is None or linear.op_type not in ("Gemm", "MatMul") or len(reshapes) != 1:
            continue
        order = list(_attribute(transpose, "perm", ()))
        sample = _sample_shape(graph, reshapes[0])
        weight = graph.constants.get(linear.input[1])
        if sample is None or weight is None or order[:1] != [0] or len(order) != len(sample) + 1:
            continue
        if _channels(graph, linear) != int(np.prod(sample)) or any(graph.only_consumer(n) is None for n in chain):
            continue
        axes = [axis - 1 for axis in order[1:]]
        columns = np.arange(np.prod(sample)).reshape(sample).transpose(axes).reshape(-1)
        linear.input[1] = graph.constant(weight[:, columns], "weight")
        if len(linear.input) > 2:
            linear.input[2] = graph.constant(graph.constants[linear.input[2]][columns], "bias")
        target = np.array([-1, *(sample[axis] for axis in axes)], np.int64)
        reshapes[0].input[1] = graph.constant(target, "shape")
        graph.skip(transpose)
        return True
    return False


# -- the tail


def _quantize(graph, data_range, image_shape, float_output):
    """Appends round((x - low) * 255 / (high - low)) as uint8, before the last change of memory order."""
    low, high = (float(v) for v in data_range)
    height, width, channels = image_shape
    last, layout = graph.producer(graph.output), "NHWC"
    to_nhwc = None
    if last.op_type == "Transpose" and list(_attribute(last, "perm", ())) == [0, 2, 3, 1]:
        to_nhwc = lambda x, y: helper.make_node("Transpose", [x], [y], perm=[0, 2, 3, 1])
    elif last.op_type == "Reshape" and channels == 1 and _is_convolved(graph, last.input[0]):
        shape = graph.constant(np.array([-1, height, width, channels], np.int64), "shape")
        to_nhwc = lambda x, y: helper.make_node("Reshape", [x, shape], [y])
    tensor = graph.output
    if to_nhwc is not None and len(graph.consumers(last.input[0])) == 1:
        # One byte a value moves instead of four.
        layout, tensor = "NCHW", last.input[0]
        graph.nodes.remove(last)
    if float_output and layout == "NCHW":
        graph.nodes.append(to_nhwc(tensor, FLOAT_TENSOR))
        kept, layout_of_float = tensor, "NHWC"
    else:
        for node in graph.nodes:
            node.output[:] = [FLOAT_TENSOR if name == tensor else name for name in node.output]
            node.input[:] = [FLOAT_TENSOR if name == tensor else name for name in node.input]
        kept, layout_of_float = FLOAT_TENSOR, layout
    if low:
        offset = graph.constant(np.float32(-low), "offset")
        graph.nodes.append(helper.make_node("Add", [kept, offset], ["kgan_shifted"]))
        kept = "kgan_shifted"
    scale = graph.constant(np.float32((high - low) / 255.0), "scale")
    zero = graph.constant(np.uint8(0), "zero")
    quantized = "images" if layout == "NHWC" else "kgan_quantized"
    graph.nodes.append(helper.make_node("QuantizeLinear", [kept, scale, zero], [quantized]))
    if layout == "NCHW":
        graph.nodes.append(to_nhwc(quantized, "images"))
    return layout_of_float


def _is_convolved(graph, tensor):
    """Whether a tensor is a convolution's output, through pointwise nodes: then it is NCHW."""
    node = graph.producer(tensor)
    while node is not None and node.op_type in _POINTWISE:
        node = graph.producer(node.input[0])
    return node is not None and node.op_type in ("Conv", "ConvTranspose")
