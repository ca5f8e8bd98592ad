"""The game on a line: p_data, p_g and D at four moments."""

import dataclasses
import math
import statistics
from typing import Any

import keras
import numpy as np
from keras import ops

from kgan import losses, theory
from kgan.errors import UsageError
from kgan.figures import canvas
from kgan.models import GAN

L = keras.layers

_TWO_BUMPS = ((0.55, -0.8, 0.5), (0.45, 0.9, 0.4))
_BATCH = 512
_RATES = {"generator": 5e-3, "discriminator": 2e-2}
# Shares of the learning rates, of equal length: at a constant rate p_g circles around p_data.
_COOLING = (1.0, 1.0, 0.5, 0.2, 0.05)
# Evenly likely latents, whose paths are drawn.
_LATENTS = np.array([statistics.NormalDist().inv_cdf((i + 0.5) / 17) for i in range(17)])


@dataclasses.dataclass(frozen=True)
class Moment:
    """One panel.

    Args:
        title: what has just happened.
        p_generated: density of G(z), `[bins]`, the mean over each bin.
        discriminator: D in the bins' centres, `[bins]`.
        optimal_discriminator: D* = p_data / (p_data + p_g), `[bins]`.
        arrows: `[2, n]`: evenly likely latents and the points that G makes of them.
        jsd: Jensen-Shannon divergence of p_data and p_g, in nats.
        value: V(D, G), -log 4 at the end of the game.
        mean_on_real: mean of D over p_data.
        mean_on_fake: mean of D over p_g.
    """

    title: str
    p_generated: np.ndarray
    discriminator: np.ndarray
    optimal_discriminator: np.ndarray
    arrows: np.ndarray
    jsd: float
    value: float
    mean_on_real: float
    mean_on_fake: float


@dataclasses.dataclass(frozen=True)
class ToyGame:
    """The numbers of the figure.

    Args:
        x: centres of the bins, `[bins]`.
        p_data: density of the data, `[bins]`.
        moments: four `Moment`s.
    """

    x: np.ndarray
    p_data: np.ndarray
    moments: tuple[Moment, ...]


