"""Folding keeps the values and leaves the layers alone; the 8-bit tail rounds as `to_uint8`."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kgan.export.graph import finish
from kgan.types import to_uint8

pytestmark = pytest.mark.once
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype("float32")


def model(nodes, constants, shape_in, shape_out):
    graph = helper.make_graph(
        [helper.make_node(op, inputs, [output], **attributes) for op, inputs, output, attributes in nodes],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape_in])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *shape_out])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(proto, x, output):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([output], {"x": x})[0]


def finished_nodes(proto, shape_in, shape_out, **options):
    """The folded graph's operations; its float images are compared with those of the graph before."""
    folded, _ = finish(proto, data_range=(-1.0, 1.0), image_shape=shape_out, float_output=True, **options)
    onnx.checker.check_model(folded, full_check=True)
    x = normal(5, *shape_in)
    np.testing.assert_allclose(run(folded, x, "images_float"), run(proto, x, "y"), atol=2e-5)
    return [node.op_type for node in folded.graph.node]


def test_projection_with_batch_norm_and_memory_order():
    nodes = [
        ("MatMul", ["x", "w"], "a", {}),
        ("Mul", ["a", "scale"], "b", {}),
        ("Add", ["shift", "b"], "c", {}),
        ("Relu", ["c"], "d", {}),
        ("Reshape", ["d", "shape"], "e", {}),
        ("Transpose", ["e"], "f", {"perm": [0, 3, 1, 2]}),
        ("ConvTranspose", ["f", "k"], "g", {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("Mul", ["g", "scale2"], "h", {}),
        ("Sub", ["h", "shift2"], "i", {}),
        ("Transpose", ["i"], "y", {"perm": [0, 2, 3, 1]}),
    ]
    constants = {
        "w": normal(6, 24),
        "scale": normal(24),
        "shift": normal(24),
        "shape": [-1, 2, 3, 4],
        "k": normal(4, 3, 4, 4),
        "scale2": normal(1, 3, 1, 1),
        "shift2": normal(3, 1, 1),
    }
    kept = finished_nodes(model(nodes, constants, (6,), (4, 6, 3)), (6,), (4, 6, 3))
    tail = ["Transpose", "Add", "QuantizeLinear", "Transpose"]
    assert kept == ["Gemm", "Relu", "Reshape", "ConvTranspose", *tail]


def test_batch_norm_after_the_reshape_of_a_projection():
    nodes = [
        ("MatMul", ["x", "w"], "a", {}),
        ("Reshape", ["a", "shape"], "b", {}),
        ("Mul", ["b", "scale"], "c", {}),
        ("Div", ["c", "two"], "y", {}),
    ]
    constants = {"w": normal(6, 24), "shape": [-1, 2, 4, 3], "scale": normal(3), "two": np.float32(2)}
    kept = finished_nodes(model(nodes, constants, (6,), (2, 4, 3)), (6,), (2, 4, 3))
    assert kept == ["MatMul", "Reshape", "Add", "QuantizeLinear"]


@pytest.mark.parametrize(
    ("op", "kernel", "groups", "extra"),
    [
        ("Conv", (6, 2, 3, 3), 2, {"pads": [1, 1, 1, 1]}),
        ("ConvTranspose", (4, 3, 3, 3), 2, {"pads": [1, 1, 1, 1]}),
        ("Conv", (6, 4, 1, 1), 1, {}),
    ],
)
def test_grouped_convolutions_with_a_bias(op, kernel, groups, extra):
    nodes = [
        (op, ["x", "k", "b"], "a", {"group": groups, **extra}),
        ("Mul", ["a", "scale"], "c", {}),
        ("Add", ["c", "shift"], "d", {}),
        ("Transpose", ["d"], "y", {"perm": [0, 2, 3, 1]}),
    ]
    constants = {"k": normal(*kernel), "b": normal(6), "scale": normal(1, 6, 1, 1), "shift": normal(6, 1, 1)}
    kept = finished_nodes(model(nodes, constants, (4, 5, 5), (5, 5, 6)), (4, 5, 5), (5, 5, 6))
    assert kept[0] == op
    assert "Mul" not in kept


def test_crop_and_negative_padding():
    nodes = [
        # 2 * (n - 1) + 5 + 1 pixels, of which 2 are cropped from each side.
        ("ConvTranspose", ["x", "k"], "a", {"strides": [2, 2], "output_padding": [1, 1]}),
        ("Slice", ["a", "starts", "ends", "axes"], "b", {}),
        ("Transpose", ["b"], "y", {"perm": [0, 2, 3, 1]}),
    ]
    constants = {"k": normal(2, 3, 5, 5), "starts": [2, 2], "ends": [-2, -2], "axes": [2, 3]}
    proto = model(nodes, constants, (2, 4, 4), (8, 8, 3))
    assert finished_nodes(proto, (2, 4, 4), (8, 8, 3))[:2] == ["ConvTranspose", "Transpose"]
    # The converter writes output padding as negative padding, which only the folded graph may not have.
    converted = onnx.ModelProto.FromString(proto.SerializeToString())
    convolution = converted.graph.node[0]
    del convolution.attribute[:]
    convolution.attribute.extend(
        [helper.make_attribute("strides", [2, 2]), helper.make_attribute("pads", [0, 0, -1, -1])]
    )
    folded, _ = finish(converted, data_range=(-1.0, 1.0), image_shape=(8, 8, 3), float_output=True)
    onnx.checker.check_model(folded, full_check=True)
    x = normal(2, 2, 4, 4)
    np.testing.assert_allclose(run(folded, x, "images_float"), run(proto, x, "y"), atol=1e-5)


def test_weights_given_apart_are_folded_too():
    nodes = [
        ("Transpose", ["kgan_weight_0"], "w", {"perm": [1, 0]}),
        ("MatMul", ["x", "w"], "a", {}),
        ("Mul", ["a", "scale"], "b", {}),
        ("Reshape", ["b", "shape"], "y", {}),
    ]
    weight = normal(12, 6)
    constants = {"scale": normal(12), "shape": [-1, 2, 2, 3]}
    whole = model(nodes, {**constants, "kgan_weight_0": weight}, (6,), (2, 2, 3))
    apart = model(nodes, constants, (6,), (2, 2, 3))
    apart.graph.input.append(helper.make_tensor_value_info("kgan_weight_0", TensorProto.FLOAT, [12, 6]))
    options = {"data_range": (-1.0, 1.0), "image_shape": (2, 2, 3)}
    folded, _ = finish(apart, **options, weights={"kgan_weight_0": weight})
    assert folded == finish(whole, **options)[0]
    assert [node.op_type for node in folded.graph.node] == ["MatMul", "Reshape", "Add", "QuantizeLinear"]


def test_what_is_read_twice_is_not_folded():
    nodes = [
        ("MatMul", ["x", "w"], "a", {}),
        ("Mul", ["a", "scale"], "b", {}),
        ("Add", ["a", "b"], "c", {}),
        ("Reshape", ["c", "shape"], "y", {}),
    ]
    constants = {"w": normal(6, 12), "scale": normal(12), "shape": [-1, 2, 2, 3]}
    kept = finished_nodes(model(nodes, constants, (6,), (2, 2, 3)), (6,), (2, 2, 3))
    assert kept[:3] == ["MatMul", "Mul", "Add"]


def test_a_bias_per_pixel_is_not_folded_into_a_convolution():
    nodes = [
        ("Conv", ["x", "k"], "a", {}),
        ("Add", ["a", "noise"], "b", {}),
        ("Transpose", ["b"], "y", {"perm": [0, 2, 3, 1]}),
    ]
    constants = {"k": normal(3, 2, 1, 1), "noise": normal(1, 1, 4, 4)}
    kept = finished_nodes(model(nodes, constants, (2, 4, 4), (4, 4, 3)), (2, 4, 4), (4, 4, 3))
    assert kept[:2] == ["Conv", "Add"]


@pytest.mark.parametrize("data_range", [(-1.0, 1.0), (0.0, 1.0), (-3.0, 1.0)])
def test_rounding(data_range):
    nodes = [("Reshape", ["x", "shape"], "y", {})]
    proto, layout = finish(
        model(nodes, {"shape": [-1, 1, 1, 3]}, (3,), (1, 1, 3)), data_range=data_range, image_shape=(1, 1, 3)
    )
    assert layout == "NHWC"
    rng = np.random.default_rng(7)  # its own: these numbers do not depend on the tests before
    x = rng.uniform(data_range[0] - 0.5, data_range[1] + 0.5, (4000, 3)).astype("float32")
    x[:2] = [data_range[0]] * 3, [data_range[1]] * 3
    images = run(proto, x, "images").reshape(-1, 3)
    assert images.dtype == np.uint8
    # Values halfway between two levels may go either way; none of the random ones is.
    np.testing.assert_array_equal(images, to_uint8(x, data_range))


def test_names_depend_on_the_graph_alone():
    def named(prefix):
        nodes = [
            ("Conv", ["x", f"{prefix}k"], f"{prefix}a", {"strides": [1, 1], "group": 1}),
            ("Tanh", [f"{prefix}a"], f"{prefix}t", {}),
            ("Transpose", [f"{prefix}t"], "y", {"perm": [0, 2, 3, 1]}),
        ]
        constants = {f"{prefix}k": np.ones((3, 2, 1, 1), "float32")}
        proto = model(nodes, constants, (2, 4, 4), (4, 4, 3))
        return finish(proto, data_range=(-1.0, 1.0), image_shape=(4, 4, 3))[0]

    assert named("sequential_1/").SerializeToString() == named("other_7/").SerializeToString()
    inputs, outputs = named("a").graph.input, named("a").graph.output
    assert [dim.dim_param or dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim] == [
        "batch",
        2,
        4,
        4,
    ]
    assert [value.name for value in outputs] == ["images"]


@pytest.mark.parametrize("squeezed", [True, False])
def test_grey_images_of_free_sides_get_their_order_back(squeezed):
    """As tf2onnx leaves them, with the Squeeze that it loses now and then."""
    nodes = [("Relu", ["x"], "r", {}), ("Reshape", ["r", "shape"], "s" if squeezed else "y", {})]
    nodes += [("Squeeze", ["s", "first"], "y", {})] if squeezed else []
    constants = {"shape": np.array([1, -1, 0, 0, 1]), "first": np.array([0])}
    proto = model(nodes, constants, [1, None, None], [None, None, 1])
    made, _ = finish(proto, data_range=(0.0, 1.0), image_shape=(None, None, 1), float_output=True)
    onnx.checker.check_model(made, full_check=True)
    x = normal(3, 1, 4, 6)
    np.testing.assert_array_equal(run(made, x, "images_float")[..., 0], np.maximum(x[:, 0], 0.0))
