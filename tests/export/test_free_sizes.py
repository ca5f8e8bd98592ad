"""Crops that the converter computes at run time, and instance normalisation: fewer nodes, the same values."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from kgan.export.graph import finish

pytestmark = pytest.mark.once


def model(nodes, constants, channels=3):
    """A model of NCHW images of any size whose float images come out as NHWC."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["x"], perm=[0, 3, 1, 2]),
        *nodes,
        helper.make_node("Transpose", ["y"], ["out"], perm=[0, 2, 3, 1]),
    ]
    free = ["n", "h", "w"]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [*free, channels])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", "a", "b", channels])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def simplified(proto, sizes=((3, 5), (8, 4))):
    """The operations left, after a check that the values are the same."""
    after, _ = finish(proto, data_range=(-1.0, 1.0), image_shape=(None, None, 3), float_output=True)
    onnx.checker.check_model(after, full_check=True)
    for height, width in sizes:
        images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
        (expected,) = run(proto, images, ["out"])
        (found,) = run(after, images, ["images_float"])
        np.testing.assert_allclose(found, expected, atol=1e-5)
    return [node.op_type for node in after.graph.node]


def run(proto, images, names):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(names, {"image": images})


def cropped(ends_of, more=()):
    """A transposed convolution of kernel 3 and stride 2, cut at ends that come from its input's shape."""
    kernel = np.random.default_rng(1).normal(size=(3, 3, 3, 3)).astype("float32")
    constants = {"kernel": kernel, "factor": np.array(ends_of), "first": np.array([2]), "last": np.array([4])}
    constants |= {"zero": np.array([0]), "zeros": np.array([0, 0]), "axes": np.array([2, 3])}
    nodes = [
        helper.make_node("ConvTranspose", ["x", "kernel"], ["full"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Slice", ["shape", "first", "last", "zero"], ["sides"]),
        helper.make_node("Mul", ["sides", "factor"], ["ends"]),
        helper.make_node("Slice", ["full", "zeros", "ends", "axes"], ["cut"]),
        *more,
    ]
    nodes[-1].output[0] = "y"
    return model(nodes, constants)


def test_a_crop_of_the_same_pixels_at_every_size_becomes_padding():
    proto = cropped([2, 2])
    assert simplified(proto).count("Slice") == 0
    after, _ = finish(proto, data_range=(-1.0, 1.0), image_shape=(None, None, 3))
    [node] = [node for node in after.graph.node if node.op_type == "ConvTranspose"]
    assert [list(a.ints) for a in node.attribute if a.name == "pads"] == [[0, 0, 1, 1]]
    assert "Shape" not in [node.op_type for node in after.graph.node]


def test_a_crop_that_depends_on_the_size_stays():
    operations = simplified(cropped([1, 2]))
    assert operations.count("Slice") == 2
    assert "Shape" in operations


def test_appended_zeros_that_remain_stay():
    pads = numpy_helper.from_array(np.array([0, 0, 0, 0, 0, 0, 1, 1]))
    more = [
        helper.make_node("Constant", [], ["pads"], value=pads),
        helper.make_node("Pad", ["cut", "pads"], ["y"]),
    ]
    assert "Pad" in simplified(cropped([2, 2], more))


def test_a_full_result_whose_shape_is_needed_elsewhere_stays():
    # y is scaled by a number that is computed from the shape of the full result.
    more = [
        helper.make_node("Shape", ["full"], ["full_shape"]),
        helper.make_node("Slice", ["full_shape", "first", "last", "zero"], ["full_sides"]),
        helper.make_node("Cast", ["full_sides"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["floats"], ["largest"], keepdims=0),
        helper.make_node("Div", ["cut", "largest"], ["y"]),
    ]
    assert simplified(cropped([2, 2], more)).count("Shape") == 2


def normalised(variance_axes=(2, 3)):
    kernel = np.random.default_rng(1).normal(size=(3, 3, 1, 1)).astype("float32")
    constants = {"kernel": kernel, "axes": np.array([2, 3]), "others": np.array(variance_axes)}
    constants |= {"epsilon": np.float32(0.01), "shape": np.array([-1, 3, 1, 1])}
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("ReduceMean", ["c", "axes"], ["m"], keepdims=1),
        helper.make_node("Reshape", ["m", "shape"], ["mean"]),
        helper.make_node("Sub", ["c", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "centred"], ["square"]),
        helper.make_node("ReduceMean", ["square", "others"], ["variance"], keepdims=1),
        helper.make_node("Add", ["variance", "epsilon"], ["sum"]),
        helper.make_node("Sqrt", ["sum"], ["root"]),
        helper.make_node("Reciprocal", ["root"], ["factor"]),
        helper.make_node("Mul", ["centred", "factor"], ["y"]),
    ]
    return model(nodes, constants)


def test_instance_normalisation_is_one_node():
    operations = simplified(normalised())
    assert "InstanceNormalization" in operations
    assert "ReduceMean" not in operations


def test_other_normalisations_stay():
    operations = simplified(normalised(variance_axes=(3,)))
    assert "InstanceNormalization" not in operations
