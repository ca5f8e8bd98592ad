"""The backend's optimizer step equals that of Keras, slots and counts included."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan import _backend

SHAPES = [(4, 4, 3, 5), (7,), (6, 2), (3, 3, 1, 4)]


def decaying():
    return keras.optimizers.schedules.ExponentialDecay(1e-2, 3, 0.5)


OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(1e-2, beta_1=0.5, epsilon=1e-8),
    "epsilon": lambda: keras.optimizers.Adam(1e-2, beta_1=0.0, beta_2=0.9, epsilon=1e-2),
    "schedule": lambda: keras.optimizers.Adam(decaying()),
    "amsgrad": lambda: keras.optimizers.Adam(1e-2, amsgrad=True),
    "clipnorm": lambda: keras.optimizers.Adam(1e-2, clipnorm=0.1),
    "clipvalue": lambda: keras.optimizers.Adam(1e-2, clipvalue=0.1),
    "global_clipnorm": lambda: keras.optimizers.Adam(1e-2, global_clipnorm=0.1),
    "weight_decay": lambda: keras.optimizers.Adam(1e-2, weight_decay=0.1),
    "ema": lambda: keras.optimizers.Adam(1e-2, use_ema=True, ema_overwrite_frequency=2),
    "accumulation": lambda: keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2),
    "loss_scale": lambda: keras.optimizers.Adam(1e-2, loss_scale_factor=8.0),
    "adamw": lambda: keras.optimizers.AdamW(1e-2),
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-2, momentum=0.5),
    "sgd": lambda: keras.optimizers.SGD(1e-2, momentum=0.5, nesterov=True),
}


def player(make, constraint=None):
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=shape).astype("float32")) for shape in SHAPES]
    variables[0].constraint = constraint
    optimizer = make()
    optimizer.build(variables)
    return optimizer, variables


def gradients(step):
    rng = np.random.default_rng(100 + step)
    return [ops.convert_to_tensor(rng.normal(size=shape).astype("float32")) for shape in SHAPES]


def same(ours, theirs):
    for found, wanted in zip([*ours[1], *ours[0].variables], [*theirs[1], *theirs[0].variables], strict=True):
        pair = (ops.convert_to_numpy(variable.value) for variable in (found, wanted))
        np.testing.assert_allclose(*pair, rtol=3e-5, atol=3e-6, err_msg=found.path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_keras(name):
    ours, theirs = player(OPTIMIZERS[name]), player(OPTIMIZERS[name])
    for step in range(5):
        if step == 3 and name == "adam":
            for optimizer, _ in (ours, theirs):
                optimizer.learning_rate = 5e-3
        _backend.apply_gradients(ours[0], gradients(step), ours[1])
        with _backend.no_grad():
            theirs[0].apply(gradients(step), theirs[1])
    same(ours, theirs)


def test_constraints_are_kept():
    ours, theirs = (player(OPTIMIZERS["adam"], keras.constraints.MaxNorm(0.1)) for _ in range(2))
    _backend.apply_gradients(ours[0], gradients(0), ours[1])
    with _backend.no_grad():
        theirs[0].apply(gradients(0), theirs[1])
    same(ours, theirs)


def test_a_loaded_state_is_continued():
    ours, theirs = player(OPTIMIZERS["adam"]), player(OPTIMIZERS["adam"])
    for optimizer, variables in (ours, theirs):
        _backend.apply_gradients(optimizer, gradients(0), variables)
        for variable in [*variables, *optimizer.variables]:
            variable.assign(ops.ones_like(variable.value) * (7 if variable is optimizer.iterations else 0.01))
    _backend.apply_gradients(ours[0], gradients(1), ours[1])
    with _backend.no_grad():
        theirs[0].apply(gradients(1), theirs[1])
    assert int(ops.convert_to_numpy(ours[0].iterations.value)) == 8
    same(ours, theirs)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="only torch has memory layouts")
@pytest.mark.parametrize("name", ["adam", "rmsprop"])
def test_memory_layouts_do_not_matter(name):
    from kgan._backend.torch_steps import channels_last_

    ours, theirs = player(OPTIMIZERS[name]), player(OPTIMIZERS[name])
    for step in range(4):
        if step != 1:  # the weights move in memory between two steps
            channels_last_(ours[1][0])
        given = gradients(step)
        if step == 2:
            given[0] = given[0].permute(3, 2, 0, 1).contiguous().permute(2, 3, 1, 0)
        _backend.apply_gradients(ours[0], given, ours[1])
        with _backend.no_grad():
            theirs[0].apply(gradients(step), theirs[1])
    same(ours, theirs)
