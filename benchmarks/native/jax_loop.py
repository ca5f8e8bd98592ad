"""DCGAN in plain JAX: pure functions in NHWC, hand-written Adam, one jitted step with donated state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.native.shapes import LATENT

LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv(x, w, dtype, strides=2, padding=1):
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(
        x.astype(dtype), w.astype(dtype), (strides,) * 2, pads, dimension_numbers=LAYOUT
    )


def conv_transpose(x, w, dtype, strides=2, padding=2):
    pads = [(padding, padding)] * 2
    return lax.conv_transpose(
        x.astype(dtype), w.astype(dtype), (strides,) * 2, pads, dimension_numbers=LAYOUT
    )


def batch_norm(x, weights, momentum=0.9, epsilon=1e-5):
    """Normalised x, and the running statistics after it."""
    gamma, beta, running_mean, running_var = weights
    dtype, x = x.dtype, x.astype("float32")
    axes = tuple(range(x.ndim - 1))
    mean = jnp.mean(x, axes)
    var = jnp.mean(jnp.square(x), axes) - jnp.square(mean)
    y = (x - mean) * (lax.rsqrt(var + epsilon) * gamma) + beta
    running = (
        momentum * running_mean + (1 - momentum) * lax.stop_gradient(mean),
        momentum * running_var + (1 - momentum) * lax.stop_gradient(var),
    )
    return y.astype(dtype), running


def generator(params, running, z, shape, dtype):
    p, r, new = iter(params), iter(running), []

    def norm(x):
        y, after = batch_norm(x, (next(p), next(p), *next(r)))
        new.append(after)
        return jax.nn.relu(y)

    if shape.dense_start:
        x = norm(z.astype(dtype) @ next(p).astype(dtype))
        x = x.reshape(-1, shape.start, shape.start, shape.channels[0])
    else:
        x = norm(conv_transpose(z.reshape(-1, 1, 1, LATENT), next(p), dtype, 1, 3))
    for _ in shape.channels[1:-1]:
        x = norm(conv_transpose(x, next(p), dtype))
    return jnp.tanh(conv_transpose(x, next(p), dtype).astype("float32")), new


def discriminator(params, running, x, shape, dtype):
    p, r, new = iter(params), iter(running), []
    x = jax.nn.leaky_relu(conv(x, next(p), dtype), 0.2)
    for _ in shape.channels[1:-1]:
        x = conv(x, next(p), dtype)
        x, after = batch_norm(x, (next(p), next(p), *next(r)))
        new.append(after)
        x = jax.nn.leaky_relu(x, 0.2)
    if shape.dense_start:
        return x.reshape(len(x), -1).astype("float32") @ next(p), new
    return conv(x, next(p), dtype, 1, 0).reshape(len(x), 1).astype("float32"), new


def adam(params, grads, state, rate=2e-4, b1=0.5, b2=0.999, epsilon=1e-8):
    m, v, t = state
    t = t + 1
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, grads)
    alpha = rate * jnp.sqrt(1 - b2**t) / (1 - b1**t)
    params = jax.tree.map(lambda p, m, v: p - alpha * m / (jnp.sqrt(v) + epsilon), params, m, v)
    return params, (m, v, t)


def step(state, real, noise, *, shape, r1, dtype):
    g, d, g_run, d_run, g_adam, d_adam, key, sums = state
    key, k1, k2 = jax.random.split(key, 3)
    drawn = [jax.random.normal(k, (len(real), LATENT)) for k in (k1, k2)]
    for_d, for_g = drawn if noise is None else noise
    fake, g_run = generator(g, g_run, for_d, shape, dtype)

    def d_loss_fn(d):
        score = lambda x: discriminator(d, d_run, x, shape, dtype)
        if r1:
            slope, (real_score, running) = jax.grad(
                lambda x: (lambda y: (y[0].sum(), y))(score(x)), has_aux=True
            )(real)
            penalty = 0.5 * r1 * jnp.mean(jnp.sum(jnp.square(slope), (1, 2, 3)))
        else:
            real_score, running = score(real)
            penalty = 0.0
        fake_score, running = discriminator(d, running, fake, shape, dtype)
        loss = jnp.mean(jax.nn.softplus(-real_score)) + jnp.mean(jax.nn.softplus(fake_score))
        return loss + penalty, (loss, running)

    grads, (d_loss, d_run) = jax.grad(d_loss_fn, has_aux=True)(d)
    d, d_adam = adam(d, grads, d_adam)

    def g_loss_fn(g):
        fake, running = generator(g, g_run, for_g, shape, dtype)
        score, d_running = discriminator(d, d_run, fake, shape, dtype)
        loss = jnp.mean(jax.nn.softplus(-score))
        return loss, (loss, running, d_running)

    grads, (g_loss, g_run, d_run) = jax.grad(g_loss_fn, has_aux=True)(g)
    g, g_adam = adam(g, grads, g_adam)
    losses = jnp.stack([d_loss, g_loss])
    return (g, d, g_run, d_run, g_adam, d_adam, key, sums + losses), losses


def split(weights):
    """Keras' weights as trainable ones and (mean, variance) pairs."""
    params, running, i = [], [], 0
    while i < len(weights):
        if i + 3 < len(weights) and weights[i].ndim == 1:  # gamma, beta, mean, variance
            params += weights[i : i + 2]
            running.append(tuple(weights[i + 2 : i + 4]))
            i += 4
        else:
            params.append(weights[i])
            i += 1
    return params, running


class Loop:
    """The training loop on images that are in memory; arguments as in `torch_loop.Loop`."""

    def __init__(self, shape, data, batch, r1, weights, device="cpu", precision="float32", tuned=False):
        del device, tuned  # the default device
        # A transposed kernel of Keras is [h, w, out, in], to be flipped.
        turned = [w[::-1, ::-1].swapaxes(2, 3) if w.ndim == 4 else w for w in weights[0]]
        (g, g_run), (d, d_run) = (jax.tree.map(jnp.array, split(w)) for w in (turned, weights[1]))
        zeros = functools.partial(jax.tree.map, jnp.zeros_like)
        self.state = (g, d, g_run, d_run, *((zeros(p), zeros(p), jnp.zeros(())) for p in (g, d)))
        self.state += (jax.random.key(0), jnp.zeros(2))
        dtype = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}.get(precision, "float32")
        self.step = jax.jit(functools.partial(step, shape=shape, r1=r1, dtype=dtype), donate_argnums=0)
        self.data, self.batch = data, batch

    def run(self, steps):
        order = np.random.permutation(steps * self.batch)
        for i in range(0, len(order), self.batch):
            self.state, _ = self.step(self.state, self.data[order[i : i + self.batch]], None)
        jax.block_until_ready(self.state)

    def losses(self, noise, steps):
        found = []
        for _ in range(steps):
            self.state, losses = self.step(self.state, self.data[: self.batch], list(noise))
            found.append([float(loss) for loss in losses])
        return found
