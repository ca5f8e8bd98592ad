"""Parameter counts, shapes and initial values of the published networks."""

import pathlib

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.models import DCGAN, GAN, LSGAN
from kgan.models import dcgan as dcgan_file
from kgan.models import gan as gan_file


def trainable(network):
    return sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)


def shaped(system, preset):
    """The preset with shapes but without values: the largest have 400 MB of them."""
    with keras.StatelessScope(initialize_variables=False):
        return system.from_preset(preset)


# gan.md 6 and 8, dcgan.md 4a and 4b; the other rows follow from the layer tables by arithmetic.
COUNTS = [
    (GAN, "gan_mnist_2014", 2_503_984, 1_231_441),
    (GAN, "gan_mnist_tutorial", 1_510_032, 533_505),
    (GAN, "gan_tfd_2014_stage1", 83_250_304, 21_037_201),
    (GAN, "gan_tfd_2014_stage2", 100 * 8000 + 8000 + 8000 * 100 + 100 + 83_250_304, 21_037_201),
    (GAN, "gan_cifar10_2014", 89_395_072, 37_393_601),
    (DCGAN, "dcgan_64", 3_576_704, 2_765_568),
    (DCGAN, "dcgan_64_5x5", 18_885_760, 17_232_768),
]


@pytest.mark.once
@pytest.mark.parametrize(("system", "preset", "generator", "discriminator"), COUNTS, ids=lambda v: str(v))
def test_parameter_counts(system, preset, generator, discriminator):
    model = shaped(system, preset)
    assert trainable(model.generator) == generator
    assert trainable(model.discriminator) == discriminator


@pytest.mark.once
@pytest.mark.parametrize(
    ("system", "preset", "shape"),
    [
        (GAN, "gan_cifar10_conv_2014", (32, 32, 3)),
        (DCGAN, "dcgan_28", (28, 28, 1)),
        (DCGAN, "dcgan_32", (32, 32, 3)),
        (DCGAN, "dcgan_128", (128, 128, 3)),
        (DCGAN, "dcgan_32_features", (32, 32, 3)),
        (LSGAN, "lsgan_112", (112, 112, 3)),
        (LSGAN, "lsgan_64_no_norm_g", (64, 64, 3)),
        (LSGAN, "lsgan_64_no_norm", (64, 64, 3)),
        (LSGAN, "lsgan_28", (28, 28, 1)),
        (LSGAN, "lsgan_ring", (1, 1, 2)),
    ],
)
def test_shapes(system, preset, shape):
    model = shaped(system, preset)
    assert model.image_shape == shape
    assert model.discriminator.output_shape == (None, 1)


@pytest.mark.once
@pytest.mark.parametrize("system", [GAN, DCGAN, LSGAN])
def test_published_training_settings_name_both_players(system):
    for preset in system.presets.values():
        training = preset.training()
        assert set(training["optimizer"]) == {"generator", "discriminator"}
        assert training["loss"].get_config()


@pytest.mark.once
def test_every_preset_is_tested():
    source = pathlib.Path(__file__).read_text(encoding="utf-8")
    presets = {name for system in (GAN, DCGAN, LSGAN) for name in system.presets}
    assert not {name for name in presets if f'"{name}"' not in source}


def test_dcgan_grows_from_4_to_64_and_stays_in_range():
    model = DCGAN.from_preset("dcgan_64")
    sides = [layer.output.shape[1] for layer in model.generator.layers if "transpose" in layer.name]
    assert sides == [4, 8, 16, 32, 64]
    images = model.generate({"z": np.random.default_rng(0).normal(size=(2, 100)).astype("float32")})
    assert np.abs(images).max() <= 1.0


def test_dcgan_is_convolutional():
    # 4a on 96x96 gives a 3x3 map; a 2x2 map of noise gives 80x80.
    scores = keras.Sequential(
        [keras.Input((96, 96, 3)), *dcgan_file.discriminator_4x4(96 - 32, width=4).layers[:-1]]
    )
    assert scores.output_shape == (None, 3, 3, 1)
    generator = dcgan_file.generator_4x4(64, 3, latent_dim=6, width=4, latent_map=(2, 2))
    assert generator.output_shape == (None, 80, 80, 3)


