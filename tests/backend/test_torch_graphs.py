"""The torch backend's plan of networks that are graphs: values, derivatives, and what it leaves to Keras."""

import gc
import weakref

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend, layers
from kgan._backend.graph import ends
from kgan.errors import UsageError
from kgan.models import cyclegan_networks, stargan
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator
from kgan.models.stylegan_networks import StyleGANGenerator

L = keras.layers

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="only torch has such plans")


def residual():
    return cyclegan_networks.resnet_generator((12, 16), width=3, blocks=2, affine=True)


def large():
    # Maps of more than 2**12 numbers are normalised image by image.
    return cyclegan_networks.resnet_generator(24, width=8, blocks=0, affine=True)


def unet():
    return cyclegan_networks.unet_generator(16, width=2)


def patches():
    return cyclegan_networks.patch_discriminator(24, width=3, stages=1, affine=True)


def conditioned():
    return stargan.generator(8, 2, schema=[["attributes", 3]], width=2, blocks=1)


def numbered():
    # The class numbers go through a layer that Keras must run.
    return stargan.generator(8, 2, num_classes=4, width=2, blocks=1)


def two_outputs():
    return stargan.discriminator(16, 3, num_classes=4, width=2, stages=2)


def mixture():
    """Layers and operations without a way of their own, tensors with several uses, and a network twice."""
    inputs = keras.Input((6, 4, 3))
    shared = keras.Sequential([keras.Input((6, 4, 4)), L.Conv2D(4, 3, padding="same"), L.LeakyReLU(0.2)])
    x = L.Conv2D(4, 1)(inputs)
    y = L.ReLU()(x)  # x is read again below: it must not be overwritten
    z = shared(shared(y))
    a = L.Add()([x, y, z])
    b = L.Multiply()([a, L.Activation("softplus")(a)]) + 0.5 * x
    c = L.Concatenate(axis=2)([b, a])
    d = L.Concatenate()([L.Flatten()(c), L.Dense(3)(L.GlobalAveragePooling2D()(b))])
    return keras.Model(inputs, {"first": [L.Activation("tanh")(d), a], "second": d})


def faded(network):
    network.fade.alpha.assign(0.25)
    return network.at(network.resolution, fading=True)


def growing():
    return faded(PGGANGenerator(8, 1, fmap_base=16, fmap_max=4, latent_dim=3))


def shrinking():
    return faded(PGGANDiscriminator(8, 2, fmap_base=16, fmap_max=4, group_size=3))


def blurred():
    return faded(PGGANDiscriminator(16, 1, fmap_base=32, fmap_max=4, group_size=1, blur=True))


def styled():
    generator = StyleGANGenerator(8, 1, fmap_base=16, fmap_max=4, latent_dim=3, mapping_layers=1)
    generator.fade.alpha.assign(0.25)
    return generator.synthesis_at(8, fading=True)


def mapped():
    return StyleGANGenerator(4, fmap_max=2, latent_dim=5, mapping_layers=2, mapping_rate=0.1).mapping


GROWING = [growing, shrinking, blurred, styled, mapped]
NETWORKS = [residual, large, unet, patches, conditioned, numbered, two_outputs, mixture, *GROWING]


def given(network, n):
    """A batch of n for the network."""
    rng = np.random.default_rng(3)

    def draw(symbol):
        shape = (n, *symbol.shape[1:])
        whole = symbol.dtype == "int32"
        draws = rng.integers(4, size=shape) if whole else rng.normal(size=shape)
        return ops.convert_to_tensor(draws.astype(symbol.dtype))

    return keras.tree.map_structure(draw, ends(network)[0])


def observe(network, run, x):
    """Outputs, gradients of a loss, and of a penalty on the gradient by the images."""
    name = ("w" if "w" in x else "image") if isinstance(x, dict) else None
    images = x[name] if name else x

    def outputs(images):
        made = run(network, {**x, name: images} if name else images)
        return made, sum(ops.sum(ops.tanh(y) + 0.1 * y) for y in keras.tree.flatten(made))

    def loss():
        made, total = outputs(images)
        return total, made

    def penalty():
        total, gradient = _backend.input_gradient(lambda images: outputs(images)[1], images)
        return ops.sum(ops.square(gradient)), total

    seen = []
    for fn in (loss, penalty):
        made, gradients = _backend.value_and_grad(fn, network.trainable_weights)
        seen += [made, [gradient for gradient in gradients if gradient is not None]]
    return seen


def direct(network, x):
    return _backend.forward(network, x, True)


