"""Learned inference: pairs of a frozen generator, an encoder that learns, and its report."""

import json
import types

import keras
import numpy as np
import pytest

from kgan.callbacks import InferenceReport
from kgan.errors import UsageError
from kgan.figures import decoding
from kgan.inference import GeneratedPairs, check_inference, drawn_samples, encoder_network, reconstruct
from kgan.models import DCGAN, GAN, ConditionalGAN


def linear_gan():
    """A generator that is a random linear map and a tanh: an encoder can invert it."""
    start = keras.initializers.RandomNormal(stddev=0.3, seed=3)
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(64, "tanh", kernel_initializer=start),
        keras.layers.Reshape((8, 8, 1)),
    ]
    critic = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    return GAN(keras.Sequential(layers), keras.Sequential(critic))


def test_pairs_are_a_function_of_seed_epoch_and_batch():
    model = GAN.tiny()
    one, two = (GeneratedPairs(model, 16, 4, seed=2) for _ in range(2))
    for a, b in zip(one[1], two[1]):
        np.testing.assert_array_equal(a, b)
    two.set_epoch(1)
    assert not np.array_equal(one[1][1], two[1][1])


def test_images_are_in_minus_one_to_one_whatever_the_model_makes():
    model = GAN.tiny()
    images, z = GeneratedPairs(model, 4, 4)[0]
    low, high = model.data_range
    made = model.generate({model.sampling_inputs()[0].name: z})
    np.testing.assert_allclose(images, (made - low) / (high - low) * 2 - 1, atol=1e-6)


def test_an_encoder_learns_to_invert_a_generator_that_stays_as_it_is():
    model = linear_gan()
    before = [np.array(w) for w in model.get_weights()]
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    start = check_inference(model, encoder, 200)
    encoder.compile(keras.optimizers.Adam(2e-2), "mse")
    encoder.fit(GeneratedPairs(model, 1600, 32), epochs=2, verbose=0)
    found = check_inference(model, encoder, 200, images=model.sample(20, seed=5))
    assert found.latent < 0.05 * found.latent_baseline
    assert found.latent < start.latent
    assert found.generated < 0.05 * start.generated
    assert found.real < 0.2 * found.real_baseline
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_conditional_generator_is_inverted_under_its_class():
    model = ConditionalGAN.tiny()
    if len(model.image_shape) != 3:
        pytest.fail("the smallest ConditionalGAN must make images")
    pairs = GeneratedPairs(model, 4, 4)
    shape = tuple(model.image_shape)
    network = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(pairs.latent_shape[0])]
    encoder = keras.Sequential(network)
    images = model.sample(3, seed=0)
    assert reconstruct(model, encoder, images).shape == images.shape


@pytest.mark.once
def test_report(tmp_path):
    model = DCGAN.from_preset("dcgan_28")
    encoder = encoder_network((28, 28, 1), (100,), width=2)
    report = InferenceReport(model, model.sample(16, seed=9), n=4)
    report.join_run(tmp_path, 1)
    found = report.write(encoder)
    assert json.loads((tmp_path / "inference.json").read_text())["latent"] == found.latent
    assert (tmp_path / "inference.png").stat().st_size > 0


@pytest.mark.once
def test_report_keeps_the_classes(tmp_path):
    model = ConditionalGAN.tiny()
    shape = decoding.latent_input(model).shape
    # It finds nothing, so that only the class is left.
    flat = types.SimpleNamespace(predict=lambda images, **_: np.zeros((len(images), *shape), "float32"))
    asked = []
    inner = model.sample
    model.sample = lambda n, **given: asked.append(given.get("label")) or inner(n, **given)
    labels = np.arange(6) % 3
    images = model.sample(6, seed=0, label=labels)
    InferenceReport(model, images, n=4, folder=tmp_path, label=labels).write(flat)
    _, inputs = drawn_samples(model, 16, 2)
    for found, expected in zip(asked[1:], (labels, inputs["label"], labels)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.once
def test_bad_input():
    model = GAN.tiny()
    with pytest.raises(UsageError, match="num_examples must be at least batch_size, 8, got 4"):
        GeneratedPairs(model, 4, 8)
    with pytest.raises(UsageError, match="sides of at least 4 pixels"):
        encoder_network((2, 2, 1), (3,))
    with pytest.raises(UsageError, match="images must be uint8 nx4x4x1, got float64"):
        reconstruct(model, None, np.zeros((1, 4, 4, 1)))
    with pytest.raises(UsageError, match="n must be at least 2, got 1"):
        check_inference(model, None, 1)
