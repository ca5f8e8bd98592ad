"""GAN: the adversarial game of 2014, and the frame of every system with one G and one D."""

import functools
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from kgan import _backend, layers, losses
from kgan.engine.model import AdversarialModel, Preset
from kgan.engine.schedules import ExponentialDecayFloor, LinearMomentumSGD
from kgan.errors import UsageError
from kgan.layers.prior import sample_prior
from kgan.types import Input

L = keras.layers

# The models of 2014 (public training configurations of the paper's own code).


def _generator_2014(sizes, activations, image_shape, last=None, **dense):
    blocks = [L.Dense(units, activation, **dense) for units, activation in zip(sizes[1:-1], activations[:-1])]
    blocks.append(L.Dense(sizes[-1], activations[-1], **{**dense, **(last or {})}))
    return keras.Sequential([keras.Input((sizes[0],)), *blocks, L.Reshape(image_shape)], name="generator")


def _maxout_discriminator(image_shape, units, pieces=5, **dense):
    # Dropout on the input of each layer: keep 0.8 of the image, half of the hidden units.
    return keras.Sequential(
        [
            keras.Input(image_shape),
            L.Flatten(),
            L.Dropout(0.2, seed=101),
            layers.MaxoutDense(units, pieces, **dense),
            L.Dropout(0.5, seed=102),
            layers.MaxoutDense(units, pieces, **dense),
            L.Dropout(0.5, seed=103),
            L.Dense(1, **dense),
        ],
        name="discriminator",
    )


def _uniform(limit, **more):
    return {"kernel_initializer": keras.initializers.RandomUniform(-limit, limit), **more}


def _mnist_2014():
    shape = (28, 28, 1)
    generator = _generator_2014((100, 1200, 1200, 784), ("relu", "relu", "sigmoid"), shape, **_uniform(0.05))
    discriminator = _maxout_discriminator(shape, 240, **_uniform(0.005))
    return {
        "generator": generator,
        "discriminator": discriminator,
        "prior": "uniform_sqrt3",
        "data_range": (0.0, 1.0),
        "update_mode": "simultaneous",
    }


def _column_norm(limit=1.9365):
    return {"kernel_constraint": keras.constraints.MaxNorm(limit, axis=0)}


def _tfd_stage1():
    shape, norm = (48, 48, 1), _column_norm()
    generator = keras.Sequential(
        [
            keras.Input((100,)),
            L.Dense(8000, "relu", **_uniform(0.05), **norm),
            L.Dense(8000, "sigmoid", bias_initializer=keras.initializers.Constant(-2.0), **norm),
            L.Dense(2304, "sigmoid", kernel_initializer=layers.SparseNormal(100), **norm),
            L.Reshape(shape),
        ],
        name="generator",
    )
    discriminator = _maxout_discriminator(shape, 1200, **_uniform(0.005), **norm)
    return {"generator": generator, "discriminator": discriminator, "data_range": (0.0, 1.0)}


def _tfd_stage2():
    stage1 = _tfd_stage1()
    return {**stage1, "generator": put_below(stage1["generator"])}


def put_below(generator):
    """Puts the second stage of the TFD model, 100 -> 8000 ReLU -> 100 sigmoid, below a trained generator.

    Args:
        generator: the generator of preset `gan_tfd_2014_stage1`.

    Example:

    >>> import keras
    >>> stage1 = keras.Sequential([keras.Input((100,)), keras.layers.Dense(4)])
    >>> put_below(stage1).output_shape
    (None, 4)
    """
    norm = _column_norm()
    front = [L.Dense(8000, "relu", **_uniform(0.05), **norm), L.Dense(100, "sigmoid", **norm)]
    return keras.Sequential([keras.Input((100,)), *front, *generator.layers], name="generator")


def _cifar_2014():
    shape = (32, 32, 3)
    generator = _generator_2014(
        (100, 8000, 8000, 3072), ("relu", "sigmoid", None), shape, last=_uniform(0.5), **_uniform(0.05)
    )
    discriminator = _maxout_discriminator(shape, 1600, **_uniform(0.005))
    return {"generator": generator, "discriminator": discriminator, "contrast_scale": 55.0}


