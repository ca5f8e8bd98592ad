"""The contract of layers and losses, for kgan's own and for a user's: assertions that say what is wrong."""

import inspect

import numpy as np

from kgan.contract import check_model

__all__ = ["check_layer", "check_loss", "check_model"]


def check_layer(layer_or_builder, input_shape):
    """Check that a Keras layer is complete: configuration, serialisation, shapes, determinism.

    Args:
        layer_or_builder: a layer, or a function without arguments that makes one.
        input_shape: shape of an input with the batch axis, e.g. `(2, 8, 8, 3)`; the batch must be at least 2.
            An array of such a shape gives the values too, class numbers for example. A list of shapes and
            arrays is for a layer that takes a list.

    Raises:
        AssertionError: says which part of the contract fails, and with what values.

    Example:
        >>> from kgan.layers.maxout import MaxoutDense
        >>> check_layer(MaxoutDense(3, 2), (2, 4))
    """
    import keras

    layer = layer_or_builder if isinstance(layer_or_builder, keras.layers.Layer) else layer_or_builder()
    name = type(layer).__name__
    inputs = _example(input_shape)
    outputs = layer(inputs, **_inference(layer))
    _require(bool(keras.ops.all(keras.ops.isfinite(outputs))), f"{name}: the output is not finite")
    again = layer(inputs, **_inference(layer))
    _require(_equal(outputs, again), f"{name}: two calls at inference differ")

    expected = tuple(layer.compute_output_shape(_each(lambda x: (None, *x.shape[1:]), inputs)))
    found = tuple(outputs.shape)
    _require(
        len(expected) == len(found) and all(e in (None, f) for e, f in zip(expected, found)),
        f"{name}: compute_output_shape gives {expected}, the output has {found}",
    )
    symbolic = layer(_each(lambda x: keras.Input(tuple(x.shape[1:]), dtype=x.dtype), inputs))
    _require(
        tuple(symbolic.shape[1:]) == found[1:],
        f"{name}: the symbolic output has {tuple(symbolic.shape)}, the real one {found}",
    )
    one = layer(_each(lambda x: x[:1], inputs), **_inference(layer))
    _require(tuple(one.shape[1:]) == found[1:], f"{name}: the output shape depends on the batch size")

    _check_config(layer)
    twin = _round_trip(layer)
    if not twin.built:
        twin.build(_each(lambda x: tuple(x.shape), inputs))
    _require(
        [tuple(w.shape) for w in twin.weights] == [tuple(w.shape) for w in layer.weights],
        f"{name}: a copy from the configuration has other weights",
    )
    twin.set_weights(layer.get_weights())
    _require(
        _equal(outputs, twin(inputs, **_inference(twin))), f"{name}: a copy with the same weights differs"
    )


def _example(shape):
    """Numbers of a shape as a tensor, or an array as it is; of a list, one of each."""
    from keras import ops

    if isinstance(shape, list):
        return [_example(item) for item in shape]
    if isinstance(shape, np.ndarray):
        return ops.convert_to_tensor(shape)
    return ops.convert_to_tensor(np.random.default_rng(0).standard_normal(shape).astype("float32"))


def _each(fn, inputs):
    return [fn(item) for item in inputs] if isinstance(inputs, list) else fn(inputs)


def check_loss(loss):
    """Check an adversarial loss: configuration, serialisation, finite values, the mean over all logits.

    Args:
        loss: an object with `discriminator(real, fake)` and `generator(fake, real=None)`.

    Raises:
        AssertionError: says which part of the contract fails, and with what values.

    Example:
        >>> from kgan.losses import Hinge
        >>> check_loss(Hinge(discriminator_weight=0.5))
    """
    name = type(loss).__name__
    _check_config(loss, exact=True)
    twin = _round_trip(loss)
    rng = np.random.default_rng(0)
    real, fake = (rng.standard_normal((6, 1)).astype("float32") for _ in range(2))
    both = _losses(loss, real, fake)
    _require(
        np.allclose(_losses(twin, real, fake), both, rtol=0), f"{name}: a copy from the configuration differs"
    )
    twice = _losses(loss, np.tile(real, (2, 1)), np.tile(fake, (2, 1)))
    _require(
        np.allclose(twice, both, rtol=1e-5, atol=1e-6),
        f"{name}: the batch twice over gives {twice}, once gives {both}: take the mean",
    )
    maps = _losses(loss, real.reshape(1, 2, 3, 1), fake.reshape(1, 2, 3, 1))
    _require(
        np.allclose(maps, both, rtol=1e-5, atol=1e-6), f"{name}: a map of logits is not averaged over all"
    )
    for extreme in (-100.0, 100.0):
        found = _losses(loss, np.full((2, 1), extreme, "float32"), np.full((2, 1), -extreme, "float32"))
        _require(np.isfinite(found).all(), f"{name}: not finite at logits {extreme} and {-extreme}: {found}")


def _losses(loss, real, fake):
    """`[discriminator's, generator's]` loss as floats."""
    from keras import ops

    real, fake = ops.convert_to_tensor(real), ops.convert_to_tensor(fake)
    values = [loss.discriminator(real, fake), loss.generator(fake, real)]
    for value in values:
        _require(
            tuple(value.shape) == (), f"{type(loss).__name__}: a loss must be a scalar, got {value.shape}"
        )
    return [float(value) for value in values]


def _check_config(item, exact=False):
    """Every argument of `__init__` is in the configuration; with `exact` nothing else is."""
    parameters = inspect.signature(type(item).__init__).parameters.values()
    named = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)} - {"self"}
    config = set(item.get_config())
    name = type(item).__name__
    _require(named <= config, f"{name}: get_config lacks {sorted(named - config)}")
    _require(
        not exact or config <= named, f"{name}: get_config has {sorted(config - named)}, __init__ has not"
    )


def _round_trip(item):
    """A copy through Keras' serialisation, in safe mode, of a registered class."""
    import keras

    cls = type(item)
    _require(
        keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is cls,
        f"{cls.__name__}: decorate it with @keras.saving.register_keras_serializable(package)",
    )
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(item))
    _require(copy.get_config() == item.get_config(), f"{cls.__name__}: the configuration does not round-trip")
    return copy


def _inference(layer):
    return {"training": False} if "training" in inspect.signature(layer.call).parameters else {}


def _equal(a, b):
    from keras import ops

    return bool(ops.all(a == b))


def _require(condition, message):
    if not condition:
        raise AssertionError(message)
