"""The seam: the verbs that differ between TensorFlow, PyTorch and JAX, with one meaning each.

`value_and_grad(fn, variables)`  `fn() -> (loss, aux)`; returns `(aux, gradients)` for the named variables.
`input_gradient(fn, x)`          `(fn(x), gradient of sum(fn(x)) by x)`, differentiable once more.
`apply_gradients(optimizer, gradients, variables)`  one optimizer step.
`maybe(condition, fn)`           runs the stateful `fn` when the condition holds, also inside a compiled step.
`value_if(condition, fn)`        the scalar `fn()` when the condition holds, else 0; differentiable.
`conv(ordinary, x, kernel, strides, pads)`  `ordinary(x, kernel)`, an NHWC convolution with these pads, by
    a way that the backend runs faster where there is one; `pads` is None for any other convolution.
`conv_transpose(ordinary, x, kernel, strides, pads, size)`  likewise the transpose of such a convolution of
    images of this size.
`forward(network, x, training)`  the network's output; a shorter way to it where a backend needs one.
`no_grad()`                      a context in which nothing is recorded for differentiation.
`SeedGenerator(seed)`            `keras.random.SeedGenerator`, with quick draws.
`increment(variable)`            adds one to an integer scalar.
`put_rows(variable, rows, values)`  writes `values[i]` to the variable's row `rows[i]`; what is written to the
    same row must be the same.
`add_logs`, `mean_logs`          the arithmetic of `kgan.engine.logs`.
`replicas()`                     the number of replicas that share a batch.
`random_state()`                 bytes for each generator that draws outside Keras' seeds, for checkpoints.
`set_random_state(state)`        puts these generators back.
`TrainStep`                      adapts `stateful_step(data)` to the Trainer's `train_step`.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from kgan._backend.tensorflow import (
        SeedGenerator,
        TrainStep,
        add_logs,
        apply_gradients,
        conv,
        conv_transpose,
        forward,
        increment,
        input_gradient,
        maybe,
        mean_logs,
        no_grad,
        put_rows,
        random_state,
        replicas,
        set_random_state,
        value_and_grad,
        value_if,
    )
elif keras.backend.backend() == "torch":
    from kgan._backend.torch import (
        SeedGenerator,
        TrainStep,
        add_logs,
        apply_gradients,
        conv,
        conv_transpose,
        forward,
        increment,
        input_gradient,
        maybe,
        mean_logs,
        no_grad,
        put_rows,
        random_state,
        replicas,
        set_random_state,
        value_and_grad,
        value_if,
    )
elif keras.backend.backend() == "jax":
    from kgan._backend.jax import (
        SeedGenerator,
        TrainStep,
        add_logs,
        apply_gradients,
        conv,
        conv_transpose,
        forward,
        increment,
        input_gradient,
        maybe,
        mean_logs,
        no_grad,
        put_rows,
        random_state,
        replicas,
        set_random_state,
        value_and_grad,
        value_if,
    )
else:
    raise ImportError(f"the Keras backend must be tensorflow, jax or torch, got {keras.backend.backend()}")

__all__ = [
    "SeedGenerator",
    "TrainStep",
    "add_logs",
    "apply_gradients",
    "conv",
    "conv_transpose",
    "forward",
    "increment",
    "input_gradient",
    "maybe",
    "mean_logs",
    "no_grad",
    "put_rows",
    "random_state",
    "replicas",
    "set_random_state",
    "value_and_grad",
    "value_if",
]
