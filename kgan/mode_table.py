"""The table of five losses on two mixtures of Gaussians: the recipe `gaussian_modes` for several seeds."""

import csv
import dataclasses
import json
import pathlib
import time
import zipfile

import keras
import numpy as np

from kgan import catalog
from kgan.callbacks.mode_coverage import draw_points
from kgan.files import replacing
from kgan.metrics import count_modes
from kgan.run import build

RECIPE = "gaussian_modes"
# Points that are scored, and the seed of their latents; the first of them are drawn.
POINTS, LATENT_SEED, SHOWN = 10_000, 1, 2_000


@dataclasses.dataclass(frozen=True)
class ModeRun:
    """One cell of the table, for one seed.

    Args:
        data: "ring" or "grid".
        game: name of the loss.
        seed: of data, weights and noise.
        covered: modes covered.
        modes: modes that there are.
        high_quality: share of points within 3 standard deviations of a mode, 0 to 1.
        seconds: that the run took, with its compilation.
        points: the first 2,000 generated points, `[2000, 2]`.
    """

    data: str
    game: str
    seed: int
    covered: int
    modes: int
    high_quality: float
    seconds: float
    points: np.ndarray


def run_table(folder, *, seeds=5, report=None, **settings):
    """Trains every game on both data sets; a run whose file is there already is not repeated.

    Args:
        folder: where each run leaves a file and all of them `table.csv`; it is created.
        seeds: runs of each cell, >= 1, with the seeds 0, 1, ...
        report: called with each `ModeRun` as soon as it is known, or None.
        **settings: other settings of the recipe, such as `epochs`.

    Returns:
        List of `ModeRun`.
    """
    folder = pathlib.Path(folder)
    recipe = catalog.load(RECIPE)
    runs = []
    for data in recipe.module.DATA_SETS:
        for game in recipe.module.GAMES:
            for seed in range(seeds):
                cell = recipe.configure({**settings, "data": data, "game": game, "seed": seed})
                path = folder / f"{data}-{game}-{seed}.npz"
                run = _read(path, cell) or _train(path, recipe, cell)
                runs.append(run)
                if report is not None:
                    report(run)
    _write_csv(folder / "table.csv", runs)
    return runs


def _train(path, recipe, settings):
    start = time.monotonic()
    model, data = build(recipe, settings), recipe.module.data(settings)
    model.fit(data, epochs=settings.epochs, verbose=0)
    points = draw_points(model, POINTS, LATENT_SEED)
    found = count_modes(points, data.centers, data.std, weights=data.weights)
    keras.utils.clear_session()
    run = ModeRun(
        settings.data,
        settings.game,
        settings.seed,
        int(found.covered),
        len(data.centers),
        float(found.high_quality),
        round(time.monotonic() - start, 1),
        points[:SHOWN],
    )
    about = {**dataclasses.asdict(run), "settings": dataclasses.asdict(settings)}
    del about["points"]
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, about=json.dumps(about), points=run.points)
    return run


def _read(path, settings):
    """The run of a file, or None when there is none of these settings."""
    try:
        with np.load(path) as file:
            about, points = json.loads(str(file["about"])), file["points"]
        same = about.pop("settings") == dataclasses.asdict(settings)
        return ModeRun(points=points, **about) if same else None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def _write_csv(path, runs):
    names = [field.name for field in dataclasses.fields(ModeRun) if field.name != "points"]
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(names)
        table.writerows([getattr(run, name) for name in names] for run in runs)


def summaries(runs):
    """Means and standard deviations over the seeds of each cell.

    Args:
        runs: list of `ModeRun`.

    Returns:
        Dict from (data, game) to ((mean, std) of modes covered, (mean, std) of the high-quality share).
    """
    cells = {}
    for run in runs:
        cells.setdefault((run.data, run.game), []).append((run.covered, run.high_quality))
    columns = {cell: np.array(values, "float64").T for cell, values in cells.items()}
    # Of a sample, not of a population; a single run has no spread.
    return {
        cell: tuple((float(c.mean()), float(c.std(ddof=1)) if len(c) > 1 else 0.0) for c in column)
        for cell, column in columns.items()
    }


def lines(runs):
    """The table in Markdown, a list of lines.

    Args:
        runs: list of `ModeRun`.
    """
    modes = {run.data: run.modes for run in runs}
    found = summaries(runs)
    head = [f"{data}: {what}" for data, n in modes.items() for what in (f"modes of {n}", "high quality")]
    table = [f"| loss | {' | '.join(head)} |", "|---" * (1 + len(head)) + "|"]
    for game in dict.fromkeys(run.game for run in runs):
        pairs = [found[data, game] for data in modes]
        cells = [f"{c[0]:.1f} ± {c[1]:.1f} | {h[0]:.3f} ± {h[1]:.3f}" for c, h in pairs]
        table.append(f"| {game} | {' | '.join(cells)} |")
    return table


def panels(runs):
    """The panels of `kgan.figures.draw_mode_scatter`: points of the first seed, scores of all.

    Args:
        runs: list of `ModeRun`.
    """
    from kgan.figures.mode_scatter import ScatterPanel

    recipe, found, chosen = catalog.load(RECIPE), summaries(runs), {}
    for run in runs:
        chosen.setdefault((run.data, run.game), run)
    drawn = []
    for (data, game), run in chosen.items():
        centers = recipe.module.data(recipe.configure({"data": data})).centers
        (covered, _), (quality, _) = found[data, game]
        below = f"{covered:.1f} of {run.modes}, {100 * quality:.0f} % good"
        drawn.append(ScatterPanel(data, game.replace("_", "-"), below, run.points, centers))
    return drawn
