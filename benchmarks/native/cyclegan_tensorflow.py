"""CycleGAN in plain TensorFlow: functions in NHWC, `GradientTape`, the fused Adam, one `tf.function`."""

import tensorflow as tf

from benchmarks.native.tensorflow_loop import Adam

CAPACITY = 50


def conv(x, p, strides=1, padding=0):
    pads = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.conv2d(x, next(p), strides, pads) + next(p)


def up(x, p):
    kernel = next(p)
    batch, height, width, _ = x.shape
    full = (batch, 2 * height + 1, 2 * width + 1, kernel.shape[2])
    return tf.nn.conv2d_transpose(x, kernel, full, 2, "VALID")[:, 1:, 1:] + next(p)


def norm(x):
    mean, variance = tf.nn.moments(x, (1, 2), keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5)


def reflect(x, n):
    return tf.pad(x, [[0, 0], [n, n], [n, n], [0, 0]], "REFLECT")


def generator(params, x, blocks):
    p = iter(params)
    x = tf.nn.relu(norm(conv(reflect(x, 3), p)))
    for _ in range(2):
        x = tf.nn.relu(norm(conv(x, p, 2, 1)))
    for _ in range(blocks):
        y = tf.nn.relu(norm(conv(reflect(x, 1), p)))
        x = x + norm(conv(reflect(y, 1), p))
    for _ in range(2):
        x = tf.nn.relu(norm(up(x, p)))
    return tf.tanh(conv(reflect(x, 3), p))


def discriminator(params, x, stages):
    p = iter(params)
    x = tf.nn.leaky_relu(conv(x, p, 2, 1), 0.2)
    for stage in range(1, stages + 1):
        x = tf.nn.leaky_relu(norm(conv(x, p, 2 if stage < stages else 1, 1)), 0.2)
    return conv(x, p, 1, 1)


class Pool:
    def __init__(self, shape):
        self.images, self.count = tf.Variable(tf.zeros((CAPACITY, *shape))), tf.Variable(0)

    def query(self, fakes):
        found = []
        for fake in tf.unstack(fakes):
            full = self.count >= CAPACITY
            place = tf.where(full, tf.random.uniform((), 0, CAPACITY, tf.int32), self.count)
            enters = tf.logical_or(~full, tf.random.uniform(()) < 0.5)
            old = self.images[place]
            found.append(tf.where(tf.logical_and(full, enters), old, fake))
            after = tf.where(enters, fake, old)
            self.images.scatter_update(tf.IndexedSlices(after[None], place[None]))
            self.count.assign(tf.minimum(self.count + 1, CAPACITY))
        return tf.stack(found)


class Loop:
    """The training loop on images that are in memory; arguments as in `cyclegan_torch.Loop`."""

    def __init__(self, case, data, weights, device="cpu", tuned=False):
        del device, tuned
        self.nets = [[tf.Variable(w) for w in part] for part in weights]
        self.g, self.d = self.nets[0] + self.nets[1], self.nets[2] + self.nets[3]
        self.g_adam, self.d_adam = Adam(self.g), Adam(self.d)
        self.pools = [Pool(data[0].shape[1:]) for _ in range(2)]
        self.case, self.batch, self.data = case, case.batch, data
        self.sums, self.sets = tf.Variable(tf.zeros(2)), {}
        spec = tf.TensorSpec((case.batch, *data[0].shape[1:]))
        self.step = tf.function(self.one_step, input_signature=[spec, spec])

    def one_step(self, a, b):
        ab, ba = (lambda x, p=p: generator(p, x, self.case.blocks) for p in self.nets[:2])
        judges = [lambda x, p=p: discriminator(p, x, self.case.stages) for p in self.nets[2:]]
        l1 = lambda x, y: tf.reduce_mean(tf.abs(x - y))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g)
            fake_b, fake_a = ab(a), ba(b)
            g_loss = sum(
                tf.reduce_mean(tf.square(judge(x) - 1)) for judge, x in zip(judges, (fake_a, fake_b))
            )
            g_loss += 10 * (l1(ba(fake_b), a) + l1(ab(fake_a), b)) + 5 * (l1(ab(b), b) + l1(ba(a), a))
        self.g_adam.apply(tape.gradient(g_loss, self.g))
        old = [pool.query(fake) for pool, fake in zip(self.pools, (fake_a, fake_b))]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d)
            d_loss = 0.0
            for judge, real, fake in zip(judges, (a, b), old):
                squares = tf.reduce_mean(tf.square(judge(real) - 1)) + tf.reduce_mean(tf.square(judge(fake)))
                d_loss += 0.5 * squares
        self.d_adam.apply(tape.gradient(d_loss, self.d))
        losses = tf.stack([d_loss, g_loss])
        self.sums.assign_add(losses)
        return losses

    def run(self, steps):
        n = steps * self.batch
        if steps not in self.sets:
            parts = [tf.data.Dataset.from_tensor_slices(x[:n]).shuffle(n) for x in self.data]
            both = tf.data.Dataset.zip(tuple(part.batch(self.batch, drop_remainder=True) for part in parts))
            self.sets[steps] = both.prefetch(tf.data.AUTOTUNE)
        for a, b in self.sets[steps]:
            self.step(a, b)
        self.sums.numpy()

    def losses(self, steps):
        batch = [tf.constant(x[: self.batch]) for x in self.data]
        return [[float(loss) for loss in self.step(*batch)] for _ in range(steps)]