def _cifar_conv_2014():
    generator = keras.Sequential(
        [
            keras.Input((100,)),
            L.Dense(8000, "relu", **_uniform(0.05)),
            L.Dense(8000, "sigmoid", **_uniform(0.05)),
            L.Reshape((10, 10, 80)),
            layers.Conv2DTranspose(3, 5, strides=3, padding="valid", **_uniform(0.05)),
        ],
        name="generator",
    )
    small = _uniform(0.005)
    discriminator = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            L.Dropout(0.2, seed=101),
            layers.MaxoutConv2D(32, 2, 8, padding=4, pool_size=4, pool_stride=2, **small),
            L.Dropout(0.5, seed=102),
            layers.MaxoutConv2D(32, 2, 8, padding=3, pool_size=4, pool_stride=2, **small),
            L.Dropout(0.5, seed=103),
            layers.MaxoutConv2D(192, 2, 5, padding=3, pool_size=2, pool_stride=2, **small),
            L.Dropout(0.5, seed=104),
            L.Flatten(),
            layers.MaxoutDense(500, 5, **small),
            L.Dropout(0.5, seed=105),
            L.Dense(1, **small),
        ],
        name="discriminator",
    )
    return {"generator": generator, "discriminator": discriminator, "contrast_scale": 55.0}


def _training_2014(learning_rate, updates_per_epoch):
    # Momentum from 0.5 to 0.7 over epochs 1 to 250, lr_t = max(lr_0 / 1.000004^t, 1e-6).
    def sgd():
        rate = ExponentialDecayFloor(learning_rate, decay=1.000004, floor=1e-6)
        return LinearMomentumSGD(rate, 0.5, 0.7, updates_per_epoch, 250 * updates_per_epoch)

    return {
        "optimizer": {"generator": sgd(), "discriminator": sgd()},
        # The code of 2014 halves the discriminator's loss.
        "loss": losses.NonSaturating(discriminator_weight=0.5),
    }


# The simple model of the tutorials: MLP, LeakyReLU 0.2, Adam.


def _tutorial(batch_norm_epsilon=1e-5):
    # Public notebooks pass 0.8 to BatchNorm1d's second argument, which is epsilon, not momentum.
    normal = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.02)}
    scale = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)
    blocks = [L.Dense(128, **normal), L.LeakyReLU(0.2)]
    for units in (256, 512, 1024):
        norm = L.BatchNormalization(momentum=0.9, epsilon=batch_norm_epsilon, gamma_initializer=scale)
        blocks += [L.Dense(units, **normal), norm, L.LeakyReLU(0.2)]
    output = [L.Dense(784, "tanh", **normal), L.Reshape((28, 28, 1))]
    generator = keras.Sequential([keras.Input((100,)), *blocks, *output], name="generator")
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Flatten(),
            L.Dense(512, **normal),
            L.LeakyReLU(0.2),
            L.Dense(256, **normal),
            L.LeakyReLU(0.2),
            L.Dense(1, **normal),
        ],
        name="discriminator",
    )
    return {"generator": generator, "discriminator": discriminator}


def _adam(learning_rate=2e-4):
    # Keras' own defaults differ from the sources: epsilon 1e-7.
    return keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8)


def _training_tutorial():
    return {
        "optimizer": {"generator": _adam(), "discriminator": _adam()},
        "loss": losses.NonSaturating(discriminator_weight=0.5),
    }


_PRESETS = {
    "gan_mnist_2014": Preset(
        "MNIST, ReLU/sigmoid generator, maxout and dropout discriminator (Goodfellow et al., 2014)",
        _mnist_2014,
        functools.partial(_training_2014, 0.1, 500),
        100,
    ),
    "gan_tfd_2014_stage1": Preset(
        "Toronto Faces 48x48, first stage (Goodfellow et al., 2014)",
        _tfd_stage1,
        functools.partial(_training_2014, 0.05, 1000),
        100,
    ),
    "gan_tfd_2014_stage2": Preset(
        "Toronto Faces 48x48, second stage below the first (Goodfellow et al., 2014)",
        _tfd_stage2,
        functools.partial(_training_2014, 0.05, 1000),
        100,
    ),
    "gan_cifar10_2014": Preset(
        "CIFAR-10, fully connected (Goodfellow et al., 2014)",
        _cifar_2014,
        functools.partial(_training_2014, 0.025, 400),
        100,
    ),
    "gan_cifar10_conv_2014": Preset(
        "CIFAR-10, deconvolution and maxout convolutions (Goodfellow et al., 2014)",
        _cifar_conv_2014,
        functools.partial(_training_2014, 0.004, 312),
        128,
    ),
    "gan_mnist_tutorial": Preset(
        "MNIST, the MLP of the tutorials: LeakyReLU, batch norm, Adam 2e-4",
        _tutorial,
        _training_tutorial,
        32,
    ),
}


