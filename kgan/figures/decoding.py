"""Images from chosen latents, by a model or by the runtime of an exported bundle."""

import numpy as np

from kgan import latents
from kgan.errors import UsageError

_NO_NOISE = ("label", "zeros", "ones", "given")


def latent_input(source):
    """The input that is varied: the first one that holds noise.

    Args:
        source: a `kgan.engine.AdversarialModel` or a `kgan.export.runtime.Generator`.

    Returns:
        A `kgan.types.Input`.

    Raises:
        UsageError: the source has no noise.
    """
    specs = _specs(source)
    for spec in specs:
        if spec.distribution not in _NO_NOISE:
            return spec
    names = ", ".join(spec.name for spec in specs)
    raise UsageError(f"source must have an input with noise, got one with {names or 'no inputs'}")


def checked_latents(name, value, source, n=None):
    """`value` as float32 latents `[n, *shape]` of the source.

    Args:
        name: what the message calls them.
        value: array-like `[n, *shape]`.
        source: a model or a `Generator`.
        n: how many there must be, or None for any number of at least 1.

    Raises:
        UsageError: another shape.
    """
    value, shape = np.asarray(value, np.float32), latent_input(source).shape
    fits = value.ndim > 0 and value.shape[1:] == shape and (len(value) == n if n else len(value) >= 1)
    if not fits:
        wanted = ", ".join(map(str, (n or "n >= 1", *shape)))
        raise UsageError(f"{name} must be latents of shape [{wanted}], got {list(value.shape)}")
    return value


def draw(source, n, seed):
    """Every input of the source, `n` times.

    Args:
        source: a model or a `Generator`.
        n: how many, >= 1.
        seed: int >= 0.

    Returns:
        (latents `[n, *shape]`, dict of name to array `[n, ...]` of the other inputs).
    """
    banks = source.banks() if hasattr(source, "banks") else None
    values = latents.draw(_specs(source), n, seed, banks)
    return values.pop(latent_input(source).name), values


def decode(source, z, others):
    """The images of some latents.

    Args:
        source: a model or a `Generator`.
        z: latents `[n, *shape]`.
        others: dict of name to array `[n, ...]` of the other inputs.

    Returns:
        uint8 array `[n, height, width, channels]`.
    """
    return source.sample(len(z), **{latent_input(source).name: z}, **others)


def _specs(source):
    # A Keras model has an `inputs` too, of another kind.
    return source.sampling_inputs() if hasattr(source, "sampling_inputs") else source.inputs
