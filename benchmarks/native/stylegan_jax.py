"""StyleGAN in plain JAX: pure functions in NHWC, hand-written Adam, one jitted step with donated state."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.native.jax_loop import LAYOUT, adam

SQRT2 = 2**0.5


def leaky(x):
    return jax.nn.leaky_relu(x, 0.2)


def dense(x, p, dtype, gain=SQRT2, rate=1.0):
    kernel, bias = next(p), next(p)
    scaled = kernel * (gain * rate / len(kernel) ** 0.5)
    return x.astype(dtype) @ scaled.astype(dtype) + (bias * rate).astype(dtype)


def conv(x, p, dtype, gain=SQRT2, bias=True):
    kernel = next(p)
    scaled = kernel * (gain / math.prod(kernel.shape[:-1]) ** 0.5)
    y = lax.conv_general_dilated(
        x.astype(dtype), scaled.astype(dtype), (1, 1), "SAME", dimension_numbers=LAYOUT
    )
    return y + next(p).astype(dtype) if bias else y


def blur(x):
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = 0.25 * x[:, :-2] + 0.5 * x[:, 1:-1] + 0.25 * x[:, 2:]
    return 0.25 * x[:, :, :-2] + 0.5 * x[:, :, 1:-1] + 0.25 * x[:, :, 2:]


def up(x):
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def down(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def norm(x):
    wide = x.astype("float32")
    centred = wide - wide.mean((1, 2), keepdims=True)
    return (centred * lax.rsqrt(jnp.square(centred).mean((1, 2), keepdims=True) + 1e-8)).astype(x.dtype)


def minibatch_stddev(x, group=4):
    n, h, w, c = x.shape
    spread = jnp.sqrt(x.astype("float32").reshape(group, n // group, h, w, c).var(0) + 1e-8)
    spread = jnp.tile(spread.mean((1, 2, 3)), group)[:, None, None, None]
    return jnp.concatenate([x, jnp.broadcast_to(spread, (n, h, w, 1)).astype(x.dtype)], 3)


def mapping(params, z, layers, dtype):
    p, x = iter(params), z * lax.rsqrt(jnp.square(z).mean(1, keepdims=True) + 1e-8)
    for _ in range(layers):
        x = leaky(dense(x, p, dtype, rate=0.01))
    return x


def synthesis(params, styles, noise, dtype):
    """Images by styles `[batch, layers, d]` and one noise image for each layer."""
    p = iter(params)
    x = jnp.broadcast_to(next(p), (len(styles), 4, 4, len(params[1]))).astype(dtype)
    for layer, drawn in enumerate(noise):
        if layer and layer % 2 == 0:
            x = blur(conv(up(x), p, dtype, bias=False))
        elif layer:
            x = conv(x, p, dtype, bias=False)
        strength, bias = next(p), next(p)
        x = norm(leaky(x + (drawn * strength).astype(dtype) + bias.astype(dtype)))
        scale, shift = jnp.split(dense(styles[:, layer], p, dtype, gain=1.0)[:, None, None], 2, 3)
        x = x * (scale + 1) + shift
    return conv(x, p, "float32", gain=1.0)


def discriminator(params, x, dtype):
    p = iter(params)
    x = leaky(conv(x, p, dtype))
    while x.shape[1] > 4:
        x = leaky(conv(x, p, dtype))
        x = leaky(down(conv(blur(x), p, dtype)))
    x = leaky(conv(minibatch_stddev(x), p, dtype))
    x = leaky(dense(x.reshape(len(x), -1), p, dtype))
    return dense(x, p, "float32", gain=1.0)


def fakes(g, key, drawn, case, dtype):
    """Images of fresh noise, in most batches by the styles of two z, or of given z and noise; w's mean."""
    layers, split = 2 * (case.side.bit_length() - 2), 2 * case.mapping
    if drawn is not None:
        z, noise = drawn
        w = mapping(g[:split], z, case.mapping, dtype)
        return synthesis(g[split:], jnp.repeat(w[:, None], layers, 1), noise, dtype), w.mean(0)
    n, keys = case.batch, jax.random.split(key, layers + 3)
    w = mapping(g[:split], jax.random.normal(keys[0], (2 * n, case.latent)), case.mapping, dtype)[:, None]
    cutoff = jax.random.randint(keys[1], (), 1, layers)
    cutoff = jnp.where(jax.random.uniform(keys[2]) < case.mixing, cutoff, layers)
    styles = jnp.where(jnp.arange(layers)[None, :, None] < cutoff, w[:n], w[n:])
    sides = [4 << layer // 2 for layer in range(layers)]
    noise = [jax.random.normal(k, (n, side, side, 1)) for k, side in zip(keys[3:], sides)]
    return synthesis(g[split:], styles, noise, dtype), w[:n, 0].mean(0)


def step(state, real, drawn, *, case, dtype):
    g, d, g_adam, d_adam, average, mean, key, sums = state
    key, for_d, for_g = jax.random.split(key, 3)
    drawn = (None, None) if drawn is None else drawn
    fake, w = fakes(g, for_d, drawn[0], case, dtype)
    mean = mean + 0.005 * (w - mean)

    def d_loss_fn(d):
        def summed(x):
            score = discriminator(d, x, dtype)
            return score.sum(), score

        slope, score = jax.grad(summed, has_aux=True)(real)
        r1 = 0.5 * case.gamma * jnp.square(slope).sum((1, 2, 3)).mean()
        loss = jax.nn.softplus(-score).mean() + jax.nn.softplus(discriminator(d, fake, dtype)).mean()
        return loss + r1, (loss, r1)

    grads, (d_loss, r1) = jax.grad(d_loss_fn, has_aux=True)(d)
    d, d_adam = adam(d, grads, d_adam, rate=1e-3, b1=0.0, b2=0.99)

    def g_loss_fn(g):
        fake, w = fakes(g, for_g, drawn[1], case, dtype)
        return jax.nn.softplus(-discriminator(d, fake, dtype)).mean(), w

    (g_loss, w), grads = jax.value_and_grad(g_loss_fn, has_aux=True)(g)
    mean = mean + 0.005 * (w - mean)
    g, g_adam = adam(g, grads, g_adam, rate=1e-3, b1=0.0, b2=0.99)
    average = jax.tree.map(lambda a, w: a + (1 - case.decay) * (w - a), average, g)
    losses = jnp.stack([d_loss, g_loss, r1])
    return (g, d, g_adam, d_adam, average, mean, key, sums + losses), losses


class Loop:
    """The training loop on images that are in memory; arguments as in `stylegan_torch.Loop`."""

    def __init__(self, case, data, weights, device="cpu", precision="float32", tuned=False):
        del device, tuned  # the default device
        g, d = (jax.tree.map(jnp.array, list(part)) for part in weights)
        zeros = functools.partial(jax.tree.map, jnp.zeros_like)
        adams = [(zeros(p), zeros(p), jnp.zeros(())) for p in (g, d)]
        average, mean = jax.tree.map(jnp.array, list(weights[0])), jnp.zeros(case.latent)
        self.state = (g, d, *adams, average, mean, jax.random.key(0), jnp.zeros(3))
        dtype = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}.get(precision, "float32")
        self.step = jax.jit(functools.partial(step, case=case, dtype=dtype), donate_argnums=0)
        self.data, self.batch = data, case.batch

    def run(self, steps):
        order = np.random.permutation(len(self.data))[: steps * self.batch]
        for i in range(0, len(order), self.batch):
            self.state, _ = self.step(self.state, self.data[order[i : i + self.batch]], None)
        jax.block_until_ready(self.state)

    def losses(self, drawn, steps):
        found = []
        for _ in range(steps):
            self.state, losses = self.step(self.state, self.data[: self.batch], drawn)
            found.append([float(loss) for loss in losses])
        return found
