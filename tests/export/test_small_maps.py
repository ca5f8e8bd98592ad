"""Transposed convolutions of small maps are rewritten without a change of value, the others left alone."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kgan.export.graph import finish

pytestmark = pytest.mark.once
FOUR = ["Conv"] * 4 + ["Concat", "DepthToSpace"]


def converted(start, shape, kernel, out, *, bias=True, **attributes):
    """The model before and the nodes after, of which the images were compared."""
    rng = np.random.default_rng(0)
    constants = {"k": rng.standard_normal(kernel).astype("float32"), "s": np.array([-1, *shape])}
    if bias:
        constants["b"] = rng.standard_normal(kernel[1] * attributes.get("group", 1)).astype("float32")
    attributes = {"strides": [2, 2], **attributes}
    nodes = [
        helper.make_node("Reshape", ["x", "s"], ["a"]),
        helper.make_node("ConvTranspose", ["a", "k", *(["b"] if bias else [])], ["c"], **attributes),
        helper.make_node("Transpose", ["c"], ["y"], perm=[0, 2, 3, 1]),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *start])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *out])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    after, _ = finish(before, data_range=(-1.0, 1.0), image_shape=out, float_output=True)
    onnx.checker.check_model(after, full_check=True)
    x = rng.standard_normal((3, *start)).astype("float32")
    made, expected = (
        onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            [output], {"x": x}
        )[0]
        for m, output in ((after, "images_float"), (before, "y"))
    )
    assert expected.shape == (3, *out)
    np.testing.assert_allclose(made, expected, atol=1e-4)
    return [node.op_type for node in after.graph.node][:-4]


@pytest.mark.parametrize(
    ("size", "pads", "extra"),
    [
        (4, [1, 1, 1, 1], [0, 0]),
        (2, [0, 0, 0, 0], [0, 0]),
        (3, [0, 0, 1, 1], [0, 0]),
        (3, [1, 1, 0, 0], [0, 0]),
        (3, [1, 1, 1, 1], [1, 1]),
        (5, [2, 2, 2, 2], [1, 1]),
        (5, [2, 1, 1, 2], [0, 0]),
        (6, [2, 2, 2, 2], [0, 0]),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
def test_doubling_of_a_small_map(size, pads, extra, bias):
    nodes = converted(
        (3 * 5 * 7,),
        (3, 5, 7),
        (3, 16, size, size),
        (10, 14, 16),
        bias=bias,
        pads=pads,
        output_padding=extra,
    )
    assert nodes == ["Reshape", *FOUR]


@pytest.mark.parametrize(
    ("shape", "kernel", "out", "attributes"),
    [
        ((3, 10, 10), (3, 16, 4, 4), (20, 20, 16), {"pads": [1, 1, 1, 1]}),  # a larger map
        ((3, 4, 4), (3, 16, 4, 4), (8, 8, 16), {"pads": [1, 1, 1, 1]}),  # a smaller one
        ((3, 7, 7), (3, 15, 4, 4), (14, 14, 15), {"pads": [1, 1, 1, 1]}),  # few channels
        ((3, 7, 7), (3, 16, 4, 4), (16, 16, 16), {}),  # not twice as large
        ((3, 7, 7), (3, 16, 3, 3), (7, 7, 16), {"pads": [1, 1, 1, 1], "strides": [1, 1]}),
        ((4, 7, 7), (4, 16, 4, 4), (14, 14, 32), {"pads": [1, 1, 1, 1], "group": 2}),
        ((3, 7, 7), (3, 16, 2, 2), (14, 14, 16), {"pads": [1, 1, 0, 0], "output_padding": [1, 1]}),
    ],
)
def test_left_alone(shape, kernel, out, attributes):
    nodes = converted((int(np.prod(shape)),), shape, kernel, out, **attributes)
    assert nodes == ["Reshape", "ConvTranspose"]


@pytest.mark.parametrize(("bias", "projection"), [(True, "Gemm"), (False, "MatMul")])
def test_map_of_one_pixel(bias, projection):
    nodes = converted((6,), (6, 1, 1), (6, 3, 4, 5), (4, 5, 3), bias=bias, strides=[1, 1])
    assert nodes == [projection, "Reshape"]
