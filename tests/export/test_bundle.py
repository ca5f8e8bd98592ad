"""Export from the backend of this run, end to end and where it must fail."""

import json
import pathlib
import runpy
import subprocess
import sys

import keras
import numpy as np
import onnx
import pytest

from kgan import latents
from kgan.errors import BundleError, UsageError
from kgan.export import bundle as bundle_module
from kgan.export import export, verify
from kgan.export.bundle import count_parameters
from kgan.export.card import model_card
from kgan.export.precision import full_precision, in_float32
from kgan.export.runtime import Generator
from kgan.models import DCGAN, GAN, StyleGAN
from kgan.models.dcgan import generator_4x4
from kgan.models.stylegan_networks import StyleGANGenerator
from kgan.types import Input, to_uint8

L = keras.layers

CUSTOM = """
import keras
from keras import ops


@keras.saving.register_keras_serializable("my_package")
class PixelNorm(keras.layers.Layer):
    def call(self, x):
        return x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + 1e-8)


class Gain(keras.layers.Layer):  # not registered
    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start

    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer=keras.initializers.Constant(self.start))

    def call(self, x):
        return x * self.gain

    def get_config(self):
        return {**super().get_config(), "start": self.start}


@keras.saving.register_keras_serializable("my_package")
def swish_like(x):
    return x * ops.sigmoid(x)


@keras.saving.register_keras_serializable("my_package")
class Jitter(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seeds)


@keras.saving.register_keras_serializable("my_package")
class Labelled(keras.layers.Layer):
    def build(self, shapes):
        self.table = keras.layers.Embedding(3, 4)
        self.up = keras.layers.UpSampling2D(2)
        self.norm = keras.layers.GroupNormalization(2)
        self.conv = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")
        self.table.build((None,))
        self.norm.build((None, 4, 4, 2))
        self.conv.build((None, 4, 4, 2))

    def call(self, inputs, training=False):
        x = ops.reshape(inputs["z"] * self.table(inputs["label"]), (-1, 2, 1, 2))
        return self.conv(self.norm(self.up(ops.repeat(x, 2, axis=2))))
"""


class Conditional:
    """A model with a label, as far as export looks at it; its sampling network is a layer."""

    data_range = (0.0, 1.0)
    image_shape = (4, 4, 1)

    def __init__(self, custom):
        self.network = custom.Labelled()
        zeros = {spec.name: np.zeros((1, *spec.shape), spec.dtype) for spec in self.sampling_inputs()}
        self.generate(zeros)

    def sampling_network(self):
        return self.network

    def sampling_inputs(self):
        return Input("z", (4,)), Input("label", (), "int32", "label", "garment", num_classes=3)

    def generate(self, inputs):
        tensors = {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}
        return keras.ops.convert_to_numpy(keras.ops.stop_gradient(self.network(tensors)))


@pytest.fixture(scope="module")
def custom(tmp_path_factory):
    """A user's own module, importable here and nowhere else."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "kgan_test_own_layers.py").write_text(CUSTOM)
    sys.path.insert(0, str(folder))
    import kgan_test_own_layers

    yield kgan_test_own_layers
    sys.path.remove(str(folder))
    del sys.modules["kgan_test_own_layers"]


def discriminator():
    return keras.Sequential([keras.Input((8, 8, 3)), L.Flatten(), L.Dense(1)])


def own_generator(custom, last=()):
    norm = L.BatchNormalization(
        beta_initializer="uniform", moving_mean_initializer="uniform", gamma_initializer="uniform"
    )
    return keras.Sequential(
        [
            keras.Input((6,)),
            custom.PixelNorm(),
            # Large enough for the converter to keep it apart.
            L.Dense(2**16, use_bias=False),
            L.Reshape((4, 4, 4096)),
            L.Conv2D(5, 1, activation=custom.swish_like),
            L.Conv2DTranspose(4, 4, strides=2, padding="same", use_bias=False),
            norm,
            L.LeakyReLU(0.2),
            custom.Gain(1.5),
            L.Conv2D(3, 3, padding="same", activation="tanh"),
            *last,
        ]
    )


@pytest.fixture(scope="module")
def exported(custom, tmp_path_factory):
    """A model with the user's own layers, and its bundle from a run folder."""
    model = DCGAN(own_generator(custom), discriminator(), prior="sphere")
    run = tmp_path_factory.mktemp("run")
    model.save(run / "model.keras")
    recipe = {"recipe": "mine", "settings": {"epochs": 3, "data": str(run)}}
    (run / "config.json").write_text(json.dumps(recipe))
    with keras.saving.custom_object_scope({"Gain": custom.Gain}):
        return model, export(run, run / "bundle", float_output=True)


