import keras
import numpy as np
import pytest

from kgan.models import GAN


class Dots(keras.utils.PyDataset):
    """Small images whose order depends on the epoch, as kgan's own data sets have it."""

    fingerprint = "dots"

    def __init__(self, batches=6, batch_size=4):
        super().__init__()
        shape = (batches * batch_size, 4, 4, 1)
        self.images = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
        self.batch_size, self.epoch = batch_size, 0

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return len(self.images) // self.batch_size

    def __getitem__(self, index):
        order = np.random.default_rng(self.epoch).permutation(len(self.images))
        return self.images[order[index * self.batch_size :][: self.batch_size]]


@pytest.fixture
def dots():
    return Dots()


@pytest.fixture
def make_gan():
    """Makes the smallest GAN, whose discriminator has dropout; weights are seeded."""

    def make(seed=0):
        keras.utils.set_random_seed(seed)
        gan = GAN.tiny()
        gan.compile()
        return gan

    return make


@pytest.fixture
def fit():
    """Trains as `kgan run` does: silently, in the data set's own order."""

    def train(model, data, callbacks, **more):
        return model.fit(data, callbacks=callbacks, shuffle=False, verbose=0, **more)

    return train


@pytest.fixture
def state_of():
    """Every variable of a model, with optimizers, seeds and metrics, as arrays."""

    def arrays(model):
        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        return [keras.ops.convert_to_numpy(variable.value) for variable in variables]

    return arrays


class Play:
    """Calls the hooks of callbacks as `fit` does, without training."""

    def __init__(self, model, callbacks, steps=6):
        self.model, self.callbacks, self.steps = model, callbacks, steps

    def __call__(self, first, last, logs=None):
        for callback in self.callbacks:
            callback.set_model(self.model)
            callback.set_params({"epochs": last, "steps": self.steps})
        self.each("on_train_begin")
        for epoch in range(first, last):
            self.each("on_epoch_begin", epoch)
            for batch in range(self.steps):
                self.each("on_train_batch_begin", batch)
                self.model.optimizer.iterations.assign_add(1)
            self.each("on_epoch_end", epoch, logs or {"loss": 0.1 * epoch})
        self.each("on_train_end")

    def each(self, hook, *arguments):
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)


@pytest.fixture
def play():
    """`play(model, callbacks, steps)(first_epoch, last_epoch, logs)`."""
    return Play