def plain(network, x):
    return network(x, training=True)


def told(seen):
    return [np.asarray(ops.convert_to_numpy(one)) for one in keras.tree.flatten(seen) if one is not None]


def started(build):
    network, rng = build(), np.random.default_rng(7)
    for weight in network.trainable_weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape))
    return network


@pytest.mark.parametrize(
    ("build", "n"), [(build, n) for build in NETWORKS for n in (1, 3) if (build, n) != (two_outputs, 1)]
)
def test_a_graph_and_its_derivatives(build, n):
    network = started(build)
    x = given(network, n)
    wanted, found = observe(network, plain, x), observe(network, direct, x)
    # Float32 rounds, and second derivatives more than first ones.
    for some, others, tolerance in zip(found, wanted, (4e-6, 1e-6, 4e-6, 5e-6), strict=True):
        keras.tree.assert_same_structure(some, others)
        # A bias before a normalisation has no gradient but rounding errors of the others.
        scale = max(np.abs(one).max() for one in told(others))
        for one, other in zip(told(some), told(others), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=tolerance * scale)


def test_one_image_through_one_filter():
    # Here the way of Keras fails in torch 2.13, with one thread. No layer mixes images: two of the same do.
    network = started(two_outputs)
    images = given(network, 1)
    found = observe(network, direct, images)
    wanted = observe(network, plain, ops.concatenate([images, images]))
    for i in (1, 3):
        for one, other in zip(told(found[i]), told(wanted[i]), strict=True):
            np.testing.assert_allclose(2.0 * one, other, rtol=1e-5, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("build", GROWING)
def test_keras_runs_no_layer_of_growing_networks(build, monkeypatch):
    network = started(build)
    x, calls = given(network, 3), []
    inner = keras.layers.Layer.__call__
    monkeypatch.setattr(L.Layer, "__call__", lambda *a, **k: calls.append(a[0].name) or inner(*a, **k))
    direct(network, x)
    assert calls == []


@pytest.mark.parametrize("build", NETWORKS)
def test_keras_does_not_run_the_graph(build, monkeypatch):
    network = started(build)
    calls = []
    inner = type(network).__call__
    monkeypatch.setattr(type(network), "__call__", lambda *a, **k: calls.append(1) or inner(*a, **k))
    direct(network, given(network, 1))
    assert calls == []


def test_a_batch_that_falls_into_no_groups():
    network = started(shrinking)
    with pytest.raises(UsageError, match="batch_size must be a multiple of 3"):
        direct(network, given(network, 4))


@pytest.mark.parametrize("build", [residual, growing, shrinking, blurred, styled, mapped])
def test_a_graph_in_mixed_precision(build):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = started(build)
    finally:
        keras.config.set_dtype_policy("float32")
    x = given(network, 2)
    found, wanted = direct(network, x), plain(network, x)
    assert found.dtype == wanted.dtype
    one, other = told([found, wanted])
    np.testing.assert_allclose(one, other, atol=0.1)


def test_one_pixel_has_no_variance():
    network = keras.Sequential([keras.Input((1, 1, 2)), L.Conv2D(3, 1), layers.InstanceNormalization()])
    found = direct(network, given(network, 2))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros((2, 1, 1, 3), "float32"))


def test_other_structures_are_left_to_keras(monkeypatch):
    network = started(conditioned)
    x = given(network, 2)
    calls = []
    inner = type(network).__call__
    monkeypatch.setattr(type(network), "__call__", lambda *a, **k: calls.append(1) or inner(*a, **k))
    wrong = {**x, "domain": ops.cast(x["domain"], "float64")}
    one, other = told([direct(network, wrong), direct(network, x)])
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert calls == [1]


def test_a_setting_of_a_call_is_kept():
    inputs = keras.Input((4, 4, 2))
    attention = L.MultiHeadAttention(1, 2)
    x = L.Reshape((16, 2))(L.Conv2D(2, 1)(inputs))
    network = keras.Model(inputs, attention(x, x, use_causal_mask=True))
    x = given(network, 2)
    one, other = told([direct(network, x), plain(network, x)])
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_graphs_are_not_kept_alive():
    network = residual()
    direct(network, given(network, 1))
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None


def test_memory_serves_again():
    # Without derivatives a pass through a chain keeps no more than it needs.
    network = keras.Sequential([keras.Input((4, 4, 2)), *[L.Conv2D(2, 1) for _ in range(9)]])
    direct(network, given(network, 1))
    from kgan._backend.torch_forward import _plans

    assert _plans[network].size <= 2