@keras.saving.register_keras_serializable("kgan")
class GAN(AdversarialModel):
    """A generator and a discriminator that play a two-player game.

    Each train step moves the discriminator `discriminator_steps` times and then the generator once, on
    fresh noise. The discriminator gives logits; the losses contain the sigmoid.

    Args:
        generator: built Keras network `[batch, latent_dim]` -> `[batch, height, width, channels]`.
        discriminator: built Keras network from such images to logits `[batch, 1]`.
        prior: law of the noise: "normal", "uniform" U(-1, 1), "uniform01" U(0, 1), "uniform_sqrt3" or
            "sphere".
        discriminator_steps: k, updates of the discriminator per train step, >= 1.
        split_batch: with k > 1, give each discriminator update its own k-th part of the batch (the
            paper's fresh data for each) instead of the whole batch k times.
        update_mode: "alternating", or "simultaneous": both gradients at the same point, applied together,
            as the code of 2014 did.
        data_range: (low, high) of the images inside the game; batches arrive in [-1, 1].
        contrast_scale: standard deviation of globally contrast-normalised images, or `None` for images
            in `data_range`. Samples are then unbounded and divided by their largest value for display.
        average: `kgan.engine.MovingAverage` of the generator, or `None`.
        preset: name of the published configuration.
        seed: int, seeds the noise of training.

    Raises:
        UsageError: an argument breaks its rule, or the networks do not fit each other.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014.

    Example:

    >>> import numpy as np
    >>> gan = GAN.tiny()
    >>> gan.compile()
    >>> history = gan.fit(np.zeros((8, *gan.image_shape), "float32"), batch_size=4, verbose=0)
    >>> sorted(history.history)
    ['discriminator_loss', 'generator_loss']
    >>> gan.sample(2, seed=0).shape
    (2, 4, 4, 1)
    """

    presets: ClassVar[dict[str, Preset]] = _PRESETS

    def __init__(
        self,
        generator,
        discriminator,
        *,
        prior="normal",
        discriminator_steps=1,
        split_batch=False,
        update_mode="alternating",
        data_range=(-1.0, 1.0),
        contrast_scale=None,
        average=None,
        preset=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(average=average, preset=preset, seed=seed, **kwargs)
        if not isinstance(discriminator_steps, int) or discriminator_steps < 1:
            raise UsageError(f"discriminator_steps must be an integer >= 1, got {discriminator_steps}")
        if update_mode not in ("alternating", "simultaneous"):
            raise UsageError(f'update_mode must be "alternating" or "simultaneous", got {update_mode!r}')
        if update_mode == "simultaneous" and discriminator_steps > 1:
            raise UsageError(
                f"discriminator_steps must be 1 when updates are simultaneous, got {discriminator_steps}"
            )
        for name, network in (("generator", generator), ("discriminator", discriminator)):
            if not network.built:
                raise UsageError(f"the {name} must be built: begin it with keras.Input, got {network.name}")
        self.generator = generator
        self.discriminator = discriminator
        made, judged = self.image_shape, self.judged_shape
        if made != judged:
            raise UsageError(f"the generator makes {made}, but the discriminator takes {judged}")
        self.prior = prior
        self.discriminator_steps = discriminator_steps
        self.split_batch = split_batch
        self.update_mode = update_mode
        self.data_range = tuple(data_range)
        self.contrast_scale = contrast_scale
        self.contrast = contrast_scale and layers.GlobalContrastNormalization(contrast_scale)
        if self.contrast:
            self.contrast.build((None, *self.image_shape))
        self.finish()

    @property
    def latent_shape(self):
        """Shape of one noise sample."""
        return tuple(self.generator.input_shape[1:])

    @property
    def image_shape(self):
        """(height, width, channels) of an image."""
        return tuple(self.generator.output_shape[1:])

    @property
    def judged_shape(self):
        """Shape of the images that the discriminator takes."""
        return tuple(self.discriminator.input_shape[1:])

    def players(self):
        return {"discriminator": [self.discriminator], "generator": [self.generator]}

    def default_training(self):
        return {
            "optimizer": {"generator": _adam(), "discriminator": _adam()},
            "loss": losses.NonSaturating(),
        }

    # Algorithm 1 of the paper.
    def adversarial_step(self, batch):
        real = self.to_data_range(batch[0] if isinstance(batch, tuple | list) else batch)
        count = ops.shape(real)[0]
        if self.update_mode == "simultaneous":
            self._simultaneous(real)
        else:
            k = self.discriminator_steps
            parts = ops.split(real, k) if self.split_batch and k > 1 else [real] * k
            for part in parts:
                fake = self.fakes(ops.shape(part)[0])
                self.update("discriminator", functools.partial(self.discriminator_loss, part, fake))
            self.update("generator", functools.partial(self.generator_loss, parts[-1]))
        if self.average is not None:
            with _backend.no_grad():
                self.average.update(count)

    def _simultaneous(self, real):
        fake = self.fakes(ops.shape(real)[0])
        for_d = self.gradients("discriminator", functools.partial(self.discriminator_loss, real, fake))
        for_g = self.gradients("generator", functools.partial(self.generator_loss, real))
        self.apply_gradients("discriminator", for_d)
        self.apply_gradients("generator", for_g)

    def to_data_range(self, images):
        """Images from [-1, 1] to the range of the game."""
        if self.contrast:
            return self.contrast(images)
        low, high = self.data_range
        return images if (low, high) == (-1.0, 1.0) else low + (images + 1.0) * ((high - low) / 2.0)

    def latents(self, count):
        """Noise `[count, *latent_shape]`."""
        return sample_prior(self.prior, (count, *self.latent_shape), self.seed_generator)

    def fakes(self, count):
        """Generated images without a gradient."""
        with _backend.no_grad():
            return ops.stop_gradient(self.run_network(self.generator, self.latents(count)))

    def discriminate(self, images):
        """Logits of the discriminator in training mode."""
        return self.run_network(self.discriminator, images)

    def discriminator_loss(self, real, fake):
        """The discriminator's loss on reals and fakes, with its penalties."""
        # Reals and fakes in separate passes: batch statistics are never mixed.
        real_score, fake_score, penalty, logs = self.penalized_scores(
            "discriminator", self.discriminate, real, fake
        )
        loss = self.loss_function.discriminator(real_score, fake_score)
        return loss + penalty, {"discriminator_loss": loss, **logs}

    def generator_loss(self, real):
        """The generator's loss on fresh fakes."""
        fake = self.run_network(self.generator, self.latents(ops.shape(real)[0]))
        fake_score = self.discriminate(fake)
        real_score = None
        if self.loss_function.needs_real:
            real_score = ops.stop_gradient(self.discriminate(real))
        loss = self.loss_function.generator(fake_score, real_score)
        return loss, {"generator_loss": loss}

    def sampling_inputs(self):
        return (Input("z", self.latent_shape, "float32", self.prior, "latent noise"),)

    def set_output_bias(self, mean):
        """Starts the sigmoid output's bias at logit(mean pixel), as the models of 2014 do.

        Args:
            mean: mean image in [0, 1], broadcast to the output's units.
        """
        mean = np.clip(np.broadcast_to(np.asarray(mean), self.image_shape).ravel(), 1e-7, 1 - 1e-7)
        output = next(layer for layer in reversed(self.generator.layers) if layer.weights)
        output.bias.assign(np.log(mean / (1.0 - mean)).astype("float32"))

    def display(self, images):
        if self.contrast:
            largest = ops.max(ops.abs(images), axis=(1, 2, 3), keepdims=True)
            return ops.divide(images, ops.maximum(largest, 1e-8))
        return images

    def get_config(self):
        networks = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("generator", "discriminator")
        }
        names = ("prior", "discriminator_steps", "split_batch", "update_mode", "contrast_scale")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **networks, **own, "data_range": list(self.data_range)}

    @classmethod
    def tiny(cls):
        """The smallest instance, with settings that differ from the defaults."""
        generator = keras.Sequential(
            [keras.Input((3,)), L.Dense(16, activation="sigmoid"), L.Reshape((4, 4, 1))], name="generator"
        )
        discriminator = keras.Sequential(
            [
                keras.Input((4, 4, 1)),
                L.Flatten(),
                layers.MaxoutDense(4, 2),
                L.Dropout(0.3, seed=11),
                L.Dense(1),
            ],
            name="discriminator",
        )
        return cls(
            generator,
            discriminator,
            prior="uniform_sqrt3",
            discriminator_steps=2,
            data_range=(0.0, 1.0),
            seed=5,
        )
