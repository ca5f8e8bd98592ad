"""DCGAN in plain TensorFlow: one `tf.function` step in NHWC, fused batch norm and fused Adam."""

import tensorflow as tf

from benchmarks.native.shapes import LATENT


def conv(x, w, strides=2, padding="SAME"):
    # With stride 2, 4x4 kernels and even sides this pads one pixel on each side.
    return tf.nn.conv2d(x, w, strides, padding)


def conv_transpose(x, w, strides=2):
    size = 4 if strides == 1 else strides * x.shape[1]
    shape = [tf.shape(x)[0], size, size, w.shape[2]]
    return tf.nn.conv2d_transpose(x, w, shape, strides, "VALID" if strides == 1 else "SAME")


class Network:
    """A list of variables in Keras' order, read one after the other by a forward pass."""

    def __init__(self, weights, shape):
        self.shape = shape
        self.all = [tf.Variable(w) for w in weights]
        self.norms = {}  # position of gamma -> running mean and variance
        i = 0
        while i < len(weights):
            if weights[i].ndim == 1:
                self.norms[i] = self.all[i + 2 : i + 4]
                i += 4
            else:
                i += 1
        running = {id(v) for pair in self.norms.values() for v in pair}
        self.trainable = [v for v in self.all if id(v) not in running]

    def start(self):
        self.position = 0

    def next(self):
        self.position += 1
        return self.all[self.position - 1]

    def norm(self, x):
        mean, variance = self.norms[self.position]
        gamma, beta = self.next(), self.next()
        self.position += 2
        maps = x if x.shape.rank == 4 else x[:, None, None, :]
        y, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(maps, gamma, beta, epsilon=1e-5)
        mean.assign_sub(0.1 * (mean - tf.stop_gradient(batch_mean)))
        variance.assign_sub(0.1 * (variance - tf.stop_gradient(batch_variance)))
        return y if x.shape.rank == 4 else y[:, 0, 0]


class Generator(Network):
    def __call__(self, z):
        self.start()
        shape = self.shape
        if shape.dense_start:
            x = tf.nn.relu(self.norm(z @ self.next()))
            x = tf.reshape(x, (-1, shape.start, shape.start, shape.channels[0]))
        else:
            x = tf.nn.relu(self.norm(conv_transpose(tf.reshape(z, (-1, 1, 1, LATENT)), self.next(), 1)))
        for _ in shape.channels[1:-1]:
            x = tf.nn.relu(self.norm(conv_transpose(x, self.next())))
        return tf.tanh(conv_transpose(x, self.next()))


class Discriminator(Network):
    def __call__(self, x):
        self.start()
        x = tf.nn.leaky_relu(conv(x, self.next()), 0.2)
        for _ in self.shape.channels[1:-1]:
            x = tf.nn.leaky_relu(self.norm(conv(x, self.next())), 0.2)
        if self.shape.dense_start:
            return tf.reshape(x, (tf.shape(x)[0], -1)) @ self.next()
        return tf.reshape(conv(x, self.next(), 1, "VALID"), (-1, 1))


class Adam:
    def __init__(self, variables, rate=2e-4, b1=0.5, b2=0.999):
        self.variables, self.rate, self.betas = variables, rate, (b1, b2)
        self.m, self.v = ([tf.Variable(tf.zeros_like(w)) for w in variables] for _ in range(2))
        self.powers = [tf.Variable(b1), tf.Variable(b2)]

    def apply(self, gradients):
        (b1, b2), powers = self.betas, self.powers
        for w, m, v, g in zip(self.variables, self.m, self.v, gradients):
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle,
                m=m.handle,
                v=v.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=self.rate,
                beta1=b1,
                beta2=b2,
                epsilon=1e-8,
                grad=g,
            )
        for power, beta in zip(powers, self.betas):
            power.assign(power * beta)


class Loop:
    """The training loop on images that are in memory; arguments as in `torch_loop.Loop`."""

    def __init__(self, shape, data, batch, r1, weights, device="cpu", precision="float32", tuned=False):
        del device, tuned
        if precision != "float32":
            raise SystemExit(f"the native TensorFlow loop is float32, got --precision {precision}")
        self.g, self.d = Generator(weights[0], shape), Discriminator(weights[1], shape)
        self.g_adam, self.d_adam = Adam(self.g.trainable), Adam(self.d.trainable)
        self.batch, self.r1, self.data = batch, r1, data
        self.sums = tf.Variable(tf.zeros(2))
        self.step = tf.function(self.one_step)
        self.sets = {}

    def one_step(self, real, noise=None):
        n = tf.shape(real)[0]
        for_d, for_g = noise if noise is not None else [tf.random.normal((n, LATENT)) for _ in range(2)]
        fake = self.g(for_d)
        with tf.GradientTape() as tape:
            if self.r1:
                with tf.GradientTape(watch_accessed_variables=False) as inner:
                    inner.watch(real)
                    score = self.d(real)
                slope = inner.gradient(score, real)
                penalty = 0.5 * self.r1 * tf.reduce_mean(tf.reduce_sum(slope**2, (1, 2, 3)))
            else:
                score, penalty = self.d(real), 0.0
            d_loss = tf.reduce_mean(tf.nn.softplus(-score)) + tf.reduce_mean(tf.nn.softplus(self.d(fake)))
            total = d_loss + penalty
        self.d_adam.apply(tape.gradient(total, self.d.trainable))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g.trainable)
            g_loss = tf.reduce_mean(tf.nn.softplus(-self.d(self.g(for_g))))
        self.g_adam.apply(tape.gradient(g_loss, self.g.trainable))
        losses = tf.stack([d_loss, g_loss])
        self.sums.assign_add(losses)
        return losses

    def run(self, steps):
        n = steps * self.batch
        if steps not in self.sets:
            images = tf.data.Dataset.from_tensor_slices(self.data[:n])
            images = images.shuffle(n).batch(self.batch, drop_remainder=True)
            self.sets[steps] = images.prefetch(tf.data.AUTOTUNE)
        for real in self.sets[steps]:
            self.step(real)
        self.sums.numpy()

    def losses(self, noise, steps):
        real, noise = tf.constant(self.data[: self.batch]), [tf.constant(z) for z in noise]
        return [[float(loss) for loss in self.step(real, noise)] for _ in range(steps)]
