"""Full float32 for the exported network and for the reference that it is compared with."""

import contextlib
from typing import Any

import keras

from kgan.errors import UsageError


@contextlib.contextmanager
def full_precision():
    """Within it, float32 products are float32: no TF32, which accelerators use by default.

    An exported model is compared at 1e-4, finer than the 10 mantissa bits of TF32.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    elif backend == "torch":
        import torch

        users: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
        allowed = [user.allow_tf32 for user in users]
        try:
            for user in users:
                user.allow_tf32 = False
            yield
        finally:
            for user, value in zip(users, allowed):
                user.allow_tf32 = value
    else:
        import tensorflow as tf

        enabled = tf.config.experimental.tensor_float_32_execution_enabled()
        tf.config.experimental.enable_tensor_float_32_execution(False)
        try:
            yield
        finally:
            tf.config.experimental.enable_tensor_float_32_execution(enabled)


def in_float32(network):
    """The network itself if it computes in float32, else its copy in float32 with the same weights.

    Args:
        network: a built Keras model or layer.

    Raises:
        UsageError: the copy cannot be made.
    """
    if all(layer.compute_dtype in ("float32", None) for layer in network._flatten_layers()):
        return network
    config = keras.saving.serialize_keras_object(network)
    copy = keras.saving.deserialize_keras_object(_float32_config(config))
    if not copy.built:
        copy.build_from_config(network.get_build_config())
    weights = network.get_weights()
    if len(weights) != len(copy.get_weights()):
        raise UsageError(
            f"the generator must rebuild itself from get_config() to be exported in float32, its copy has "
            f"{len(copy.get_weights())} weights instead of {len(weights)}"
        )
    copy.set_weights([weight.astype("float32") if weight.dtype.kind == "f" else weight for weight in weights])
    return copy


def _float32_config(config):
    """A network's config with every reduced-precision policy replaced by float32."""
    if isinstance(config, list | tuple):
        return [_float32_config(item) for item in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and "16" in config["config"]["name"]:
        return {**config, "config": {"name": "float32"}}
    return {key: _float32_config(value) for key, value in config.items()}
