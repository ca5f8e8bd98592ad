"""What the layers that are there feel when a side is added: blended in slowly, or all at once."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kgan import _backend, checks
from kgan.data.image_stream import ImageStream
from kgan.engine import GrowthSchedule
from kgan.engine.growth_schedule import check_side
from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.metrics import sliced_wasserstein
from kgan.models import PGGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator

_BATCH = 16
_SAMPLES = 500
_PLAYERS = ("generator", "discriminator")


@dataclasses.dataclass(frozen=True)
class FadeOrJump:
    """The numbers of the figure.

    Args:
        switch: updates before the side is added.
        norms: dict from "fade" and "jump" to a dict from each player to the norm of the gradient of its old
            layers in each update, `[updates]`.
        images: images shown at the end of each interval, `[intervals]`.
        swd: dict from "fade" and "jump" to the sliced Wasserstein distance times 1000 of samples from real
            images at the end of each interval, `[intervals]`; smaller samples are enlarged by repetition.
        shocks: dict from "fade" and "jump" to a dict from each player to the largest factor, up or down, by
            which a norm in the window after the switch differs from the median of the window before it; and
            from "samples" to the largest distance during the fade, or the same images after the jump, over
            the one at the switch.
        calm: dict from each player to the same factor in the window before the switch, which is the noise.
    """

    switch: int
    norms: dict[str, dict[str, np.ndarray]]
    images: np.ndarray
    swd: dict[str, np.ndarray]
    shocks: dict[str, dict[str, float]]
    calm: dict[str, float]


class _Watched(PGGAN):
    """Keeps how long the gradient of the layers of the first side is in each update."""

    def __init__(self, *networks, schedule, **kwargs):
        super().__init__(*networks, schedule=schedule, **kwargs)
        updates = sum(phase.steps for phase in schedule.phases)
        # One place for each update: a number handed out after a step would cost a read from the device.
        self.norms = {
            player: self.add_weight((updates,), "zeros", trainable=False, name=f"{player}_norms")
            for player in _PLAYERS
        }

    def old(self, player):
        """The weights that were trained before the switch and stay in use."""
        network = self.players()[player][0]
        blocks = network.blocks[: network.sides.index(self.schedule.start) + 1]
        return [weight for block in blocks for weight in block.trainable_weights]

    def apply_gradients(self, player, gradients):
        old = {id(weight) for weight in self.old(player)}
        pairs = zip(self.optimizer.partition[player], gradients)
        kept, norms = [gradient for weight, gradient in pairs if id(weight) in old], self.norms[player]
        with _backend.no_grad():
            norm = ops.sqrt(sum(ops.sum(ops.square(gradient)) for gradient in kept))
            here = ops.arange(norms.shape[0]) == ops.cast(self.optimizer.iterations, "int32")
            norms.assign(ops.where(here, norm, ops.convert_to_tensor(norms)))
        super().apply_gradients(player, gradients)


def draw_fade_or_jump(
    path,
    data,
    *,
    start=8,
    before=8000,
    fade=4000,
    after=4000,
    interval=160,
    window=50,
    width=32,
    seed=0,
):
    """Trains two models that differ in one thing: whether the next side fades in or is there at once.

    Same weights, noise, images and budget. Of each update the norm of the gradient of those layers is kept
    that had been trained before the switch, in G and in D, and after each interval how far samples are from
    real images. No average of G is sampled: it would hide a shock, or make it longer.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        data: images of side `2 * start`: `kgan.data.load_images(...)` or a float array `[n, s, s, c]`.
        start: side before the switch, a power of two, at least 8.
        before: images shown before the switch.
        fade: images of the fade.
        after: images shown after it.
        interval: images between two distances of samples.
        window: updates before the switch and after it that are compared, of 16 images each.
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
    >>> sizes = {"before": 32, "fade": 32, "after": 16, "interval": 16, "window": 2, "width": 2}
    >>> drawn = draw_fade_or_jump(pathlib.Path(tempfile.mkdtemp()) / "shock.png", images, **sizes)
    >>> drawn.switch, drawn.images.tolist(), sorted(drawn.shocks)
    (2, [16, 32, 48, 64, 80], ['fade', 'jump'])
    """
    canvas.check_png(path)
    stream = ImageStream(data)
    counts = {"before": before, "fade": fade, "after": after}
    _check(start, counts, {"interval": interval, "window": window, "width": width}, seed)
    total = sum(counts.values())
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
        norms[name], swd[name] = _train(schedule, data, stream, width, seed)
    switch, part = before // _BATCH, slice(before // interval - 1, (before + fade) // interval)
    shocks = {
        name: {
            **{player: _factor(values, switch, window) for player, values in norms[name].items()},
            "samples": float(swd[name][part][1:].max() / swd[name][part][0]),
        }
        for name in norms
    }
    calm = {player: _factor(values, switch, window, 0) for player, values in norms["fade"].items()}
    images = np.arange(interval, total + 1, interval)
    drawn = FadeOrJump(switch, norms, images, swd, shocks, calm)
    canvas.save(_figure(drawn, fade, window), path)
    return drawn


def _check(start, counts, sizes, seed):
    check_side("start", start)
    if not 8 <= start <= 512:
        raise UsageError(f"start must be from 8 to 512, got {start}")
    for name, value in sizes.items():
        checks.count(name, value)
    checks.count("seed", seed, 0)
    interval, window = sizes["interval"], sizes["window"]
    for name, value in counts.items():
        if checks.count(name, value) % interval:
            raise UsageError(f"{name} must be a multiple of interval {interval}, got {value}")
    if interval % _BATCH:
        raise UsageError(f"interval must be a multiple of {_BATCH}, the batch size, got {interval}")
    most = min(counts["before"], counts["fade"] + counts["after"]) // _BATCH
    if window > most:
        raise UsageError(
            f"window must be at most {most}, the updates on each side of the switch, got {window}"
        )


def _train(schedule, data, stream, width, seed):
    keras.utils.set_random_seed(seed)
    channels = stream.image_shape[-1]
    sizes = {"fmap_base": 8 * width, "fmap_max": width}
    model = _Watched(
        PGGANGenerator(schedule.resolution, channels, latent_dim=32, **sizes),
        PGGANDiscriminator(schedule.resolution, channels, **sizes),
        schedule=schedule,
        seed=seed,
    )
    model.compile()
    count = min(stream.num_examples, _SAMPLES)
    if hasattr(data, "uint8"):
        real = data.uint8(range(count))
    else:
        real = np.clip(data[:count] * 127.5 + 128, 0, 255).astype("uint8")
    distances = []

    def measure(epoch, logs):
        distances.append(_distance(model, real, seed))

    model.fit(data, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=measure)], verbose=0)
    norms = {player: ops.convert_to_numpy(values) for player, values in model.norms.items()}
    return norms, np.array(distances)


def _distance(model, real, seed):
    made = model.sample(len(real), seed=seed)
    factor = real.shape[1] // made.shape[1]
    made = made.repeat(factor, axis=1).repeat(factor, axis=2)
    # An eighth of the patches: the distance is taken a hundred times.
    return sliced_wasserstein(real, made, patches=16, repeats=2, seed=seed)["swd"].value


def _factor(norms, switch, window, first=None):
    """The largest factor, up or down, between the median before the switch and a norm of a window."""
    calm = np.median(norms[switch - window : switch])
    first = switch if first is None else switch - window
    return float(np.exp(np.abs(np.log(norms[first : first + window] / calm)).max()))


def _figure(drawn, fade, window):
    figure = canvas.blank(12.0, 3.8)
    panels = dict(zip((*_PLAYERS, "samples"), figure.subplots(1, 3)))
    colors = {"fade": canvas.CRITIC, "jump": canvas.FAR}
    shown = slice(max(0, drawn.switch - 2 * window), drawn.switch + 2 * window)
    for player in _PLAYERS:
        axes = panels[player]
        for name, color in colors.items():
            norms = drawn.norms[name][player]
            updates = np.arange(len(norms)) - drawn.switch
            axes.plot(updates[shown], norms[shown], color=color, lw=0.6, alpha=0.6)
            label = f"{name}: x {drawn.shocks[name][player]:.1f}"
            axes.plot(updates[shown], _smooth(norms, drawn.switch)[shown], color=color, lw=2, label=label)
        calm = np.median(norms[drawn.switch - window : drawn.switch])
        axes.axhline(calm, color=canvas.REAL, lw=0.8, ls=":", label=f"before: x {drawn.calm[player]:.1f}")
        axes.axvline(-0.5, color=canvas.REAL, lw=0.8)
        axes.axvspan(-window - 0.5, window - 0.5, color="#dddddd", alpha=0.4, lw=0)
        axes.set(xlabel="updates from the switch", title=f"gradient norm of old layers of the {player}")
    axes = panels["samples"]
    for name, color in colors.items():
        label = f"{name}: x {drawn.shocks[name]['samples']:.1f}"
        axes.plot(drawn.images / 1000, drawn.swd[name], color=color, lw=1.5, label=label)
    first = drawn.switch * _BATCH
    axes.axvspan(first / 1000, (first + fade) / 1000, color="#dddddd", alpha=0.6, lw=0)
    axes.set(xlabel="thousands of images shown", title="distance of samples from real images")
    for axes in panels.values():
        axes.set_yscale("log")
        axes.legend(frameon=False, fontsize=8)
        axes.grid(alpha=0.25)
        axes.margins(x=0)
        axes.title.set_fontsize(10)
    return figure


def _smooth(norms, switch, width=9):
    """Geometric means of neighbours, none of which are on the other side of the switch."""
    kernel, parts = np.ones(width), []
    for part in (norms[:switch], norms[switch:]):
        # "full" and a cut, as "same" would be as long as the kernel where a part is shorter.
        sums, counts = (
            np.convolve(values, kernel)[width // 2 : width // 2 + len(part)]
            for values in (np.log(part), np.ones(len(part)))
        )
        parts.append(np.exp(sums / counts))
    return np.concatenate(parts)