def test_dcgan_initialisation():
    model = DCGAN.from_preset("dcgan_64")
    for network in (model.generator, model.discriminator):
        for weight in network.trainable_weights:
            value = ops.convert_to_numpy(weight.value)
            if value.ndim == 4 and value.size > 1e5:
                assert 0.0195 <= value.std() <= 0.0205, weight.path
            if weight.name == "gamma" and value.size >= 256:
                assert value.mean() == pytest.approx(1.0, abs=0.01)
                assert value.std() == pytest.approx(0.02, abs=0.004)


def test_dcgan_training_settings():
    model = DCGAN.from_preset("dcgan_64")
    model.compile()
    for optimizer in model.optimizer.players.values():
        assert (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon) == (0.5, 0.999, 1e-8)
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)


def test_receptive_field_of_the_discriminator():
    # r = 1 + sum (k-1) * product of the strides before: 46 after four strided layers, 94 at the end.
    model = DCGAN.from_preset("dcgan_64")
    field, jump, fields = 1, 1, []
    for layer in model.discriminator.layers:
        if isinstance(layer, keras.layers.Conv2D):
            field += (layer.kernel_size[0] - 1) * jump
            jump *= layer.strides[0]
            fields.append(field)
    assert fields[3] == 46
    assert fields[4] == 94


def test_gradient_of_one_score_stays_inside_the_image_patch():
    model = dcgan_file.discriminator_4x4(64, 1, width=2)
    patch = keras.Sequential([keras.Input((64, 64, 1)), *model.layers[:2]])
    image = np.zeros((1, 64, 64, 1), "float32")
    image[0, 0, 0, 0] = 1.0
    changes = patch.predict(image, verbose=0) - patch.predict(image * 0, verbose=0)
    touched = np.abs(changes).sum(axis=-1)[0] > 0
    assert touched.sum() == 1


@pytest.mark.parametrize("size", [48, 4, 0])
def test_image_size_rule(size):
    with pytest.raises(UsageError, match=f"image_size must be a power of two >= 8, got {size}"):
        dcgan_file.generator_4x4(size)


def test_output_bias_is_the_logit_of_the_mean():
    model = GAN.from_preset("gan_mnist_2014")
    model.set_output_bias(np.full((28, 28, 1), 0.25))
    bias = model.generator.layers[-2].bias
    np.testing.assert_allclose(ops.convert_to_numpy(bias.value), np.log(1 / 3), rtol=1e-6)


@pytest.mark.once
def test_tfd_sparse_layer_and_column_norms():
    output = shaped(GAN, "gan_tfd_2014_stage1").generator.layers[-2]
    kernel = ops.convert_to_numpy(output.kernel_initializer((8000, 12)))
    assert (np.count_nonzero(kernel, axis=0) == 100).all()
    limit = gan_file._column_norm()["kernel_constraint"]
    norms = np.linalg.norm(ops.convert_to_numpy(limit(ops.ones((100, 5)))), axis=0)
    np.testing.assert_allclose(norms, 1.9365, rtol=1e-5)


def test_dropout_is_off_when_judging_and_absent_from_the_generator():
    model = GAN.from_preset("gan_mnist_2014")
    images = np.random.default_rng(0).uniform(0, 1, (2, 28, 28, 1)).astype("float32")
    scores = [ops.convert_to_numpy(model.discriminator(images, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*scores)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in model.generator.layers)


def test_contrast_normalised_model_trains_and_displays():
    generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(48), keras.layers.Reshape((4, 4, 3))])
    discriminator = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model = GAN(generator, discriminator, contrast_scale=55.0)
    model.compile()
    model.fit(model.example_data(4), batch_size=4, verbose=0)
    assert model.sample(3, seed=0).dtype == np.uint8
