"""Learned inference: an encoder from images back to the noise of a trained, frozen generator."""

import dataclasses

import keras
import numpy as np

from kgan import latents
from kgan.errors import UsageError
from kgan.figures import decoding

L = keras.layers


class GeneratedPairs(keras.utils.PyDataset):
    """Pairs (G(z), z) of a frozen generator, drawn anew in each epoch, to train an encoder on.

    Batch i of epoch e is a function of (seed, e, i) and of the generator alone. Conditions of the generator,
    such as classes, are drawn too; the encoder does not see them.

    Args:
        model: a `kgan.engine.AdversarialModel` whose samples are images; its average is used if it has one.
        num_examples: pairs of an epoch, >= `batch_size`.
        batch_size: pairs per batch, >= 1.
        seed: int >= 0.

    Attributes:
        image_shape: (height, width, channels).
        latent_shape: shape of one z.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014, section 7: learned approximate inference
    trained after the generator is frozen.

    Example:

    >>> from kgan.models import GAN
    >>> pairs = GeneratedPairs(GAN.tiny(), num_examples=8, batch_size=4)
    >>> [part.shape for part in pairs[0]]
    [(4, 4, 4, 1), (4, 3)]
    """

    def __init__(self, model, num_examples=51_200, batch_size=128, seed=0):
        super().__init__()
        for name, value, low in (("batch_size", batch_size, 1), ("seed", seed, 0)):
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        if num_examples < batch_size:
            raise UsageError(f"num_examples must be at least batch_size, {batch_size}, got {num_examples}")
        if len(model.image_shape) != 3:
            raise UsageError(f"the generator must make images, got samples of shape {model.image_shape}")
        self.model, self.num_examples = model, num_examples
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.image_shape = tuple(model.image_shape)
        self.latent_shape = tuple(decoding.latent_input(model).shape)

    def set_epoch(self, epoch):
        """Makes `epoch` (from 0) the present one."""
        self.epoch = epoch

    def on_epoch_end(self):
        self.epoch += 1

    def __len__(self):
        return self.num_examples // self.batch_size

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        state = np.random.SeedSequence([self.seed, self.epoch, index]).generate_state(1, np.uint32)
        images, inputs = drawn_samples(self.model, self.batch_size, int(state[0]))
        return images, inputs[decoding.latent_input(self.model).name]


def encoder_network(image_shape, latent_shape, width=32):
    """A convolutional encoder with a linear last layer.

    Args:
        image_shape: (height, width, channels), sides of at least 4 pixels.
        latent_shape: shape of one z.
        width: channels of the first layer; each halving doubles them, down to sides of 4 to 7 pixels.

    Raises:
        UsageError: the images are smaller.

    Example:

    >>> encoder_network((28, 28, 1), (100,), width=8).output_shape
    (None, 100)
    """
    if min(image_shape[:2]) < 4:
        raise UsageError(f"image_shape must have sides of at least 4 pixels, got {tuple(image_shape)}")
    blocks, side, channels = [], min(image_shape[:2]), width
    while side >= 8:
        blocks += [L.Conv2D(channels, 4, 2, "same", use_bias=False), L.BatchNormalization(momentum=0.9)]
        blocks.append(L.LeakyReLU(0.2))
        side, channels = -(-side // 2), 2 * channels
    size = int(np.prod(latent_shape))
    head = [L.Flatten(), L.Dense(8 * width, "relu"), L.Dense(size), L.Reshape(latent_shape)]
    return keras.Sequential([keras.Input(tuple(image_shape)), *blocks, *head], name="encoder")


@dataclasses.dataclass(frozen=True)
class Inference:
    """How well an encoder inverts a generator; every error is a mean of squares.

    Args:
        latent: of z from E(G(z)).
        latent_baseline: of z from its mean, what an encoder that has learned nothing gets.
        generated: of G(z) from G(E(G(z))), pixels in [0, 1].
        real: of real images from G(E(x)), pixels in [0, 1]; None without real images.
        real_baseline: of real images from the reconstructions of other ones; None without real images.
    """

    latent: float
    latent_baseline: float
    generated: float
    real: float | None = None
    real_baseline: float | None = None


def reconstruct(model, encoder, images, batch_size=64, **conditions):
    """G(E(x)).

    Args:
        model: the generator's model.
        encoder: the encoder, from images in [-1, 1] to z.
        images: uint8 `[n, height, width, channels]`.
        batch_size: images at a time.
        **conditions: what the generator takes besides z, such as `label`.

    Returns:
        uint8 array like `images`.

    Raises:
        UsageError: images of another shape or type.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != tuple(model.image_shape):
        wanted = "x".join(map(str, ("n", *model.image_shape)))
        raise UsageError(f"images must be uint8 {wanted}, got {images.dtype} {images.shape}")
    z = encoder.predict(images.astype("float32") / 127.5 - 1.0, batch_size=batch_size, verbose=0)
    return model.sample(len(images), seed=0, **{decoding.latent_input(model).name: z}, **conditions)


def check_inference(model, encoder, n=1000, *, images=None, seed=1, **conditions):
    """Measures an encoder on fresh samples, and on real images if there are any.

    Args:
        model: the generator's model.
        encoder: the encoder.
        n: number of samples, >= 2.
        images: real uint8 images `[m >= 2, height, width, channels]`, or `None`.
        seed: int >= 0 of the samples.
        **conditions: of the real images' reconstruction, such as their `label`.

    Returns:
        `Inference`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> from kgan.models import GAN
    >>> model = GAN.tiny()
    >>> found = check_inference(model, encoder_network((4, 4, 1), (3,), width=2), n=8)
    >>> found.latent_baseline > 0, found.real is None
    (True, True)
    """
    if n < 2:
        raise UsageError(f"n must be at least 2, got {n}")
    name = decoding.latent_input(model).name
    made, inputs = drawn_samples(model, n, seed)
    z = inputs.pop(name)
    found = encoder.predict(made, verbose=0)
    again = model.generate({**inputs, name: found})
    low, high = model.data_range
    again = (again - low) / (high - low)
    errors = {
        "latent": _mean_square(z - found),
        "latent_baseline": _mean_square(z - z.mean(axis=0)),
        "generated": _mean_square((made + 1.0) / 2.0 - again),
    }
    if images is not None:
        if len(images) < 2:
            raise UsageError(f"images must be at least 2, got {len(images)}")
        back = reconstruct(model, encoder, images, **conditions) / 255.0
        errors["real"] = _mean_square(np.asarray(images) / 255.0 - back)
        errors["real_baseline"] = _mean_square(np.asarray(images) / 255.0 - np.roll(back, 1, axis=0))
    return Inference(**errors)


def drawn_samples(model, n, seed):
    """Samples, and the inputs that they were made from.

    Args:
        model: the generator's model.
        n: how many, >= 1.
        seed: int >= 0.

    Returns:
        `(images, inputs)`: float32 `[n, height, width, channels]` in [-1, 1], dict of arrays by name.

    Example:

    >>> from kgan.models import GAN
    >>> images, inputs = drawn_samples(GAN.tiny(), 2, seed=0)
    >>> images.shape, sorted(inputs)
    ((2, 4, 4, 1), ['z'])
    """
    inputs = latents.draw(model.sampling_inputs(), n, seed, model.banks())
    low, high = model.data_range
    images = (model.generate(inputs) - low) * (2.0 / (high - low)) - 1.0
    return images.astype("float32"), inputs


def _mean_square(values):
    return float(np.mean(np.square(np.asarray(values, "float64"))))
