"""What the layers that are there feel when a side is added: blended in slowly, or all at once."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kgan import checks
from kgan.engine import GrowthSchedule, MovingAverage
from kgan.engine.growth_schedule import check_side
from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.metrics import sliced_wasserstein
from kgan.models import PGGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator

_BATCH = 16
_SAMPLES = 500


@dataclasses.dataclass(frozen=True)
class FadeOrJump:
    """The numbers of the figure.

    Args:
        switch: images shown before the side is added.
        images: images shown at the end of each interval, `[intervals]`.
        norms: dict from "fade" and "jump" to a dict from each player to the mean norm of the gradient of its
            old layers in each interval, `[intervals]`.
        swd: dict from "fade" and "jump" to the sliced Wasserstein distance times 1000 of samples from real
            images at the end of each interval, `[intervals]`; smaller samples are enlarged by repetition.
        shocks: dict from "fade" and "jump" to a dict from each player, and "samples", to the largest of these
            values during the fade, or the same images after the jump, over the value before the switch: the
            mean norm of all intervals there, the distance at the end of the last one.
    """

    switch: int
    images: np.ndarray
    norms: dict[str, dict[str, np.ndarray]]
    swd: dict[str, np.ndarray]
    shocks: dict[str, dict[str, float]]


class _Watched(PGGAN):
    """Logs how long the gradients of the layers of the first side are."""

    extra_logs = ("generator_old_norm", "discriminator_old_norm")

    def apply_gradients(self, player, gradients):
        network = self.players()[player][0]
        old = {
            id(weight)
            for block in network.blocks[: network.sides.index(self.schedule.start) + 1]
            for weight in block.trainable_weights
        }
        pairs = zip(self.optimizer.partition[player], gradients)
        squares = [ops.sum(ops.square(gradient)) for weight, gradient in pairs if id(weight) in old]
        self.logs.record({f"{player}_old_norm": ops.sqrt(sum(squares))}, self.optimizer.iterations)
        super().apply_gradients(player, gradients)


def draw_fade_or_jump(
    path, data, *, start=8, before=8000, fade=4000, after=4000, interval=400, width=32, seed=0
):
    """Trains two models that differ in one thing: whether the next side fades in or is there at once.

    Same weights, noise, images and budget. Of each update the norm of the gradient of those layers is
    logged that had been trained before the switch, in G and in D, and after each interval how far samples are
    from real images.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        data: images of side `2 * start`: `kgan.data.load_images(...)` or a float array `[n, s, s, c]`.
        start: side before the switch, a power of two, at least 8.
        before: images shown before the switch.
        fade: images of the fade.
        after: images shown after it.
        interval: images between two points of the curves.
        width: maps of the layers of the smaller side, >= 1.
        seed: int >= 0, draws weights and noise.

    Returns:
        `FadeOrJump`, the numbers drawn.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras et al., Progressive Growing of GANs for Improved Quality, Stability, and Variation,
    2017, figure 2: the fade "avoids sudden shocks to the already well-trained, smaller-resolution layers".

    Example:

    >>> import pathlib, tempfile
    >>> images = np.random.default_rng(0).uniform(-1, 1, (16, 16, 16, 1)).astype("float32")
    >>> sizes = {"before": 32, "fade": 32, "after": 16, "interval": 16, "width": 2}
    >>> drawn = draw_fade_or_jump(pathlib.Path(tempfile.mkdtemp()) / "shock.png", images, **sizes)
    >>> drawn.switch, drawn.images.tolist(), sorted(drawn.shocks)
    (32, [16, 32, 48, 64, 80], ['fade', 'jump'])
    """
    canvas.check_png(path)
    check_side("start", start)
    if not 8 <= start <= 512:
        raise UsageError(f"start must be from 8 to 512, got {start}")
    for name, value, least in (("interval", interval, 1), ("width", width, 1), ("seed", seed, 0)):
        checks.count(name, value, least)
    counts = {"before": before, "fade": fade, "after": after}
    for name, value in counts.items():
        if checks.count(name, value) % interval:
            raise UsageError(f"{name} must be a multiple of interval {interval}, got {value}")
    if interval % _BATCH:
        raise UsageError(f"interval must be a multiple of {_BATCH}, the batch size, got {interval}")
    total = sum(counts.values())
    images = np.arange(interval, total + 1, interval)
    norms, swd = {}, {}
    for name, length in (("fade", fade), ("jump", 0)):
        schedule = GrowthSchedule(
            2 * start,
            start=start,
            stable_images=before,
            fade_images=length,
            total_images=total,
            batch_size=_BATCH,
            images_per_epoch=interval,
        )
        norms[name], swd[name] = _train(schedule, data, width, seed)
    shocks = {name: _shocks(norms[name], swd[name], before // interval, fade // interval) for name in norms}
    drawn = FadeOrJump(before, images, norms, swd, shocks)
    canvas.save(_figure(drawn, fade), path)
    return drawn


def _train(schedule, data, width, seed):
    keras.utils.set_random_seed(seed)
    channels = (data.image_shape if hasattr(data, "image_shape") else data.shape)[-1]
    sizes = {"fmap_base": 8 * width, "fmap_max": width}
    model = _Watched(
        PGGANGenerator(schedule.resolution, channels, latent_dim=32, **sizes),
        PGGANDiscriminator(schedule.resolution, channels, **sizes),
        schedule=schedule,
        average=MovingAverage(decay=0.99),
        seed=seed,
    )
    model.compile()
    distances = []

    def measure(epoch, logs):
        distances.append(_distance(model, data, seed))

    history = model.fit(data, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=measure)], verbose=0)
    norms = {player: np.array(history.history[f"{player}_old_norm"]) for player in model.players()}
    return norms, np.array(distances)


def _distance(model, data, seed):
    if hasattr(data, "uint8"):
        real = data.uint8(range(min(data.num_examples, _SAMPLES)))
    else:
        real = np.clip(data[:_SAMPLES] * 127.5 + 128, 0, 255).astype("uint8")
    made = model.sample(len(real), seed=seed)
    factor = real.shape[1] // made.shape[1]
    made = made.repeat(factor, axis=1).repeat(factor, axis=2)
    return sliced_wasserstein(real, made, seed=seed)["swd"].value


def _shocks(norms, swd, switch, length):
    after = slice(switch, switch + length)
    found = {player: float(values[after].max() / values[:switch].mean()) for player, values in norms.items()}
    return {**found, "samples": float(swd[after].max() / swd[switch - 1])}


def _figure(drawn, fade):
    figure = canvas.blank(12.0, 3.8)
    panels = {
        "generator": "gradient norm of old layers of the generator",
        "discriminator": "the same of the discriminator",
        "samples": "distance of samples from real images",
    }
    for axes, (part, title) in zip(figure.subplots(1, 3), panels.items()):
        for name, color in (("fade", canvas.CRITIC), ("jump", canvas.FAR)):
            values = drawn.swd[name] if part == "samples" else drawn.norms[name][part]
            label = f"{name}: x {drawn.shocks[name][part]:.1f}"
            axes.plot(drawn.images / 1000, values, color=color, lw=2, label=label)
        axes.axvspan(drawn.switch / 1000, (drawn.switch + fade) / 1000, color="#dddddd", alpha=0.6, lw=0)
        axes.set(yscale="log", xlabel="thousands of images shown", title=title)
        axes.legend(frameon=False)
        axes.grid(alpha=0.25)
        axes.margins(x=0)
    return figure
