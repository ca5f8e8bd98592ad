"""How hard the losses pull at fakes while D is trained to the end and G stands still."""

import dataclasses

import keras
import numpy as np
from keras import ops

from kgan import losses
from kgan._backend import input_gradient
from kgan.data import gaussian_ring
from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.models import GAN

L = keras.layers

_BATCH, _SPREAD, _WIDTH, _RATE = 256, 0.3, 64, 5e-3
# What is learned by D, with the losses for G that are judged by this D.
_CRITICS = (
    (
        "sigmoid",
        losses.NonSaturating,
        (),
        {"minimax": losses.Minimax, "non-saturating": losses.NonSaturating},
    ),
    ("least squares", losses.LeastSquares, (), {"least squares": losses.LeastSquares}),
    ("critic", losses.Wasserstein, (losses.GradientPenalty,), {"WGAN-GP": losses.Wasserstein}),
)


@dataclasses.dataclass(frozen=True)
class Saturation:
    """The numbers of the figure.

    Args:
        updates: updates of D at which was measured, `[points]`.
        norms: dict from each loss's name to the median length of dL_G/dx over fakes, `[points]`.
        mean_on_real: mean of the sigmoid D on reals, `[points]`.
        mean_on_fake: likewise on fakes.
    """

    updates: np.ndarray
    norms: dict[str, np.ndarray]
    mean_on_real: np.ndarray
    mean_on_fake: np.ndarray


def draw_saturation(path, updates=1000, seed=0):
    """Trains D against a G that does not move, and draws the length of dL_G/dx over the updates.

    Reals are a ring of 8 Gaussians of radius 1, fakes a normal blob in its middle: D can tell all of them
    apart. Then minimax has no gradient left and least squares little, non-saturating has a large one, and
    that of a critic with gradient penalty stays near 1.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        updates: of D, >= 1.
        seed: int >= 0, draws data, noise and weights.

    Returns:
        `Saturation`, the numbers drawn.

    Raises:
        UsageError: an argument breaks its rule.

    References: Goodfellow et al., Generative Adversarial Nets, 2014, section 3; Arjovsky, Bottou, Towards
    Principled Methods for Training Generative Adversarial Networks, 2017, figure 2.

    Example:

    >>> import pathlib, tempfile
    >>> drawn = draw_saturation(pathlib.Path(tempfile.mkdtemp()) / "pull.png", updates=2)
    >>> drawn.updates.tolist(), list(drawn.norms)
    ([0, 1, 2], ['minimax', 'non-saturating', 'least squares', 'WGAN-GP'])
    """
    canvas.check_png(path)
    for name, value, low in (("updates", updates, 1), ("seed", seed, 0)):
        if value < low:
            raise UsageError(f"{name} must be at least {low}, got {value}")
    marks = np.unique(np.round(np.geomspace(1, updates, 25)).astype(int))
    marks = np.concatenate([[0], marks])
    rng = np.random.default_rng(seed)
    ring = gaussian_ring()
    real = (ring.draw(marks[-1] * _BATCH, rng) / ring.limit).astype("float32").reshape(-1, 1, 1, 2)
    noise = rng.standard_normal((2000, 2)).astype("float32")
    norms, means = {}, []
    for name, loss, penalties, judged in _CRITICS:
        model = _model(loss(), [penalty() for penalty in penalties], ring.limit, seed)
        fakes = ops.convert_to_tensor((_SPREAD * noise).reshape(-1, 1, 1, 2))
        for start, stop in zip((0, *marks), marks):
            if stop > start:
                model.fit(real[start * _BATCH : stop * _BATCH], batch_size=_BATCH, shuffle=False, verbose=0)
            for label, generator_loss in judged.items():
                norms.setdefault(label, []).append(_pull(model.discriminator, generator_loss(), fakes))
            if name == "sigmoid":
                means.append([_mean(model.discriminator, x) for x in (real[:2000] * ring.limit, fakes)])
    on_real, on_fake = np.array(means).T
    drawn = Saturation(marks, {label: np.array(values) for label, values in norms.items()}, on_real, on_fake)
    canvas.save(_figure(drawn), path)
    return drawn


def _model(loss, penalties, limit, seed):
    generator = keras.Sequential([keras.Input((2,)), L.Dense(2), L.Reshape((1, 1, 2))], name="generator")
    hidden = [L.Dense(_WIDTH, "tanh"), L.Dense(_WIDTH, "tanh"), L.Dense(1)]
    discriminator = keras.Sequential([keras.Input((1, 1, 2)), L.Flatten(), *hidden], name="discriminator")
    generator.set_weights([_SPREAD * np.eye(2), np.zeros(2)])
    # Keras draws other weights on each backend; these let all of them draw one picture.
    rng = np.random.default_rng([seed, 1])
    discriminator.set_weights(
        [
            rng.standard_normal(w.shape) / np.sqrt(w.shape[0]) if len(w.shape) > 1 else np.zeros(w.shape)
            for w in discriminator.weights
        ]
    )
    model = GAN(generator, discriminator, data_range=(-limit, limit), seed=seed)
    rates = {"generator": 0.0, "discriminator": _RATE}
    adam = {player: keras.optimizers.Adam(rate, beta_1=0.5) for player, rate in rates.items()}
    model.compile(adam, loss, penalties)
    return model


def _pull(critic, loss, fakes):
    _, gradient = input_gradient(lambda x: loss.generator_term(critic(x, training=False)), fakes)
    # The mean would be that of the few fakes that still lie where D is undecided.
    return float(np.median(np.linalg.norm(ops.convert_to_numpy(gradient).reshape(len(fakes), -1), axis=1)))


def _mean(critic, x):
    logits = ops.convert_to_numpy(critic(ops.convert_to_tensor(x), training=False)).astype("float64")
    return float((0.5 + 0.5 * np.tanh(0.5 * logits)).mean())


def _figure(drawn):
    figure = canvas.blank(9.0, 3.8)
    left, right = figure.subplots(1, 2)
    for (label, norms), style in zip(drawn.norms.items(), ("-", "--", "-.", ":")):
        left.plot(drawn.updates[1:], norms[1:], style, lw=2, label=label)
    left.set(xscale="log", yscale="log", title="how hard G is pulled")
    left.set_ylabel("median length of dL/dx at fakes")
    left.legend(frameon=False)
    right.plot(drawn.updates[1:], drawn.mean_on_real[1:], color=canvas.REAL, lw=2, label="on reals")
    right.plot(drawn.updates[1:], drawn.mean_on_fake[1:], color=canvas.FAKE, lw=2, label="on fakes")
    right.set(xscale="log", ylim=(-0.03, 1.03), title="the sigmoid D", ylabel="mean D")
    right.legend(frameon=False, loc="center right")
    for axes in (left, right):
        axes.set_xlabel("updates of D, while G stands still")
        axes.grid(alpha=0.25)
        axes.margins(x=0)
    return figure
