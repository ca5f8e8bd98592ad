"""CycleGAN in plain JAX: pure functions in NHWC, hand-written Adam, one jitted step with donated state."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.native.jax_loop import LAYOUT, adam

CAPACITY = 50


def conv(x, p, strides=1, padding=0):
    pads = [(padding, padding)] * 2
    return lax.conv_general_dilated(x, next(p), (strides,) * 2, pads, dimension_numbers=LAYOUT) + next(p)


def up(x, p):
    """Twice the size; the kernel is flipped already."""
    made = lax.conv_general_dilated(
        x, next(p), (1, 1), [(1, 2)] * 2, lhs_dilation=(2, 2), dimension_numbers=LAYOUT
    )
    return made + next(p)


def norm(x):
    centred = x - jnp.mean(x, (1, 2), keepdims=True)
    return centred * lax.rsqrt(jnp.mean(jnp.square(centred), (1, 2), keepdims=True) + 1e-5)


def reflect(x, n):
    return jnp.pad(x, ((0, 0), (n, n), (n, n), (0, 0)), mode="reflect")


def generator(params, x, blocks):
    p = iter(params)
    x = jax.nn.relu(norm(conv(reflect(x, 3), p)))
    for _ in range(2):
        x = jax.nn.relu(norm(conv(x, p, 2, 1)))
    for _ in range(blocks):
        y = jax.nn.relu(norm(conv(reflect(x, 1), p)))
        x = x + norm(conv(reflect(y, 1), p))
    for _ in range(2):
        x = jax.nn.relu(norm(up(x, p)))
    return jnp.tanh(conv(reflect(x, 3), p))


def discriminator(params, x, stages):
    p = iter(params)
    x = jax.nn.leaky_relu(conv(x, p, 2, 1), 0.2)
    for stage in range(1, stages + 1):
        x = jax.nn.leaky_relu(norm(conv(x, p, 2 if stage < stages else 1, 1)), 0.2)
    return conv(x, p, 1, 1)


def query(pool, fakes, key):
    images, count = pool
    found = []
    for fake, one in zip(fakes, jax.random.split(key, len(fakes))):
        first, second = jax.random.split(one)
        full = count >= CAPACITY
        place = jnp.where(full, jax.random.randint(first, (), 0, CAPACITY), count)
        enters = ~full | (jax.random.uniform(second) < 0.5)
        found.append(jnp.where(full & enters, images[place], fake))
        images = jnp.where(enters, images.at[place].set(fake), images)
        count = jnp.minimum(count + 1, CAPACITY)
    return jnp.stack(found), (images, count)


def step(state, a, b, *, blocks, stages):
    g, d, g_adam, d_adam, pool_a, pool_b, key, sums = state
    key, for_a, for_b = jax.random.split(key, 3)
    l1 = lambda x, y: jnp.mean(jnp.abs(x - y))

    def g_loss_fn(g):
        ab, ba = (functools.partial(generator, params, blocks=blocks) for params in g)
        fake_b, fake_a = ab(a), ba(b)
        scores = [discriminator(params, x, stages) for params, x in zip(d, (fake_a, fake_b))]
        loss = sum(jnp.mean(jnp.square(score - 1)) for score in scores)
        loss = loss + 10 * (l1(ba(fake_b), a) + l1(ab(fake_a), b)) + 5 * (l1(ab(b), b) + l1(ba(a), a))
        return loss, (fake_a, fake_b)

    (g_loss, (fake_a, fake_b)), grads = jax.value_and_grad(g_loss_fn, has_aux=True)(g)
    g, g_adam = adam(g, grads, g_adam)
    old_a, pool_a = query(pool_a, fake_a, for_a)
    old_b, pool_b = query(pool_b, fake_b, for_b)

    def d_loss_fn(d):
        loss = 0.0
        for params, real, old in zip(d, (a, b), (old_a, old_b)):
            real, old = discriminator(params, real, stages), discriminator(params, old, stages)
            loss = loss + 0.5 * (jnp.mean(jnp.square(real - 1)) + jnp.mean(jnp.square(old)))
        return loss

    d_loss, grads = jax.value_and_grad(d_loss_fn)(d)
    d, d_adam = adam(d, grads, d_adam)
    losses = jnp.stack([d_loss, g_loss])
    return (g, d, g_adam, d_adam, pool_a, pool_b, key, sums + losses), losses


def turned(weights):
    """Keras' generator weights; the kernels of the two transposed convolutions, [h, w, out, in], flipped."""
    weights = list(weights)
    for place in (-6, -4):
        weights[place] = weights[place][::-1, ::-1].swapaxes(2, 3)
    return weights


class Loop:
    """The training loop on images that are in memory; arguments as in `cyclegan_torch.Loop`."""

    def __init__(self, case, data, weights, device="cpu", tuned=False):
        del device, tuned  # the default device
        g = jax.tree.map(jnp.array, [turned(part) for part in weights[:2]])
        d = jax.tree.map(jnp.array, list(weights[2:]))
        zeros = functools.partial(jax.tree.map, jnp.zeros_like)
        pools = [(jnp.zeros((CAPACITY, *data[0].shape[1:])), jnp.zeros((), int)) for _ in range(2)]
        adams = [(zeros(p), zeros(p), jnp.zeros(())) for p in (g, d)]
        self.state = (g, d, *adams, *pools, jax.random.key(0), jnp.zeros(2))
        self.step = jax.jit(functools.partial(step, blocks=case.blocks, stages=case.stages), donate_argnums=0)
        self.data, self.batch = data, case.batch

    def run(self, steps):
        orders = [np.random.permutation(steps * self.batch) for _ in range(2)]
        for i in range(0, steps * self.batch, self.batch):
            batch = (x[order[i : i + self.batch]] for x, order in zip(self.data, orders))
            self.state, _ = self.step(self.state, *batch)
        jax.block_until_ready(self.state)

    def losses(self, steps):
        found = []
        for _ in range(steps):
            self.state, losses = self.step(self.state, *(x[: self.batch] for x in self.data))
            found.append([float(loss) for loss in losses])
        return found
