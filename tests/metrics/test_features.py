"""Feature networks: files, Keras models, those that ship, and what cannot be used."""

import hashlib

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from kgan.errors import DataError, KganError, UsageError
from kgan.metrics import (
    InceptionV3,
    KerasFeatures,
    ONNXFeatures,
    open_network,
    shipped_network,
    shipped_networks,
)
from kgan.metrics.features import NETWORKS, default_network

L = keras.layers


def write(path, channels=3, size=("h", "w"), outputs=("features", "logits"), scale=1.0):
    """An ONNX file whose features are the mean of each channel, and whose logits are twice these."""
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], [outputs[0]]),
    ]
    constants = {"axes": np.array([1, 2]), "scale": np.float32(scale), "two": np.float32(2)}
    if len(outputs) > 1:
        nodes.append(helper.make_node("Mul", [outputs[0], "two"], [outputs[1]]))
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", *size, channels])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels]) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, path)
    return path


def images(n=3, side=20, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


@pytest.mark.once
class TestONNX:
    def test_features_and_logits_of_images_resized_by_pil(self, tmp_path):
        path = write(tmp_path / "net.onnx")
        network, x = ONNXFeatures(path, size=64), images()
        made = network(x)
        resized = [np.asarray(Image.fromarray(i).resize((64, 64), Image.Resampling.BILINEAR)) for i in x]
        expected = np.stack(resized).astype(float).mean(axis=(1, 2))
        np.testing.assert_allclose(made["features"], expected, rtol=1e-5)
        np.testing.assert_allclose(made["logits"], 2 * expected, rtol=1e-5)
        assert (network.name, network.size, network.channels) == ("net", (64, 64), 3)
        assert network.digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert network.resize == "PIL bilinear"
        assert ONNXFeatures(path).size == (128, 128)

    def test_grey_becomes_rgb(self, tmp_path):
        network, grey = ONNXFeatures(write(tmp_path / "net.onnx"), size=20), images(channels=1)
        np.testing.assert_array_equal(network(grey)["features"], network(grey.repeat(3, -1))["features"])

    def test_a_size_that_the_file_fixes(self, tmp_path):
        path = write(tmp_path / "net.onnx", size=(20, 16))
        assert ONNXFeatures(path).size == (20, 16)
        with pytest.raises(UsageError, match=r"size must be 20x16 for net.onnx, got 32x32"):
            ONNXFeatures(path, size=32)

    def test_a_missing_output_names_those_that_are_there(self, tmp_path):
        path = write(tmp_path / "net.onnx", outputs=("pool", "scores"))
        with pytest.raises(
            UsageError, match=r"net.onnx must have the output 'features', it has pool, scores"
        ):
            ONNXFeatures(path)
        assert ONNXFeatures(path, output="pool").outputs == {"features"}
        assert ONNXFeatures(path, output="pool", logits="scores").outputs == {"features", "logits"}

    def test_colour_is_no_grey(self, tmp_path):
        network = ONNXFeatures(write(tmp_path / "net.onnx", channels=1))
        with pytest.raises(DataError, match="images must have 1 channel for the network net, got 3"):
            network(images())

    def test_features_must_be_finite(self, tmp_path):
        network = ONNXFeatures(write(tmp_path / "net.onnx", scale=np.inf), size=20)
        with pytest.raises(DataError, match="features of net must be finite, got NaN or infinity in row 0"):
            network(images())

    def test_damaged_and_absent_files(self, tmp_path):
        path = write(tmp_path / "net.onnx")
        path.write_bytes(path.read_bytes()[:40])
        with pytest.raises(DataError, match=r"^onnxruntime cannot load net.onnx: [^\n]*$"):
            ONNXFeatures(path)
        with pytest.raises(UsageError, match="found no"):
            ONNXFeatures(tmp_path / "no.onnx")

    @pytest.mark.parametrize("channels", [2, 5])
    def test_other_inputs(self, tmp_path, channels):
        with pytest.raises(UsageError, match="must take images of 1 or 3 channels in NHWC"):
            ONNXFeatures(write(tmp_path / "net.onnx", channels=channels))

    def test_names_on_the_command_line(self, tmp_path):
        assert open_network("mnist").name == "mnist"
        assert open_network(str(write(tmp_path / "net.onnx")), size=64).size == (64, 64)
        with pytest.raises(UsageError, match=r"one of fashion_mnist, mnist, inception_v3_keras or an .onnx"):
            open_network("vgg")


@pytest.mark.once
class TestShipped:
    def test_both_are_there_and_small(self):
        assert shipped_networks() == ["fashion_mnist", "mnist"]
        assert sum(path.stat().st_size for path in NETWORKS.iterdir()) <= 2e6

    def test_default_for_28x28_grey_images_only(self):
        assert default_network((28, 28, 1)).name == "fashion_mnist"
        with pytest.raises(
            UsageError, match="an extractor must be named for images other than 28x28x1, got 32x32x3"
        ):
            default_network((32, 32, 3))
        with pytest.raises(UsageError, match="one of fashion_mnist, mnist, got 'cifar'"):
            shipped_network("cifar")

    def test_they_know_the_classes_of_the_images_that_ship(self):
        from kgan.data import load_images
        from kgan.recipes import FASHION_MNIST_MINI

        data = load_images(FASHION_MNIST_MINI, "test", label="label", batch_size=1)
        made = shipped_network()(data.uint8(np.arange(1000)))
        assert made["features"].shape == (1000, 128)
        assert np.mean(made["logits"].argmax(1) == data.labels) > 0.9

    @pytest.mark.shared_data
    @pytest.mark.parametrize(("name", "least"), [("fashion_mnist", 0.92), ("mnist", 0.992)])
    def test_accuracy_on_all_test_images(self, shared, name, least):
        from kgan.data import load_images

        data = load_images(shared / "data" / name, "test", label="label", batch_size=1)
        network = shipped_network(name)
        right = 0
        for start in range(0, 10_000, 500):
            rows = np.arange(start, start + 500)
            right += int(np.sum(network(data.uint8(rows))["logits"].argmax(1) == data.labels[rows]))
        assert right / 10_000 >= least


class TestKeras:
    def model(self):
        keras.utils.set_random_seed(0)
        layers = [
            keras.Input((10, 10, 1)),
            L.Conv2D(4, 3, name="maps"),
            L.Flatten(),
            L.Dense(3, name="logits"),
        ]
        return keras.Sequential(layers, name="small")

    def test_a_layer_and_the_logits(self):
        model, x = self.model(), images(5, 10, 1)
        network = KerasFeatures(model, "maps", logits="logits", input_range=(-1, 1))
        made = network(x)
        inputs = x.astype("float32") / 127.5 - 1
        maps = keras.ops.convert_to_numpy(model.get_layer("maps")(inputs))
        np.testing.assert_allclose(made["features"], maps.mean(axis=(1, 2)), atol=1e-5)
        np.testing.assert_allclose(made["logits"], model.predict(inputs, verbose=0), atol=1e-5)
        assert (network.name, network.size, network.output) == ("small", (10, 10), "maps")

    def test_the_digest_is_that_of_the_weights(self):
        model = self.model()
        digest = KerasFeatures(model).digest
        assert digest == KerasFeatures(self.model()).digest
        model.layers[-1].bias.assign([1.0, 0.0, 0.0])
        assert KerasFeatures(model).digest != digest

    def test_rules(self):
        with pytest.raises(UsageError, match=r"layer must be one of maps, .*, logits, got 'pool'"):
            KerasFeatures(self.model(), "pool")
        with pytest.raises(UsageError, match="input_range must be"):
            KerasFeatures(self.model(), input_range=(1, 0))
        open_sized = keras.Sequential([keras.Input((None, None, 3)), L.Conv2D(2, 1)])
        with pytest.raises(UsageError, match="size must be given"):
            KerasFeatures(open_sized)
        assert KerasFeatures(open_sized, size=32)(images())["features"].shape == (3, 2)

    def test_inception_says_why_its_weights_cannot_be_had(self, monkeypatch):
        def unreachable(**options):
            raise OSError("URL fetch failure: no network\nmore")

        monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
        with pytest.raises(KganError, match=r"cannot be had: URL fetch failure: no network; pass another"):
            InceptionV3()

    def test_inception_is_not_called_the_network_of_the_papers(self, monkeypatch):
        def small(weights, classifier_activation):
            assert (weights, classifier_activation) == ("imagenet", None)
            x = keras.Input((None, None, 3))
            pooled = L.GlobalAveragePooling2D(name="avg_pool")(x)
            return keras.Model(x, L.Dense(4, name="predictions")(pooled))

        monkeypatch.setattr(keras.applications, "InceptionV3", small)
        network = InceptionV3()
        assert (network.name, network.size, network.low) == ("inception_v3_keras", (299, 299), -1.0)
        assert network.outputs == {"features", "logits"}


@pytest.mark.once
@pytest.mark.shared_data
def test_the_distance_of_two_parts_of_fashion_mnist_is_the_published_one(shared):
    from kgan.data import load_images
    from kgan.metrics import evaluate

    network = ONNXFeatures(shared / "models" / "efficientnet_lite0.onnx", size=64)
    data = load_images(shared / "data" / "fashion_mnist", "train[:7000]", batch_size=1)
    parts = [data.uint8(np.arange(first, first + 2000)) for first in (0, 5000)]
    [result] = evaluate(*parts, ["fid"], extractor=network)
    assert result.name == "fid[efficientnet_lite0]"
    # 161 in the description of the data and networks.
    assert result.value == pytest.approx(161, abs=1)
