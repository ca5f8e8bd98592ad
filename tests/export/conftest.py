"""A small bundle made by hand, so that most tests of bundles need no converter."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kgan import latents
from kgan.export.card import model_card
from kgan.export.graph import finish
from kgan.export.manifest import write_manifest
from kgan.types import Input

SHAPE = (4, 5, 1)
INPUTS = (
    Input("z", (3,), description="latent noise"),
    Input("label", (), "int32", "label", "garment", num_classes=2),
)


def _weights():
    rng = np.random.default_rng(1)
    return rng.standard_normal((2, 3)).astype("float32"), rng.standard_normal((3, 20)).astype("float32")


def keras_like(values):
    """What the graph below computes, in numpy."""
    embedding, kernel = _weights()
    return np.tanh((values["z"] + embedding[values["label"]]) @ kernel).reshape(-1, *SHAPE)


def _model():
    embedding, kernel = _weights()
    constants = {"embedding": embedding, "kernel": kernel, "shape": np.array([-1, *SHAPE])}
    nodes = [
        helper.make_node("Gather", ["embedding", "label"], ["e"]),
        helper.make_node("Add", ["z", "e"], ["a"]),
        helper.make_node("MatMul", ["a", "kernel"], ["m"]),
        helper.make_node("Tanh", ["m"], ["t"]),
        helper.make_node("Reshape", ["t", "shape"], ["x"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [
            helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("label", TensorProto.INT32, ["n"]),
        ],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *SHAPE])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return finish(model, data_range=(-1.0, 1.0), image_shape=SHAPE)


@pytest.fixture
def bundle(tmp_path):
    """A bundle with two inputs, one of them a label, and ONNX only."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    model, layout = _model()
    onnx.checker.check_model(model, full_check=True)
    (folder / "generator.onnx").write_bytes(model.SerializeToString())
    values = latents.draw(INPUTS, 8, seed=0)
    arrays = {f"input_{name}": value for name, value in values.items()}
    np.savez(folder / "reference.npz", images_float=keras_like(values), **arrays)
    content = {
        "system": "Handmade",
        "preset": None,
        "recipe": None,
        "backend": "numpy",
        "inputs": [{**vars(spec), "shape": list(spec.shape)} for spec in INPUTS],
        "labels": ["shirt", "boot"],
        "image_shape": list(SHAPE),
        "data_range": [-1.0, 1.0],
        "formats": ["onnx"],
        "parameters": 66,
        "outputs": [{"name": "images"}],
        "onnx": {"opset": 18, "nodes": len(model.graph.node), "float_layout": layout},
        "versions": {"kgan": "0"},
        "verification": {
            "batch_sizes": [1, 7],
            "tolerance": {"float": 1e-4, "uint8": 1},
            "largest_error": {"onnx": {"float": 0.0, "uint8": 0}},
        },
    }
    (folder / "README.md").write_text(model_card(content), encoding="utf-8")
    write_manifest(folder, content)
    return folder
