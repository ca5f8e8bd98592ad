"""One step of every system in float64 from given weights, noise and data; writes losses and weights to .npz.

In float32 the rounding of one backend on one machine may move an activation over the kink of a ReLU, which is
no difference between the backends. What a system keeps in float32 (its heads) remains so.
"""

import sys

import keras
import numpy as np
from keras import ops

import kgan.models

BATCH = 4


def fixed_noise():
    """Replaces the backend's random numbers: the same sequence on every backend."""
    rng = np.random.default_rng(123)

    def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        values = rng.normal(mean, stddev, [int(n) for n in shape])
        return ops.convert_to_tensor(values.astype(keras.config.floatx()))

    def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        values = rng.uniform(minval, maxval, [int(n) for n in shape])
        return ops.convert_to_tensor(values.astype(keras.config.floatx()))

    def randint(shape, minval, maxval, dtype="int32", seed=None):
        return ops.convert_to_tensor(rng.integers(minval, maxval, [int(n) for n in shape]).astype(dtype))

    keras.random.normal, keras.random.uniform, keras.random.randint = normal, uniform, randint


def prepared(system, penalties):
    model = system.tiny()
    rng = np.random.default_rng(7)
    for network in [network for group in model.players().values() for network in group]:
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0  # masks come from the backend's own generator
        values = [
            np.abs(rng.normal(1, 0.1, w.shape)) if "variance" in w.name else rng.normal(0, 0.3, w.shape)
            for w in network.weights
            if w.dtype.startswith("float")
        ]
        floats = [w for w in network.weights if w.dtype.startswith("float")]
        for weight, value in zip(floats, values):
            weight.assign(value.astype(keras.config.floatx()))
    if model.average is not None:
        model.average.network.set_weights(model.generator.get_weights())
    # SGD shows the gradients as they are; Adam would divide their size out.
    sgd = {player: keras.optimizers.SGD(0.5, momentum=0.9) for player in model.players()}
    model.compile(sgd, penalties=penalties)
    return model


def wide(batch):
    """The batch with its images in float64: a penalty's gradient has their type."""
    return keras.tree.map_structure(lambda x: x.astype("float64") if x.dtype == "float32" else x, batch)


def main(path):
    keras.config.set_floatx("float64")
    fixed_noise()
    out = {}
    for name in kgan.models.__all__:
        system = getattr(kgan.models, name)
        critics = system.tiny().players()["discriminator"]
        coupled = any(
            isinstance(layer, keras.layers.BatchNormalization)
            for critic in critics
            for layer in critic.layers
        )
        penalties = [] if coupled else [kgan.losses.R1(0.3), kgan.losses.GradientPenalty(0.2)]
        model = prepared(system, penalties)
        logs = model.train_on_batch(wide(model.example_data(BATCH)), return_dict=True)
        out.update({f"{name}/{key}": np.asarray(value, "float64") for key, value in logs.items()})
        for i, weight in enumerate(model.weights):
            if weight.dtype.startswith("float"):
                out[f"{name}/{i}/{weight.path}"] = np.asarray(ops.convert_to_numpy(weight.value), "float64")
    np.savez(path, **out)


if __name__ == "__main__":
    main(sys.argv[1])