def draw_toy_game(path, mixture=_TWO_BUMPS, rounds=800, width=32, seed=0):
    """Trains a GAN of two small networks on numbers and draws it at four moments.

    The moments are the start; D trained against the first G; G moved by that D; the end of the game, where
    p_g is p_data and D is 1/2. Each round is three updates of D, with a little R1, and one of G. Without
    them p_g jumps from mode to mode, and with much R1 D is 1/2 everywhere although p_g is not p_data: D
    alone does not tell whether a game has ended. The density of G(z) is that of 2,000 pieces on which G is
    taken as linear, not an estimate from samples.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        mixture: components of p_data, each (weight, mean, standard deviation); the weights sum to 1.
        rounds: rounds of the last moment, >= 5; those of the second and third are a quarter and
            an eightieth.
        width: units of each of the two hidden layers of G and of D, >= 1.
        seed: int >= 0, seeds the data, the weights and the noise.

    Returns:
        `ToyGame`, the numbers drawn.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Goodfellow et al., Generative Adversarial Nets, 2014, figure 1.

    Example:

    >>> import pathlib, tempfile
    >>> game = draw_toy_game(pathlib.Path(tempfile.mkdtemp()) / "game.png", rounds=10, width=4)
    >>> [moment.title for moment in game.moments]
    ['start', 'D trained', 'G moved', 'end']
    """
    canvas.check_png(path)
    mixture = _checked(mixture)
    for name, value, low in (("rounds", rounds, 5), ("width", width, 1), ("seed", seed, 0)):
        if value < low:
            raise UsageError(f"{name} must be at least {low}, got {value}")
    edges = _edges(mixture)
    p_data = _bin_density(_cdf(mixture, edges), edges)
    model = _model(mixture, width, seed)
    rng = np.random.default_rng(seed)
    moments = [_moment("start", model, edges, p_data)]
    stages = (
        ("D trained", rounds // 4, ({"generator": 0.0, "discriminator": 1.0},)),
        ("G moved", rounds // 80, ({"generator": 0.4, "discriminator": 0.0},)),
        ("end", rounds, [dict.fromkeys(_RATES, share) for share in _COOLING]),
    )
    for title, length, shares in stages:
        for share in shares:
            _play(model, _draw(mixture, max(1, length // len(shares)) * _BATCH, rng), share)
        moments.append(_moment(title, model, edges, p_data))
    game = ToyGame((edges[1:] + edges[:-1]) / 2, p_data, tuple(moments))
    canvas.save(_figure(game), path)
    return game


# What the recipe `toy_game` shares with the figure.


def toy_networks(width=32, seed=0, mixture=_TWO_BUMPS):
    """The two networks of the game on a line: numbers are images of 1x1 with one channel.

    Args:
        width: units of each of the two hidden layers of G and of D, >= 1.
        seed: int >= 0, seeds the weights.
        mixture: components of p_data, each (weight, mean, standard deviation).

    Returns:
        (generator, discriminator).

    Example:

    >>> generator, discriminator = toy_networks(width=4)
    >>> generator.output_shape, discriminator.input_shape
    ((None, 1, 1, 1), (None, 1, 1, 1))
    """

    def hidden():
        return [L.Dense(width, "tanh"), L.Dense(width, "tanh"), L.Dense(1)]

    generator = keras.Sequential([keras.Input((1,)), *hidden(), L.Reshape((1, 1, 1))], name="generator")
    discriminator = keras.Sequential([keras.Input((1, 1, 1)), L.Flatten(), *hidden()], name="discriminator")
    # Keras draws other weights on each backend; these let all of them start from one picture.
    rng = np.random.default_rng([seed, 1])
    for network in (generator, discriminator):
        network.set_weights([_glorot_uniform(weight.shape, rng) for weight in network.weights])
    # G starts beside the data: there is a way to go. Its last layer keeps its scale, because with larger
    # weights each step would move p_g so far that it folds onto itself.
    mean, deviation = _moments(mixture)
    generator.weights[-1].assign([mean - deviation])
    return generator, discriminator


def draw_numbers(n, rng, mixture=_TWO_BUMPS):
    """Numbers of p_data.

    Args:
        n: how many, >= 0.
        rng: a `numpy.random.Generator`.
        mixture: components of p_data, each (weight, mean, standard deviation).

    Returns:
        float32 array `[n, 1, 1, 1]`.
    """
    return _draw(mixture, n, rng)


def measure_game(model, mixture=_TWO_BUMPS, title="now"):
    """Where the game on a line stands.

    Args:
        model: a `kgan.models.GAN` of `toy_networks`.
        mixture: components of p_data, each (weight, mean, standard deviation).
        title: of the `Moment`.

    Returns:
        `Moment`.
    """
    edges = _edges(mixture)
    return _moment(title, model, edges, _bin_density(_cdf(mixture, edges), edges))


# The data.


def _checked(mixture):
    mixture = tuple(tuple(float(number) for number in component) for component in mixture)
    if not mixture or any(len(c) != 3 or c[0] <= 0 or c[2] <= 0 for c in mixture):
        raise UsageError(f"mixture must be (weight > 0, mean, standard deviation > 0) triples, got {mixture}")
    total = sum(weight for weight, _, _ in mixture)
    if abs(total - 1.0) > 1e-6:
        raise UsageError(f"the weights of the mixture must sum to 1, got {total:g}")
    return mixture


def _edges(mixture, bins=240):
    low = min(mean - 4.0 * deviation for _, mean, deviation in mixture)
    high = max(mean + 4.0 * deviation for _, mean, deviation in mixture)
    return np.linspace(low, high, bins + 1)


def _cdf(mixture, x):
    return sum(weight * _normal_cdf((x - mean) / deviation) for weight, mean, deviation in mixture)


def _normal_cdf(x):
    return np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in x])


def _draw(mixture, n, rng):
    weights, means, deviations = np.array(mixture).T
    component = rng.choice(len(mixture), n, p=weights / weights.sum())
    x = means[component] + deviations[component] * rng.standard_normal(n)
    return x.astype("float32").reshape(n, 1, 1, 1)


def _moments(mixture):
    mean = sum(weight * mean for weight, mean, _ in mixture)
    square = sum(weight * (mean**2 + deviation**2) for weight, mean, deviation in mixture)
    return mean, math.sqrt(square - mean**2)


# The game.


def _model(mixture, width, seed):
    generator, discriminator = toy_networks(width, seed, mixture)
    model = GAN(generator, discriminator, discriminator_steps=3, seed=seed)
    model.compile(
        {player: keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for player, rate in _RATES.items()},
        losses.NonSaturating(),
        [losses.R1(0.03)],
    )
    return model


def _glorot_uniform(shape, rng):
    if len(shape) == 1:
        return np.zeros(shape, "float32")
    bound = math.sqrt(6.0 / sum(shape))
    return rng.uniform(-bound, bound, shape).astype("float32")


def _play(model, data, shares):
    for player, optimizer in model.optimizer.players.items():
        optimizer.learning_rate = _RATES[player] * shares[player]
    model.fit(data, batch_size=_BATCH, shuffle=False, verbose=0)


# What is drawn.


def _moment(title, model, edges, p_data):
    dx = edges[1] - edges[0]
    logits = _run(model.discriminator, ((edges[1:] + edges[:-1]) / 2).reshape(-1, 1, 1, 1))
    discriminator = 0.5 * (1.0 + np.tanh(0.5 * logits))
    p_generated = _generated_density(model.generator, edges)
    return Moment(
        title,
        p_generated,
        discriminator,
        theory.optimal_discriminator(p_data, p_generated),
        np.stack([_LATENTS, _run(model.generator, _LATENTS[:, None])]),
        theory.jsd(p_data, p_generated, dx),
        theory.value(p_data, p_generated, discriminator, dx),
        float(np.sum(p_data * discriminator) * dx),
        float(np.sum(p_generated * discriminator) * dx),
    )


def _run(network, x):
    y = network(ops.convert_to_tensor(x.astype("float32")), training=False)
    return ops.convert_to_numpy(y).ravel().astype("float64")


def _generated_density(generator, edges):
    z = np.linspace(-5.0, 5.0, 2001)
    mass = np.diff(_normal_cdf(z))
    x = _run(generator, z[:, None])
    low, high = np.minimum(x[1:], x[:-1]), np.maximum(x[1:], x[:-1])
    share = np.clip((edges[:, None] - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    return _bin_density(share @ (mass / mass.sum()), edges)


def _bin_density(cdf, edges):
    """Mean density over each bin; what lies beyond the edges counts in the outermost bins."""
    return np.diff(np.concatenate([[0.0], cdf[1:-1], [1.0]])) / (edges[1] - edges[0])


def _figure(game):
    figure = canvas.blank(9.0, 6.6)
    top = 1.08 * max(1.0, game.p_data.max(), *(np.sort(m.p_generated)[-3] for m in game.moments))
    parts: Any = figure.subfigures(2, 2)
    for index, (part, moment) in enumerate(zip(parts.flat, game.moments)):
        upper, lower = part.subplots(2, 1, sharex=True, height_ratios=(5, 1))
        upper.plot(game.x, game.p_data, ":", color=canvas.REAL, linewidth=2.2, label="$p_{data}$")
        upper.plot(game.x, moment.p_generated, "-", color=canvas.FAKE, linewidth=2, label="$p_g$")
        known = game.p_data + moment.p_generated > 0.02
        best = np.where(known, moment.optimal_discriminator, np.nan)
        upper.plot(game.x, best, "-", color="0.7", linewidth=1.5, label="$D^*$, the best D")
        upper.plot(game.x, moment.discriminator, "--", color=canvas.CRITIC, linewidth=2, label="D")
        upper.set(ylim=(0.0, top), xlim=(game.x[0], game.x[-1]))
        upper.set_title(f"{index + 1}. {moment.title}", loc="left")
        upper.set_title(f"JSD {moment.jsd:.3f}   V {moment.value:.3f}", loc="right", fontsize=9)
        upper.grid(alpha=0.25)
        _draw_arrows(lower, moment.arrows)
        if index == 0:
            handles = upper.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_arrows(axes, arrows):
    """Evenly likely z, spread evenly over the panel's middle, and where G sends them."""
    low, high = axes.get_xlim()
    # The law of z is symmetric, so its axis may point in the direction in which the arrows do not cross.
    if arrows[1, 0] > arrows[1, -1]:
        arrows = arrows[:, ::-1]
    spots = np.linspace(low + 0.2 * (high - low), high - 0.2 * (high - low), arrows.shape[1])
    for spot, x in zip(spots, arrows[1]):
        axes.annotate("", (x, 1.0), (spot, 0.0), arrowprops={"arrowstyle": "->", "color": "0.5", "lw": 0.8})
    axes.set(ylim=(0.0, 1.0), yticks=(0.0, 1.0), yticklabels=("z", "x"))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(left=False)
