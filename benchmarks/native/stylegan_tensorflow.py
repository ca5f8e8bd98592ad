"""StyleGAN in plain TensorFlow: functions in NHWC, `GradientTape`, the fused Adam, one `tf.function`."""

import math

import tensorflow as tf

from benchmarks.native.tensorflow_loop import Adam

SQRT2 = 2**0.5


def leaky(x):
    return tf.nn.leaky_relu(x, 0.2)


def dense(x, p, dtype, gain=SQRT2, rate=1.0):
    kernel, bias = next(p), next(p)
    scaled = kernel * (gain * rate / kernel.shape[0] ** 0.5)
    return tf.cast(x, dtype) @ tf.cast(scaled, dtype) + tf.cast(bias * rate, dtype)


def conv(x, p, dtype, gain=SQRT2, bias=True):
    kernel = next(p)
    scaled = kernel * (gain / math.prod(kernel.shape[:-1]) ** 0.5)
    y = tf.nn.conv2d(tf.cast(x, dtype), tf.cast(scaled, dtype), 1, "SAME")
    return y + tf.cast(next(p), dtype) if bias else y


def blur(x):
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    x = 0.25 * x[:, :-2] + 0.5 * x[:, 1:-1] + 0.25 * x[:, 2:]
    return 0.25 * x[:, :, :-2] + 0.5 * x[:, :, 1:-1] + 0.25 * x[:, :, 2:]


def up(x):
    n, h, w, c = x.shape
    return tf.reshape(tf.tile(x[:, :, None, :, None], (1, 1, 2, 1, 2, 1)), (n, 2 * h, 2 * w, c))


def norm(x):
    wide = tf.cast(x, "float32")
    centred = wide - tf.reduce_mean(wide, (1, 2), keepdims=True)
    scale = tf.math.rsqrt(tf.reduce_mean(tf.square(centred), (1, 2), keepdims=True) + 1e-8)
    return tf.cast(centred * scale, x.dtype)