def test_own_layers_from_a_run_folder(exported):
    model, folder = exported
    manifest = json.loads((folder / "kgan.json").read_text())
    assert manifest["system"] == "DCGAN"
    assert manifest["backend"] == keras.backend.backend()
    assert manifest["recipe"]["recipe"] == "mine"
    # An absolute path says more of the machine than of the data.
    assert str(folder.parent) not in (folder / "kgan.json").read_text() + (folder / "README.md").read_text()
    assert set(manifest["verification"]["largest_error"]) == {"onnx", "saved_model"}
    for error in manifest["verification"]["largest_error"].values():
        assert error["float"] <= 1e-4
        assert error["uint8"] <= 1
    assert (folder / "samples.png").is_file()
    levels = Generator(folder).sample(9, seed=2).astype(int) - model.sample(9, seed=2)
    assert np.abs(levels).max() <= 1


def test_graph_is_the_same_from_every_backend(exported):
    graph = onnx.load(exported[1] / "generator.onnx").graph
    assert [value.name for value in graph.input] == ["z"]
    assert [value.name for value in graph.output] == ["images", "images_float"]
    # Batch normalisation is gone, and so is the change of memory order after the projection.
    assert [node.op_type for node in graph.node] == [
        *("Mul", "ReduceMean", "Add", "Sqrt", "Reciprocal", "Mul"),
        *("MatMul", "Reshape", "Conv", "Sigmoid", "Mul", "ConvTranspose", "LeakyRelu", "Mul", "Conv", "Tanh"),
        *("Transpose", "Add", "QuantizeLinear", "Transpose"),
    ]


def test_existing_folder(exported, tmp_path):
    model, folder = exported
    with pytest.raises(UsageError, match="folder must not exist yet"):
        export(model, folder)
    with pytest.raises(UsageError, match=r"only a bundle can be overwritten, .* holds no kgan\.json"):
        export(model, tmp_path, overwrite=True)


def test_failure_keeps_the_earlier_bundle(exported, monkeypatch):
    model, folder = exported
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    def another_model(network, work, **options):
        (work / "generator.onnx").write_bytes((folder / "generator.onnx").read_bytes())
        return {"versions": {}, "onnx": {"float_layout": "NHWC"}}

    monkeypatch.setattr(bundle_module, "convert", another_model)
    other = GAN(keras.models.clone_model(model.generator), discriminator(), prior="sphere")
    with pytest.raises(BundleError, match=r"generator\.onnx must differ from the Keras generator by at most"):
        export(other, folder, formats=["onnx"], overwrite=True)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".")]


def test_mixed_precision_is_exported_in_float32(custom):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = own_generator(custom)
    finally:
        keras.config.set_dtype_policy("float32")
    assert network.layers[2].compute_dtype == "bfloat16"
    with keras.saving.custom_object_scope({"Gain": custom.Gain}):
        copy = in_float32(network)
    assert copy.layers[2].compute_dtype == "float32"
    z = np.random.default_rng(0).standard_normal((4, 6)).astype("float32")
    with full_precision():
        made, expected = (keras.ops.convert_to_numpy(n(z)).astype("float32") for n in (copy, network))
    assert np.abs(made - expected).max() < 0.05
    assert in_float32(copy) is copy


