"""Any network as one verified ONNX file, from the backend of this run."""

import keras
import numpy as np
import onnxruntime
import pytest

from kgan.errors import BundleError, UsageError
from kgan.export import export_network
from kgan.export import network as network_module

L = keras.layers


def classifier():
    """Features and logits of small grey images, in the range [0, 255]; the features are read twice."""
    keras.utils.set_random_seed(3)
    image = keras.Input((12, 12, 1), name="image")
    x = L.Rescaling(1 / 255)(image)
    x = L.Conv2D(6, 3, padding="same", use_bias=False)(x)
    x = L.BatchNormalization()(x)
    x = L.ReLU()(x)
    x = L.MaxPooling2D()(x)
    x = L.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = L.Dropout(0.5)(L.Flatten()(x))
    features = L.Dense(5, activation="relu", name="features")(x)
    model = keras.Model(image, {"features": features, "logits": L.Dense(3, name="logits")(features)})
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([np.abs(w + 0.3 * rng.standard_normal(w.shape)) for w in layer.get_weights()])
    return model


def images(n):
    return np.random.default_rng(1).uniform(0, 255, (n, 12, 12, 1)).astype("float32")


def run(path, feed, names):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, feed)))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = classifier()
    path = tmp_path_factory.mktemp("network") / "classifier.onnx"
    assert export_network(model, path, reference={"image": images(8)}) == path
    return model, path


def test_outputs_equal_those_of_keras_at_every_batch_size(exported):
    model, path = exported
    for n in (1, 3, 32):
        made = run(path, {"image": images(n)}, ["features", "logits"])
        expected = model.predict(images(n), verbose=0)
        for name in ("features", "logits"):
            np.testing.assert_allclose(made[name], expected[name], rtol=1e-4, atol=1e-4)
    assert np.abs(expected["features"]).max() > 0.01


def test_inputs_and_outputs_are_named_nhwc_float32_with_a_dynamic_batch(exported):
    session = onnxruntime.InferenceSession(str(exported[1]), providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(float)", ["batch", 12, 12, 1])
    outputs = {item.name: (item.type, item.shape) for item in session.get_outputs()}
    assert outputs == {
        "features": ("tensor(float)", ["batch", 5]),
        "logits": ("tensor(float)", ["batch", 3]),
    }
    assert [path.name for path in exported[1].parent.iterdir()] == ["classifier.onnx"]


def test_an_encoder_of_two_inputs_with_names_for_its_outputs(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    code = L.Dense(4)(L.Concatenate()([a, b]))
    model = keras.Model([a, b], [code, L.Softmax()(code)])
    path = export_network(model, tmp_path / "encoder.onnx", outputs=["code", "share"])
    rng = np.random.default_rng(0)
    feed = {"a": rng.standard_normal((4, 3)).astype("float32"), "b": np.ones((4, 2), "float32")}
    made = run(path, feed, ["code", "share"])
    expected = model.predict([feed["a"], feed["b"]], verbose=0)
    np.testing.assert_allclose(made["code"], expected[0], atol=1e-5)
    np.testing.assert_allclose(made["share"], expected[1], atol=1e-5)


def test_a_failed_comparison_leaves_nothing_behind(tmp_path, monkeypatch):
    right = network_module._run_keras
    monkeypatch.setattr(
        network_module,
        "_run_keras",
        lambda *a: {k: v + 0.01 * (1 + abs(v).max()) for k, v in right(*a).items()},
    )
    with pytest.raises(BundleError, match=r"of c.onnx must differ from that of Keras by at most 0.0001"):
        export_network(keras.Sequential([keras.Input((2,)), L.Dense(3)]), tmp_path / "c.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finite_is_refused(tmp_path):
    model = keras.Sequential(
        [keras.Input((2,)), L.Dense(3, kernel_initializer=keras.initializers.Constant(np.inf))]
    )
    with pytest.raises(BundleError, match="must make finite values"):
        export_network(model, tmp_path / "c.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"path": "c.pb"}, r"the file must end in .onnx, got"),
        ({"path": "old.onnx"}, r"the file must not exist yet, got .*overwrite=True"),
        ({"outputs": ["a", "b"]}, "outputs must be 1 different names, got a, b"),
        ({"outputs": ["x"]}, "outputs must not have the name of an input, got x"),
        ({"reference": {"y": 0}}, "reference must hold x, got y"),
        ({"reference": {"x": np.zeros((8, 5))}}, r"reference\['x'\] must be 8x2, got"),
    ],
)
def test_rules(tmp_path, options, rule):
    (tmp_path / "old.onnx").write_bytes(b"old")
    model = keras.Sequential([keras.Input((2,), name="x"), L.Dense(3)])
    path = tmp_path / options.pop("path", "c.onnx")
    with pytest.raises(UsageError, match=rule):
        export_network(model, path, **options)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("old.onnx", b"old")]


def test_a_network_of_any_size_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((None, None, 1), name="x"), L.Conv2D(2, 3)])
    with pytest.raises(UsageError, match="inputs must be of one size but for the batch"):
        export_network(model, tmp_path / "c.onnx")
