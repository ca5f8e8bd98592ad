"""The figures of `kgan figure`: what each one shows, what it needs, and the function that draws it.

A function takes the picture's file and, where the figure shows a trained model, the model or the runtime of a
bundle; its other arguments are the settings of the command line. It returns lines that say what is shown.
"""

import dataclasses
import inspect
import pathlib
from collections.abc import Callable

from kgan.config import nearest
from kgan.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Entry:
    """One figure.

    Args:
        about: one sentence.
        draw: the function.
        needs_run: whether it shows a trained model, given by `--run`.
        needs_folder: whether it also shows what a run has kept; `draw` takes the run folder after the model.
        pictured: whether docs/gallery.md may show it, by the licence of its images.
    """

    about: str
    draw: Callable
    needs_run: bool = False
    needs_folder: bool = False
    pictured: bool = True

    def settings(self):
        """A dataclass of the settings that `draw` takes, for `kgan.config`."""
        parameters = inspect.signature(self.draw).parameters.values()
        fields = [(p.name, p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY]
        return dataclasses.make_dataclass("Settings", fields, frozen=True)


def find(name):
    """The figure of a name.

    Raises:
        UsageError: there is none.

    Example:

    >>> find("toy_game").needs_run
    False
    """
    if name not in FIGURES:
        raise UsageError(
            f"a figure must be one of {', '.join(FIGURES)}, got {name!r}{nearest(name, FIGURES)}"
        )
    return FIGURES[name]


# Figures without a trained model. Keras is imported by those that need it, as late as possible.


def _toy_game(path, *, rounds: int = 800, width: int = 32, seed: int = 0):
    from kgan.figures import draw_toy_game

    end = draw_toy_game(path, rounds=rounds, width=width, seed=seed).moments[-1]
    return [
        f"mean D {end.mean_on_real:.3f} on reals and {end.mean_on_fake:.3f} on fakes, "
        f"JSD {end.jsd:.4f}, V {end.value:.3f}"
    ]


def _loss_curves_gan(path):
    from kgan.figures import draw_loss_curves

    draw_loss_curves(path)
    return []


def _loss_curves_lsgan(path):
    from kgan.figures.loss_curves import draw_loss_curves, least_squares_curves

    draw_loss_curves(path, least_squares_curves())
    return []


def _decision_boundary(path, *, far: float = 3.0, points: int = 12, seed: int = 0):
    from kgan.figures import draw_decision_boundary

    lengths = draw_decision_boundary(path, far=far, points=points, seed=seed).far_lengths
    return [f"mean step of the far fakes, {name}: {length:.3f}" for name, length in lengths.items()]


def _saturation(path, *, updates: int = 1000, seed: int = 0):
    from kgan.figures import draw_saturation

    drawn = draw_saturation(path, updates=updates, seed=seed)
    return [f"gradient of G after {updates} updates of D, {n}: {g[-1]:.2g}" for n, g in drawn.norms.items()]


def _gaussian_modes(path, *, seeds: int = 5, epochs: int = 10, steps: int = 300):
    from kgan import mode_table
    from kgan.figures.mode_scatter import draw_mode_scatter

    if seeds < 1:
        raise UsageError(f"seeds must be at least 1, got {seeds}")
    folder = pathlib.Path(path).with_suffix("")
    runs = mode_table.run_table(folder, seeds=seeds, epochs=epochs, steps=steps, report=_tell_run)
    draw_mode_scatter(path, mode_table.panels(runs))
    return [*mode_table.lines(runs), f"all runs: {folder / 'table.csv'}"]


def _fade_or_jump(
    path, *, data: str | None = None, before: int = 8000, fade: int = 4000, after: int = 4000, seed: int = 0
):
    from kgan.data import load_images
    from kgan.figures import draw_fade_or_jump
    from kgan.recipes import FASHION_MNIST_MINI

    images = load_images(data or FASHION_MNIST_MINI, image_size=16, channels=1, seed=seed)
    drawn = draw_fade_or_jump(path, images, before=before, fade=fade, after=after, seed=seed)
    calm = drawn.calm
    return [
        f"noise of the gradients of old layers: x {calm['generator']:.1f} in G, "
        f"x {calm['discriminator']:.1f} in D",
        *(
            f"{name}: they change x {shocks['generator']:.1f} in G, x {shocks['discriminator']:.1f} in D; "
            f"distance of samples x {shocks['samples']:.1f}; SWD x 1000 at the end {drawn.swd[name][-1]:.1f}"
            for name, shocks in drawn.shocks.items()
        ),
    ]


def _tell_run(run):
    print(
        f"{run.data} {run.game} seed {run.seed}: {run.covered} of {run.modes} modes, "
        f"high quality {run.high_quality:.3f}, {run.seconds:.0f} s",
        flush=True,
    )


def _compare_runs(path, *, runs: str = "runs", n: int = 32, columns: int = 4, seed: int = 1):
    from kgan import run
    from kgan.figures.compare_runs import Run, draw_compare_runs
    from kgan.pictures import read_history

    folders = [pathlib.Path(name) for name in runs.split(",")]
    if len(folders) == 1 and not (folders[0] / "config.json").is_file():
        folders = sorted(config.parent for config in folders[0].glob("*/config.json"))
    if not folders:
        raise UsageError(f"runs must be run folders with a comma between, or a folder of such, got {runs}")
    shown = []
    for folder in folders:
        samples = run.load(folder).sample(n, seed=seed)
        history = read_history(folder / "history.csv").items()
        losses = {name: values for name, values in history if name != "epoch" and "[" not in name}
        shown.append(Run(folder.name, samples, losses))
    draw_compare_runs(path, shown, columns)
    return []


# Figures of a trained model.


def _demo_samples(path, source, *, n: int = 64, columns: int = 16, scale: int = 2, seed: int = 1):
    from kgan.pictures import save_sheet

    save_sheet(path, source.sample(n, seed=seed), columns, scale=scale)
    return []


def _interpolation(path, source, *, pairs: int = 4, steps: int = 8, kind: str = "lerp", seed: int = 3):
    from kgan.figures import draw_interpolation

    draw_interpolation(path, source, pairs=pairs, steps=steps, kind=kind, seed=seed)
    return []


def _growth(path, source, folder=None, *, side: int | None = None, seed: int | None = None):
    from kgan.figures import draw_growth

    stale = draw_growth(path, source, side=side, seed=seed, folder=folder).stale
    if not stale:
        return []
    names = ", ".join("the fade" if part == "fade" else f"{part}x{part}" for part in stale)
    return [f"drawn from the last weights, as the run has not kept them for this latent: {names}"]


def _nearest_neighbours(
    path, source, *, data: str | None = None, n: int = 500, heldout: int = 1000, seed: int = 1
):
    import numpy as np

    from kgan.data import load_images
    from kgan.figures import draw_nearest_neighbours
    from kgan.metrics import check_memorization
    from kgan.metrics.features import shipped_network
    from kgan.metrics.memorization import MemorizationCheck
    from kgan.recipes import FASHION_MNIST_MINI

    shape = {"image_size": source.image_shape[:2], "channels": source.image_shape[2]}
    train, test = (load_images(data or FASHION_MNIST_MINI, split, **shape) for split in ("train", "test"))
    kept = test.uint8(range(min(heldout, test.num_examples)))
    samples = source.sample(n, seed=seed)
    found = draw_nearest_neighbours(path, samples, train, kept)
    pixels = np.sqrt(found.distances), np.sqrt(np.asarray(found.heldout_distances))
    told = [_tell_memory("pixels", MemorizationCheck(found.indices, *pixels))]
    if data is None and tuple(source.image_shape) == (28, 28, 1):
        network = shipped_network("fashion_mnist")
        images = (samples, train.uint8(range(train.num_examples)), kept)
        features = check_memorization(*(network(part)["features"] for part in images))
        told.append(_tell_memory("features of the fashion_mnist classifier", features))
    return told


def _instances(
    path,
    source,
    *,
    data: str = "sprites",
    split: str = "train",
    extractor: str = "efficientnet_lite0.onnx",
    size: int | None = 64,
    label: str = "label",
    labelled: str | None = None,
    other: str | None = None,
    other_split: str = "test",
    rows: int = 4,
    neighbors: int = 3,
    samples: int = 5,
    seed: int = 1,
):
    from kgan import run
    from kgan.data import FeatureStore, load_images
    from kgan.data.instance_selection import select_instances
    from kgan.figures.instances import draw_instances, instance_panel
    from kgan.metrics import open_network

    network = open_network(extractor, size)
    classes = None if labelled is None else run.load(pathlib.Path(labelled))
    shown = {"neighbors": neighbors, "samples": samples, "seed": seed}
    panels, wanted = [], None
    for where, name, part in (("own data", data, split), ("other data", other, other_split)):
        if name is None:
            continue
        images = load_images(
            name,
            part,
            image_size=source.image_shape[:2],
            channels=source.image_shape[2],
            batch_size=1,
            label=label if wanted is None and classes else None,
            upscale=True,
        )
        store = FeatureStore.build(images, network)
        chosen = select_instances(store, rows, seed=seed)
        panels.append(instance_panel(f"unlabelled, {where}", source, images, store, chosen, **shown))
        if classes is not None:
            # Other data have other classes: there the classes of the own rows are kept.
            wanted = images.labels[chosen] if wanted is None else wanted
            about = f"with classes, {where}"
            panels.append(instance_panel(about, classes, images, store, chosen, labels=wanted, **shown))
    draw_instances(path, panels, 1 if classes is None else 2)
    return []


def _tell_memory(space, found):
    return (
        f"{space}: median distance of samples over that of held-out images {found.ratio:.2f}, "
        f"{100 * found.copies:.1f} % nearer than any of these"
    )


def _vector_arithmetic(
    path,
    source,
    *,
    a: tuple[int, int, int] = (26, 48, 83),
    b: tuple[int, int, int] = (11, 15, 50),
    c: tuple[int, int, int] = (4, 27, 85),
    names: tuple[str, str, str] = ("light pullover", "dark pullover", "dark trousers"),
    seed: int = 0,
):
    from kgan.figures import decoding, draw_vector_arithmetic

    z, _ = decoding.draw(source, 1 + max(*a, *b, *c, 99), seed)
    draw_vector_arithmetic(path, source, z[list(a)], z[list(b)], z[list(c)], names=names)
    return []


# Figures of styles.


def _style_mixing(
    path, source, *, sources: int = 5, psi: float = 0.7, seed: int = 0, label: int | None = None
):
    from kgan.figures import draw_style_mixing

    drawn = draw_style_mixing(path, source, sources=sources, psi=psi, seed=seed, label=label)
    spans = ", ".join(f"{first} to {last}" for first, last in drawn.layers)
    return [f"layers of the source, row by row: {spans}"]


def _style_interpolation(
    path, source, *, pairs: int = 2, steps: int = 8, psi: float = 0.7, seed: int = 0, label: int | None = None
):
    from kgan.figures import draw_style_interpolation

    draw_style_interpolation(path, source, pairs=pairs, steps=steps, psi=psi, seed=seed, label=label)
    return []


def _style_localisation(path, source, *, pairs: int = 50, seed: int = 0, label: int | None = None):
    from kgan.figures import draw_style_localisation

    changes = draw_style_localisation(path, source, pairs=pairs, seed=seed, label=label).changes
    means = ", ".join(f"{change:.1f}" for change in changes.mean(axis=(1, 2)))
    return [f"mean change by the style of each layer, in grey levels: {means}"]


def _noise_components(path, source, *, n: int = 4, seed: int = 0, label: int | None = None):
    from kgan.figures import draw_noise_components

    draw_noise_components(path, source, n=n, seed=seed, label=label)
    return []


def _noise_detail(path, source, *, n: int = 3, draws: int = 100, seed: int = 0, label: int | None = None):
    from kgan.figures import draw_noise_detail

    spread = draw_noise_detail(path, source, n=n, draws=draws, seed=seed, label=label).spread
    return [f"mean spread over {draws} draws of noise: {spread.mean():.2f} grey levels"]


def _truncation(
    path, source, *, n: int = 4, cutoff: int | None = None, seed: int = 0, label: int | None = None
):
    from kgan.figures import draw_truncation

    draw_truncation(path, source, n=n, cutoff=cutoff, seed=seed, label=label)
    return []


def _attribute_edit(
    path,
    source,
    *,
    attribute: str = "light",
    n: int = 4,
    samples: int = 1000,
    seed: int = 0,
    label: int | None = None,
):
    from kgan.figures import draw_attribute_edit

    drawn = draw_attribute_edit(
        path, source, attribute=attribute, n=n, samples=samples, seed=seed, label=label
    )
    return [
        f"{space.upper()}: a plane parts {100 * direction.accuracy:.0f} % of samples; 2 deviations across it "
        f"change {attribute} by {drawn.effects[space].target:.2f} of its deviations, others by "
        f"{drawn.effects[space].leak:.2f} of that"
        for space, direction in drawn.directions.items()
    ]


def _multi_resolution(path, source, *, rows: int = 3, psi: float = 1.0, seed: int = 0):
    from kgan.figures import draw_multi_resolution

    truncates = psi != 1.0
    conditions = {"truncation_psi": psi} if truncates else {}
    draw_multi_resolution(path, source, rows=rows, seed=seed, **conditions)
    return []


def _disentanglement(path, *, steps: int = 3000, width: int = 64, seed: int = 0):
    from kgan.figures import draw_disentanglement

    drawn = draw_disentanglement(path, steps=steps, width=width, seed=seed)
    lengths = ", ".join(f"{space.upper()} {value:.3f}" for space, value in drawn.path_lengths.items())
    return [
        f"path length in {lengths}; {100 * drawn.in_hole:.1f} % of the samples in the forbidden corner, "
        f"sliced distance {drawn.distance:.3f}"
    ]


FIGURES = {
    "toy_game": Entry(
        "The game of one generator and one discriminator on a line, at four moments.", _toy_game
    ),
    "loss_curves_gan": Entry("log(1 - D) against -log D, with their gradients.", _loss_curves_gan),
    "loss_curves_lsgan": Entry(
        "Sigmoid cross entropy against squared error, with gradients.", _loss_curves_lsgan
    ),
    "decision_boundary": Entry(
        "Where two losses move fakes that lie beyond the boundary.", _decision_boundary
    ),
    "saturation": Entry(
        "The generator's gradient while D is trained to the end: who saturates.", _saturation
    ),
    "gaussian_modes": Entry(
        "Modes covered by five losses on a ring of 8 and a grid of 25 Gaussians (trains 50 models).",
        _gaussian_modes,
    ),
    "compare_runs": Entry(
        "Samples and losses of several runs side by side: runs=FOLDER,FOLDER or a folder of runs.",
        _compare_runs,
    ),
    "fade_or_jump": Entry(
        "What old layers feel when a side is added slowly or at once (trains 2 models).",
        _fade_or_jump,
    ),
    "growth": Entry(
        "One latent at every side of a growing generator, and before, during and after a fade.",
        _growth,
        needs_run=True,
        needs_folder=True,
    ),
    "disentanglement": Entry(
        "A forbidden combination of attributes, seen through Z and through a trained W (trains 1 toy).",
        _disentanglement,
    ),
    "style_mixing": Entry(
        "The styles of some layers from one latent, the others from another.",
        _style_mixing,
        needs_run=True,
    ),
    "style_interpolation": Entry(
        "The way between two latents through Z and through W.",
        _style_interpolation,
        needs_run=True,
    ),
    "style_localisation": Entry(
        "The style of one layer at a time from another latent, and what changes by it.",
        _style_localisation,
        needs_run=True,
    ),
    "noise_components": Entry(
        "Noise at all layers, at none, at the fine and at the coarse ones.",
        _noise_components,
        needs_run=True,
    ),
    "noise_detail": Entry(
        "Draws of noise, and how much each pixel changes with them.",
        _noise_detail,
        needs_run=True,
    ),
    "truncation": Entry(
        "Latents from all variety through the mean to their opposite.",
        _truncation,
        needs_run=True,
    ),
    "attribute_edit": Entry(
        "Latents moved along the direction of an attribute, and what else moves with it.",
        _attribute_edit,
        needs_run=True,
    ),
    "multi_resolution": Entry(
        "Samples as they come, few of them large and many small.",
        _multi_resolution,
        needs_run=True,
    ),
    "demo_samples": Entry("A sheet of samples.", _demo_samples, needs_run=True),
    "interpolation": Entry(
        "Straight lines between pairs of latents, decoded.", _interpolation, needs_run=True
    ),
    "vector_arithmetic": Entry(
        "A - B + C on averages of three latents, given by their numbers.", _vector_arithmetic, needs_run=True
    ),
    "instances": Entry(
        "Instances, neighbours and samples; with labelled= and other= the four panels of IC-GAN.",
        _instances,
        needs_run=True,
        pictured=False,
    ),
    "nearest_neighbours": Entry(
        "Samples beside the nearest training images, and how far these are.",
        _nearest_neighbours,
        needs_run=True,
    ),
}
