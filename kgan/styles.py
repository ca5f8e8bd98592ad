"""Styles and noise of a style-based generator as arrays: checks, truncation, mixing; imports numpy only."""

import numpy as np

from kgan import conditions, latents
from kgan.checks import count as at_least
from kgan.checks import is_integer, shown
from kgan.errors import UsageError

NOISE = ("random", "fixed", "none")
PARTS = ("all", "none", "coarse", "fine")
SPACES = ("z", "w")


def check_psi(psi):
    """Truncation strengths as float32.

    Args:
        psi: one number or an array.

    Raises:
        UsageError: one of them is not in [-1, 1].
    """
    values = _real(psi)
    if values is None:
        raise UsageError(f"truncation_psi must be numbers in [-1, 1], got {shown(psi)}")
    wrong = values[~((values >= -1.0) & (values <= 1.0))]
    if wrong.size:
        raise UsageError(f"truncation_psi must lie in [-1, 1], got {wrong.ravel()[0]:g}")
    return values


def check_cutoff(cutoff, count):
    """The number of truncated layers as an int.

    Args:
        cutoff: a number.
        count: layers of the network.

    Raises:
        UsageError: it is no whole number from 0 to `count`.
    """
    if not is_integer(cutoff) or not 0 <= cutoff <= count:
        raise UsageError(f"truncation_cutoff must be from 0 to {count}, got {shown(cutoff)}")
    return int(cutoff)


def check_range(layers, count, name="layers"):
    """`(first, last)` as ints.

    Args:
        layers: a pair of layers, counted from 0, both included.
        count: layers of the network.
        name: what the argument is called in an error.

    Raises:
        UsageError: one of them is outside the network, or they are in the wrong order.
    """
    pair = tuple(layers) if isinstance(layers, tuple | list | np.ndarray) else ()
    if len(pair) != 2 or not all(map(is_integer, pair)) or not 0 <= pair[0] <= pair[1] < count:
        raise UsageError(f"{name} must be (first, last) within 0 to {count - 1}, got {shown(layers)}")
    return int(pair[0]), int(pair[1])


def check_space(space):
    """The space; raises UsageError unless it is "z" or "w"."""
    if not isinstance(space, str) or space not in SPACES:
        raise UsageError(f'space must be "z" or "w", got {shown(space)}')
    return space


def check_mode(mode):
    """The kind of noise; raises UsageError unless it is one of `NOISE`."""
    if not isinstance(mode, str) or mode not in NOISE:
        raise UsageError(f"noise must be one of {', '.join(NOISE)}, got {shown(mode)}")
    return mode


def mapping_inputs(specs, z, label=None, names=None):
    """What the mapping network takes, checked.

    Args:
        specs: sequence of `kgan.types.Input`: z, and the label where there are classes.
        z: float `[n, latent_dim]`, n >= 1.
        label: class number or name, or n of them.
        names: names of the classes in the order of their numbers, or `None`.

    Returns:
        dict of name to array `[n, ...]`.

    Raises:
        UsageError: z of another shape, or a label that is missing, too much or of no class.

    Example:
        >>> from kgan.types import Input
        >>> mapping_inputs([Input("z", (2,))], [[0.0, 1.0]])["z"].shape
        (1, 2)
    """
    z = as_floats("z", z)
    if z.ndim != 2 or not len(z):
        raise UsageError(f"z must be [n, {specs[0].shape[0]}], got {list(z.shape)}")
    given = {specs[0].name: z}
    for spec in specs[1:]:
        if label is None:
            raise UsageError(f"{spec.name} must be given for a generator with classes, got None")
        given[spec.name] = label
    if label is not None and len(specs) == 1:
        raise UsageError(f"label must not be given for a generator without classes, got {shown(label)}")
    return conditions.checked(specs, given, len(z), names)


