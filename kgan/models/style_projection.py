"""The latent of a given picture: styles and noise are optimised until the generator makes it."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kgan import checks
from kgan.engine.model import AdversarialModel
from kgan.errors import UsageError
from kgan.layers.resize import resize
from kgan.metrics.keras_features import KerasFeatures
from kgan.metrics.progress_line import ProgressLine
from kgan.pictures import sheet
from kgan.types import to_uint8

_DRAWS = 1000  # latents that the spread of w is measured on


@dataclasses.dataclass(frozen=True)
class Projection:
    """What a projection found.

    Args:
        w: float32 `[n, d]`, or styles `[n, layers, d]`.
        noise: dict from the names of the noise inputs to float32 `[n, side, side, 1]`.
        targets: the pictures, uint8 `[n, height, width, channels]`.
        before: what the mean of w gives.
        after: what w and the noise give.
        losses: the loss at each step, `[steps]`.
        features: what the loss compares besides pixels, or `None`.
    """

    w: np.ndarray
    noise: dict[str, np.ndarray]
    targets: np.ndarray
    before: np.ndarray
    after: np.ndarray
    losses: np.ndarray
    features: str | None

    @property
    def errors(self):
        """Root mean square error of each picture before and after, in grey levels, two float `[n]`."""
        goal = self.targets.astype("float64")
        return tuple(
            np.sqrt(np.square(made - goal).mean(axis=(1, 2, 3))) for made in (self.before, self.after)
        )

    def picture(self, scale=1):
        """A `PIL.Image` with the targets, what the mean gives, and the projections, one row each."""
        rows = np.concatenate([self.targets, self.before, self.after])
        return sheet(rows, columns=len(self.targets), scale=scale)


class _Latents(keras.layers.Layer):
    """Styles and noise as weights: `w = mean + spread * u`, and noise of mean 0 and variance 1."""

    def __init__(self, mean, spread, rows, shapes, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.spread, self.shapes = mean, spread, shapes
        self.u = self.add_weight(name="u", shape=(*rows, len(mean)), initializer="zeros")
        start = keras.initializers.RandomNormal(seed=0)
        self.noise = [
            self.add_weight(name=name, shape=(rows[0], *shape), initializer=start)
            for name, shape in shapes.items()
        ]
        self.built = True

    def styles(self, layers):
        """`[n, layers, d]`."""
        w = ops.convert_to_tensor(self.mean) + self.spread * ops.convert_to_tensor(self.u)
        return w if len(w.shape) == 3 else ops.repeat(w[:, None], layers, axis=1)

    def images_of_noise(self):
        """Dict of noise; else it could carry the picture by its sheer size (Karras et al. 2020)."""
        found = {}
        for name, weight in zip(self.shapes, self.noise):
            x = ops.convert_to_tensor(weight)
            x = x - ops.mean(x, axis=(1, 2, 3), keepdims=True)
            found[name] = x * ops.rsqrt(ops.mean(ops.square(x), axis=(1, 2, 3), keepdims=True) + 1e-8)
        return found


class _Projector(AdversarialModel):
    """A game of one player: the latents against the distance to the targets."""

    def __init__(self, network, unknown, fixed, features, **kwargs):
        super().__init__(**kwargs)
        self.network, self.unknown, self.fixed, self.features = network, unknown, fixed, features
        self.image_shape = tuple(network.output_shape[1:])
        self.finish()

    def players(self):
        return {"latents": [self.unknown]}

    def sampled_network(self):
        return self.network

    def sampling_inputs(self):
        return ()

    def made(self):
        """The images of the present latents."""
        noise = {name: ops.convert_to_tensor(value) for name, value in self.fixed.items()}
        noise = noise or self.unknown.images_of_noise()
        layers = self.network.input["w"].shape[1]
        return self.network({"w": self.unknown.styles(layers), **noise}, training=False)

    def gap(self, targets):
        """Mean squared error of pixels, and of features over their mean square."""
        made = self.made()
        total = ops.mean(ops.square(made - targets))
        if self.features is not None:
            goal = ops.stop_gradient(_features(self.features, targets))
            missing = ops.mean(ops.square(_features(self.features, made) - goal))
            total = total + missing / (ops.mean(ops.square(goal)) + 1e-8)
        return total, {"latents_loss": total}

    def adversarial_step(self, batch):
        self.update("latents", lambda: self.gap(batch))


def _features(extractor, images):
    """Features of images in [-1, 1], differentiable."""
    x = (images + 1.0) * ((extractor.high - extractor.low) / 2.0) + extractor.low
    if x.shape[-1] < extractor.channels:
        x = ops.repeat(x, extractor.channels, axis=-1)
    if tuple(x.shape[1:3]) != extractor.size:
        x = resize(x, extractor.size)
    return extractor.network(x, training=False)["features"]


class _Steps(keras.utils.PyDataset):
    """The same targets in each of so many steps."""

    def __init__(self, targets, steps):
        super().__init__()
        self.targets, self.steps, self.image_shape = targets, steps, targets.shape[1:]

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        return self.targets


class _Watch(keras.callbacks.Callback):
    """Keeps the losses, and shows how far it is."""

    def __init__(self, steps, line):
        super().__init__()
        self.steps, self.line, self.sums = steps, line, []

    def on_train_batch_end(self, batch, logs=None):
        # Keras gives the mean over the steps so far.
        self.sums.append(float((logs or {})["latents_loss"]) * (batch + 1))
        if self.line is not None:
            self.line("projection", batch + 1, self.steps)

    @property
    def losses(self):
        return np.diff(self.sums, prepend=0.0)


def project(
    model,
    images,
    *,
    steps=500,
    optimize_noise=True,
    per_layer=False,
    features=None,
    learning_rate=0.1,
    label=None,
    progress=True,
):
    """Finds the styles, and the noise, that make a style-based generator draw given pictures.

    w begins at its mean and is measured in its standard deviation; noise is kept at mean 0 and variance 1, as
    Karras et al. 2020 project. Adam, whose rate falls to 0 on a cosine.

    Args:
        model: a `kgan.models.StyleGAN`.
        images: uint8 `[n, height, width, channels]` of the model's present size, n >= 1.
        steps: of the optimisation, at least 1.
        optimize_noise: whether noise is found too; otherwise the generator's fixed noise stays.
        per_layer: a style of its own for each layer, which fits better and edits worse.
        features: a `kgan.metrics.KerasFeatures` whose features are compared besides the pixels, or `None`.
        learning_rate: greatest rate, > 0, in standard deviations of w.
        label: class number, where there are classes: of the latents that w's spread is measured on.
        progress: whether a line with the time left is shown.

    Returns:
        `Projection`.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> from kgan.models import StyleGAN
    >>> model = StyleGAN.tiny()
    >>> found = project(model, model.sample(2, seed=0), steps=3, progress=False)
    >>> found.w.shape, found.after.shape
    ((2, 3), (2, 8, 8, 1))
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.shape[1:] != model.image_shape or not len(images):
        wanted = ", ".join(map(str, ("n >= 1", *model.image_shape)))
        raise UsageError(f"images must be uint8 [{wanted}], got {images.dtype} {list(images.shape)}")
    steps, learning_rate = checks.count("steps", steps), checks.positive("learning_rate", learning_rate)
    for name, value in (("optimize_noise", optimize_noise), ("per_layer", per_layer)):
        checks.flag(name, value)
    if features is not None and not isinstance(features, KerasFeatures):
        raise UsageError(
            f"features must be KerasFeatures, which have gradients, got {type(features).__name__}"
        )
    targets = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
    fixed = {} if optimize_noise else model.noise(len(images), "fixed")
    projector = _Projector(
        model.style_generator().synthesis_at(model.phase.side, model.blending),
        _latents(model, len(images), per_layer, optimize_noise, label),
        fixed,
        features,
    )
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    projector.compile(keras.optimizers.Adam(rate), loss=(), penalties=())
    before = model.images_of(np.repeat(model.mean_style[None], len(images), axis=0))
    with ProgressLine() if progress else _Silent() as line:
        watch = _Watch(steps, line)
        projector.fit(_Steps(targets, steps), epochs=1, callbacks=[watch], verbose=0)
    unknown = projector.unknown
    w = unknown.mean + np.float32(unknown.spread) * ops.convert_to_numpy(unknown.u.value)
    noise = fixed or {
        name: np.array(ops.convert_to_numpy(ops.stop_gradient(value)), "float32")
        for name, value in unknown.images_of_noise().items()
    }
    after = to_uint8(model.synthesize(w, noise), model.data_range)
    named = None if features is None else f"{features.name} {features.digest[:8]} {features.output}"
    return Projection(w, noise, images, before, after, watch.losses, named)


def _latents(model, n, per_layer, optimize_noise, label):
    w = model.latents_drawn(_DRAWS, 0, label)[1]
    spread = float(np.sqrt(w.var(axis=0).mean())) or 1.0
    rows = (n, model.num_layers) if per_layer else (n,)
    shapes = model.generator.noise_shapes(model.phase.side) if optimize_noise else {}
    return _Latents(model.mean_style, spread, rows, shapes, name="latents")


class _Silent:
    """No progress line."""

    def __enter__(self):
        return None

    def __exit__(self, *error):
        """Nothing to end."""
