"""The backend's own convolutions equal those of Keras in values, first and second derivatives."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend
from kgan.layers import Conv2D, Conv2DTranspose

CASES = [
    (Conv2D, 4, 2, 1, {}),
    (Conv2D, 5, 2, "same", {}),
    (Conv2D, 3, 2, "same", {}),
    (Conv2D, 5, (2, 3), 2, {}),
    (Conv2D, 2, 3, "valid", {}),
    (Conv2DTranspose, 4, 2, 1, {}),
    (Conv2DTranspose, 5, 2, "same", {}),
    (Conv2DTranspose, 5, 2, 2, {"output_padding": 1}),
    (Conv2DTranspose, (4, 3), (2, 3), "valid", {}),
    (Conv2DTranspose, 2, 3, "valid", {}),
    (Conv2DTranspose, 3, 2, 3, {"output_padding": 1}),
]


def observe(layer, x):
    """Values, gradients of a loss and of a penalty on the input's gradient, by the layer's kernel."""

    def score(x):
        return ops.tanh(layer(x))

    def loss():
        y = score(x)
        return ops.mean(ops.square(y - 0.3)), y

    def penalty():
        _, gradient = _backend.input_gradient(score, x)
        return ops.mean(ops.square(gradient)) * 50.0, gradient

    seen = []
    for fn in (loss, penalty):
        value, gradients = _backend.value_and_grad(fn, layer.trainable_weights)
        seen += [value, *gradients]
    return [ops.convert_to_numpy(one) for one in seen]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="elsewhere the convolutions are those of Keras")
@pytest.mark.parametrize(("kind", "kernel", "strides", "padding", "more"), CASES)
def test_convolutions_are_those_of_keras(kind, kernel, strides, padding, more, monkeypatch):
    import jax

    layer = kind(4, kernel, strides, padding, **more)
    layer.build((2, 6, 5, 3))
    x = ops.convert_to_tensor(np.random.default_rng(1).normal(size=(2, 6, 5, 3)).astype("float32"))
    ours = observe(layer, x)
    used = "conv_transpose" if kind is Conv2DTranspose else "conv"
    assert used in str(jax.make_jaxpr(lambda x: layer(x))(x))
    assert "custom_vjp" in str(jax.make_jaxpr(lambda x: layer(x))(x))
    monkeypatch.setattr(_backend, used, lambda ordinary, x, kernel, *_: ordinary(x, kernel))
    for found, wanted in zip(ours, observe(layer, x), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Conv2D, Conv2DTranspose])
@pytest.mark.parametrize("more", [{"dilation_rate": 2, "strides": 1}, {"strides": 1}, {"strides": 2}])
def test_every_other_convolution_is_left_to_keras(kind, more):
    ours, theirs = kind(4, 3, padding="valid", **more), getattr(keras.layers, kind.__name__)(4, 3, **more)
    x = ops.convert_to_tensor(np.random.default_rng(1).normal(size=(2, 7, 6, 3)).astype("float32"))
    ours.build(x.shape)
    theirs.build(x.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(*(ops.convert_to_numpy(layer(x)) for layer in (ours, theirs)), atol=1e-6)