def two_ends(start, end, dim):
    """Where a walk begins and where it ends, float32 `[2, dim]`.

    Raises:
        UsageError: one of them is no vector of `dim` finite numbers.
    """
    ends = [as_floats(name, vector) for name, vector in (("start", start), ("end", end))]
    for name, vector in zip(("start", "end"), ends):
        if vector.shape != (dim,):
            raise UsageError(f"{name} must be a vector of {dim} numbers, got {list(vector.shape)}")
    return np.stack(ends)


def check_one_label(label):
    """Raises UsageError unless a label is one for all images, a number or a name."""
    if np.size(label) > 1:
        raise UsageError(f"label must be one class, got {shown(label)}")


def as_floats(name, values):
    """`values` as a float32 array; UsageError unless they are finite real numbers."""
    array = _real(values)
    if array is None:
        kind = f" of {values.dtype}" if isinstance(values, np.ndarray) else ""
        raise UsageError(f"{name} must be real numbers, got {shown(values)}{kind}")
    if not np.isfinite(array).all():
        raise UsageError(f"{name} must be finite, got NaN or infinity")
    return array


def _real(values):
    """Real numbers as a float32 array, `None` for anything else; what float32 cannot hold is infinity."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cOSU":  # NumPy would drop an imaginary part, and make NaN of None
            return None
        with np.errstate(over="ignore"):
            return array.astype("float32")
    except (TypeError, ValueError):
        return None


def noise_range(layers, count):
    """The first and the last layer that "all", "none", "coarse", "fine" or a pair means.

    Args:
        layers: one of these.
        count: layers of the network.

    Raises:
        UsageError: another word, or a pair outside the network.

    Example:
        >>> noise_range("coarse", 18), noise_range("fine", 8), noise_range("none", 8)
        ((0, 7), (4, 7), (0, -1))
    """
    # 8 of 18 layers at 1024x1024, where the coarse ones end with 32x32; about half of fewer.
    half = min(8, 2 * -(-count // 4))
    words = {"all": (0, count - 1), "none": (0, -1), "coarse": (0, half - 1), "fine": (half, count - 1)}
    if not isinstance(layers, str):
        return check_range(layers, count, "noise_layers")
    if layers not in words:
        raise UsageError(f"noise_layers must be one of {', '.join(PARTS)} or a pair, got {shown(layers)}")
    return words[layers]


def noise_values(specs, fixed, n, mode="random", seed=None):
    """Noise images of each layer.

    Args:
        specs: sequence of `kgan.types.Input`, the noise inputs.
        fixed: dict of their names to the generator's own images `[side, side, 1]`.
        n: how many samples, at least 1.
        mode: one of `NOISE`: drawn, the generator's own for all samples, or zeros.
        seed: int of at least 0, or `None` for fresh entropy.

    Returns:
        dict of name to float32 `[n, side, side, 1]`.

    Raises:
        UsageError: another mode, or n below 1.

    Example:
        >>> from kgan.types import Input
        >>> noise_values([Input("noise_0", (4, 4, 1))], {}, 2, "none")["noise_0"].shape
        (2, 4, 4, 1)
    """
    n = at_least("n", n)
    if check_mode(mode) == "random":
        return latents.draw(specs, n, seed)
    if mode == "fixed":
        return {spec.name: np.repeat(fixed[spec.name][None], n, axis=0) for spec in specs}
    return {spec.name: np.zeros((n, *spec.shape), "float32") for spec in specs}


def given_noise(specs, noise, n):
    """The noise images that a caller gives, checked.

    Args:
        specs: sequence of `kgan.types.Input`, the noise inputs.
        noise: dict of some of their names to arrays `[n, side, side, 1]`, or one image for all.
        n: number of samples.

    Returns:
        dict of name to float32 `[n, side, side, 1]`.

    Raises:
        UsageError: no dict, noise of a layer that has none, or of another shape.

    Example:
        >>> from kgan.types import Input
        >>> given_noise([Input("noise_0", (4, 4, 1))], {"noise_0": np.zeros((4, 4, 1))}, 2)["noise_0"].shape
        (2, 4, 4, 1)
    """
    return conditions.checked(specs, _check_images(noise), n)


def _check_images(noise):
    if not isinstance(noise, dict) or not all(isinstance(name, str) for name in noise):
        raise UsageError(f"noise must be a dict of noise images, as noise() gives, got {shown(noise)}")
    return noise


def masked(noise, layers, count):
    """Noise with zeros in all but some layers.

    Args:
        noise: dict of `noise_0`, `noise_1`, ... to arrays.
        layers: which ones keep it, as in `noise_range`.
        count: layers of the network.

    Raises:
        UsageError: layers outside the network, or noise that is no dict of its layers.
    """
    first, last = noise_range(layers, count)
    names = [f"noise_{layer}" for layer in range(count)]
    unknown = [name for name in _check_images(noise) if name not in names]
    if unknown:
        raise UsageError(f"noise must be among {', '.join(names)}, got {', '.join(unknown)}")
    kept = names[first : last + 1]
    return {name: value if name in kept else np.zeros_like(value) for name, value in noise.items()}


def per_layer(w, count, dim):
    """One style for each layer.

    Args:
        w: float `[n, dim]`, or `[n, count, dim]`.
        count: layers of the network.
        dim: length of w.

    Returns:
        float32 `[n, count, dim]`.

    Raises:
        UsageError: w of another shape.
    """
    w = as_floats("w", w)
    if w.shape[1:] not in ((dim,), (count, dim)) or not len(w):
        raise UsageError(f"w must be [n, {dim}] or [n, {count}, {dim}] at this side, got {list(w.shape)}")
    return w if w.ndim == 3 else np.repeat(w[:, None], count, axis=1)


def truncated(styles, mean, psi, cutoff):
    """Styles of which the first layers are pulled towards the mean: `mean + psi (w - mean)`.

    Args:
        styles: float `[n, layers, d]`.
        mean: `[d]`.
        psi: in [-1, 1], one number or `[n]`.
        cutoff: how many layers that concerns, 0 to their number.

    Returns:
        float32 `[n, layers, d]`.

    Raises:
        UsageError: psi or cutoff out of range.

    Example:
        >>> truncated(np.full((1, 2, 1), 8.0), np.zeros(1), 0.5, cutoff=1).ravel().tolist()
        [4.0, 8.0]
    """
    n, count = styles.shape[:2]
    cutoff, psi = check_cutoff(cutoff, count), check_psi(psi)
    if psi.shape not in ((), (n,)):
        raise UsageError(f"truncation_psi must be one number or {n}, got shape {psi.shape}")
    rows = np.broadcast_to(psi[..., None], (n, count)).copy()
    rows[:, cutoff:] = 1.0
    return latents.truncate(np.asarray(styles, "float32"), mean, rows)


def mixed(source, destination, layers):
    """Styles of the destination, but for some layers, which have those of the source.

    Args:
        source: styles `[n, layers, d]`.
        destination: likewise; n of either may be 1.
        layers: (first, last) of those taken from the source, both included, counted from 0.

    Returns:
        float32 styles `[n, layers, d]`.

    Raises:
        UsageError: layers outside the network, or different numbers of styles.

    Example:
        >>> mixed(np.ones((1, 3, 1)), np.zeros((2, 3, 1)), (0, 1))[1].ravel().tolist()
        [1.0, 1.0, 0.0]
    """
    first, last = check_range(layers, destination.shape[1])
    counts = len(source), len(destination)
    n = max(counts)
    if set(counts) - {1, n}:
        raise UsageError(f"sources and destinations must be equally many or one, got {counts}")
    styles = np.broadcast_to(destination, (n, *destination.shape[1:])).astype("float32")
    styles[:, first : last + 1] = source[:, first : last + 1]
    return styles
