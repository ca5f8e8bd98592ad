"""Where noise changes an image: the spread over many draws."""

import dataclasses

import numpy as np

from kgan import checks
from kgan.figures import canvas
from kgan.figures.style_panels import check_counts, check_styles, drawn_z, grid


@dataclasses.dataclass(frozen=True)
class NoiseDetail:
    """What one figure shows.

    Args:
        images: for each latent some draws of noise, uint8 `[n, shown, height, width, channels]`.
        spread: standard deviation of the grey image over all draws, in grey levels, `[n, height, width]`.
    """

    images: np.ndarray
    spread: np.ndarray


def draw_noise_detail(path, model, *, n=3, draws=100, seed=0, label=None):
    """Draws latents under three draws of noise, and how much each pixel changes over many, times 4.

    Args:
        path: the picture's file, `.png`; it appears whole or not at all.
        model: a `kgan.models.StyleGAN`.
        n: latents, >= 1.
        draws: of noise, >= 1.
        seed: int >= 0, draws latents and noise.
        label: class number, where there are classes.

    Returns:
        `NoiseDetail`, what is shown.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Karras, Laine, Aila, A Style-Based Generator Architecture, 2019, figure 4.

    Example:

    >>> import pathlib, tempfile
    >>> from kgan.models import StyleGAN
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "detail.png"
    >>> draw_noise_detail(path, StyleGAN.tiny(), n=1, draws=4).spread.shape
    (1, 8, 8)
    """
    canvas.check_png(path)
    model = check_styles(model)
    check_counts(n=n, draws=draws)
    checks.count("seed", seed, 0)
    w = model.map(drawn_z(model, n, seed), label)
    shown, spread = [], []
    for place in range(n):
        noise = model.noise(draws, "random", seed=seed + 1 + place)
        images = model.images_of(np.repeat(w[place][None], draws, axis=0), noise)
        shown.append(images[:3])
        spread.append(images.astype("float64").mean(axis=-1).std(axis=0))
    drawn = NoiseDetail(np.stack(shown), np.stack(spread))
    maps = np.clip(4.0 * drawn.spread, 0.0, 255.0).astype("uint8")[..., None]
    maps = np.broadcast_to(maps, (*maps.shape[:-1], drawn.images.shape[-1]))
    titles = [*(f"noise {k + 1}" for k in range(drawn.images.shape[1])), "spread x 4"]
    canvas.save(grid([[*row, one] for row, one in zip(drawn.images, maps)], titles), path)
    return drawn