@pytest.mark.once
def test_parameters_are_what_training_changes():
    published = {22_836_739: StyleGANGenerator(32).at(32), 3_576_704: generator_4x4()}
    for count, network in published.items():
        assert count_parameters(network) == count < network.count_params()
        network.trainable = False  # as that of a moving average is
        assert count_parameters(network) == count
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = StyleGAN.tiny().sampling_network()
    finally:
        keras.config.set_dtype_policy("float32")
    assert count_parameters(in_float32(network)) == count_parameters(network) == network.count_params() - 4


@pytest.mark.once
def test_card_of_a_saved_model_alone(exported, tmp_path, monkeypatch, capsys):
    _, folder = exported
    content = json.loads((folder / "kgan.json").read_text())
    content["verification"]["largest_error"].pop("onnx")
    text = model_card({**content, "formats": ["saved_model"], "onnx": None})
    assert "onnx" not in text
    (tmp_path / "example.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.chdir(folder)
    assert runpy.run_path(str(tmp_path / "example.py"))["images"].shape == (16, 8, 8, 3)
    assert capsys.readouterr().out == "(16, 8, 8, 3) uint8\n"


@pytest.mark.once
def test_labels(custom, tmp_path):
    model = Conditional(custom)
    with pytest.raises(UsageError, match="labels must be 3 names, got 2"):
        export(model, tmp_path / "bundle", labels=["shirt", "boot"])
    folder = export(model, tmp_path / "bundle", labels=["shirt", "boot", "bag"])
    generator = Generator(folder)
    inputs = latents.draw(generator.inputs, 5, seed=4)
    expected = to_uint8(model.generate({**inputs, "label": np.full(5, 2, "int32")}), (0.0, 1.0))
    assert np.abs(generator.sample(5, seed=4, label="bag").astype(int) - expected).max() <= 1
    assert "Classes: 0 shirt, 1 boot, 2 bag." in (folder / "README.md").read_text()
    assert set(verify(folder).errors) == {"onnx", "saved_model"}


@pytest.mark.once
def test_labels_of_a_model_without(tmp_path):
    with pytest.raises(UsageError, match="labels must be absent, as the model takes no class, got 1"):
        export(GAN.tiny(), tmp_path / "bundle", labels=["a"])


@pytest.mark.once
@pytest.mark.parametrize(
    ("model", "message"),
    [
        (3, "model must be a kgan model, got int"),
        ("nowhere", r"model must be a run folder with model\.keras or a \.keras file, found no nowhere"),
    ],
)
def test_no_model(tmp_path, model, message):
    with pytest.raises(UsageError, match=message):
        export(model, tmp_path / "bundle")
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_damaged_model_file(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"x")
    with pytest.raises(UsageError, match="cannot be loaded"):
        export(tmp_path, tmp_path / "bundle")


@pytest.mark.once
def test_values_that_are_not_finite(tmp_path):
    model = GAN.tiny()
    model.generator.weights[0].assign(np.full(model.generator.weights[0].shape, np.nan))
    with pytest.raises(BundleError, match="must make finite values"):
        export(model, tmp_path / "bundle")


@pytest.mark.once
def test_randomness_inside_the_generator(custom, tmp_path):
    model = DCGAN(own_generator(custom, [custom.Jitter()]), discriminator())
    with pytest.raises(BundleError, match="draws random numbers when it samples") as failure:
        export(model, tmp_path / "bundle", formats=["onnx"])
    assert len(str(failure.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_layers_defined_in_a_script(tmp_path):
    (tmp_path / "beside.py").write_text("FACTOR = 0.5\n")
    (tmp_path / "train.py").write_text(
        "import keras\n"
        "from beside import FACTOR\n"
        "class Half(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return FACTOR * x\n"
        "if __name__ == '__main__':\n"
        "    from kgan.export import export\n"
        "    from kgan.models import GAN\n"
        "    tiny = GAN.tiny()\n"
        "    generator = keras.Sequential([*tiny.generator.layers, Half()])\n"
        "    generator.build((None, 3))\n"
        "    print(export(GAN(generator, tiny.discriminator), 'bundle', ['onnx']))\n"
    )
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert verify(tmp_path / "bundle").errors["onnx"]["uint8"] <= 1
    assert pathlib.Path(done.stdout.strip()) == pathlib.Path("bundle")