def minibatch_stddev(x, group=4):
    n, h, w, c = x.shape
    wide = tf.reshape(tf.cast(x, "float32"), (group, n // group, h, w, c))
    variance = tf.reduce_mean(tf.square(wide - tf.reduce_mean(wide, 0, keepdims=True)), 0)
    spread = tf.reduce_mean(tf.sqrt(variance + 1e-8), (1, 2, 3))[:, None, None, None]
    return tf.concat([x, tf.cast(tf.tile(spread, (group, h, w, 1)), x.dtype)], 3)


def mapping(params, z, layers, dtype):
    p, x = iter(params), z * tf.math.rsqrt(tf.reduce_mean(tf.square(z), 1, keepdims=True) + 1e-8)
    for _ in range(layers):
        x = leaky(dense(x, p, dtype, rate=0.01))
    return x


def synthesis(params, styles, noise, dtype):
    """Images by styles `[batch, layers, d]` and one noise image for each layer."""
    p = iter(params)
    x = tf.cast(tf.tile(next(p)[None], (styles.shape[0], 1, 1, 1)), dtype)
    for layer, drawn in enumerate(noise):
        if layer and layer % 2 == 0:
            x = blur(conv(up(x), p, dtype, bias=False))
        elif layer:
            x = conv(x, p, dtype, bias=False)
        strength, bias = next(p), next(p)
        x = norm(leaky(x + tf.cast(drawn * strength, dtype) + tf.cast(bias, dtype)))
        scale, shift = tf.split(dense(styles[:, layer], p, dtype, gain=1.0)[:, None, None], 2, 3)
        x = x * (scale + 1) + shift
    return conv(x, p, tf.float32, gain=1.0)


def discriminator(params, x, dtype):
    p = iter(params)
    x = leaky(conv(x, p, dtype))
    while x.shape[1] > 4:
        x = leaky(conv(x, p, dtype))
        x = leaky(tf.nn.avg_pool2d(conv(blur(x), p, dtype), 2, 2, "VALID"))
    x = leaky(conv(minibatch_stddev(x), p, dtype))
    x = leaky(dense(tf.reshape(x, (x.shape[0], -1)), p, dtype))
    return dense(x, p, tf.float32, gain=1.0)


class Loop:
    """The training loop on images that are in memory; arguments as in `stylegan_torch.Loop`."""

    def __init__(self, case, data, weights, device="cpu", precision="float32", tuned=False):
        del device, tuned
        self.g, self.d = ([tf.Variable(w) for w in part] for part in weights)
        self.average, self.mean = [tf.Variable(w) for w in weights[0]], tf.Variable(tf.zeros(case.latent))
        self.g_adam, self.d_adam = (Adam(w, 1e-3, 0.0, 0.99) for w in (self.g, self.d))
        self.case, self.data, self.sets = case, data, {}
        self.layers, self.split = 2 * (case.side.bit_length() - 2), 2 * case.mapping
        self.dtype = {"mixed_float16": tf.float16, "mixed_bfloat16": tf.bfloat16}.get(precision, tf.float32)
        self.sums = tf.Variable(tf.zeros(3))
        self.step = tf.function(self.one_step)

    def fakes(self, drawn):
        """Images of fresh noise, in most batches by the styles of two z; or of given z and noise."""
        case, layers = self.case, self.layers
        if drawn is not None:
            z, noise = drawn
            w = mapping(self.g[: self.split], z, case.mapping, self.dtype)
            return synthesis(self.g[self.split :], tf.repeat(w[:, None], layers, 1), noise, self.dtype)
        n = case.batch
        z = tf.random.normal((2 * n, case.latent))
        w = mapping(self.g[: self.split], z, case.mapping, self.dtype)[:, None]
        self.mean.assign_add(0.005 * (tf.cast(tf.reduce_mean(w[:n, 0], 0), "float32") - self.mean))
        cutoff = tf.random.uniform((), 1, layers, tf.int32)
        cutoff = tf.where(tf.random.uniform(()) < case.mixing, cutoff, layers)
        styles = tf.where(tf.range(layers)[None, :, None] < cutoff, w[:n], w[n:])
        sides = [4 << layer // 2 for layer in range(layers)]
        noise = [tf.random.normal((n, side, side, 1)) for side in sides]
        return synthesis(self.g[self.split :], styles, noise, self.dtype)

    def one_step(self, real, drawn=None):
        drawn = (None, None) if drawn is None else drawn
        fake = self.fakes(drawn[0])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(real)
                score = discriminator(self.d, real, self.dtype)
            slope = inner.gradient(score, real)
            r1 = 0.5 * self.case.gamma * tf.reduce_mean(tf.reduce_sum(slope**2, (1, 2, 3)))
            d_loss = tf.reduce_mean(tf.nn.softplus(-score))
            d_loss += tf.reduce_mean(tf.nn.softplus(discriminator(self.d, fake, self.dtype)))
            total = d_loss + r1
        self.d_adam.apply(tape.gradient(total, self.d))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g)
            score = discriminator(self.d, self.fakes(drawn[1]), self.dtype)
            g_loss = tf.reduce_mean(tf.nn.softplus(-score))
        self.g_adam.apply(tape.gradient(g_loss, self.g))
        for average, w in zip(self.average, self.g):
            average.assign_add((1 - self.case.decay) * (w - average))
        losses = tf.stack([d_loss, g_loss, r1])
        self.sums.assign_add(losses)
        return losses

    def run(self, steps):
        n = steps * self.case.batch
        if steps not in self.sets:
            images = tf.data.Dataset.from_tensor_slices(self.data[:n])
            images = images.shuffle(n).batch(self.case.batch, drop_remainder=True)
            self.sets[steps] = images.prefetch(tf.data.AUTOTUNE)
        for real in self.sets[steps]:
            self.step(real)
        self.sums.numpy()

    def losses(self, drawn, steps):
        real = tf.constant(self.data[: self.case.batch])
        drawn = [(tf.constant(z), [tf.constant(x) for x in noise]) for z, noise in drawn]
        return [[float(loss) for loss in self.step(real, drawn)] for _ in range(steps)]
