"""The file `scores.json` of a run or bundle, and scores as a table."""

import json
import pathlib
import warnings

from kgan.errors import DataError
from kgan.files import replacing
from kgan.metrics.protocol import ProtocolWarning, Result

FORMAT = 1


def scores_path(folder):
    """Where the scores of a run or bundle go: into the run, beside the bundle, whose files are fixed.

    Args:
        folder: a run folder or a bundle.

    Example:

    >>> scores_path("runs/dcgan-1").as_posix()
    'runs/dcgan-1/scores.json'
    """
    folder = pathlib.Path(folder)
    if (folder / "kgan.json").is_file():
        folder = folder.resolve()
        return folder.with_name(f"{folder.name}.scores.json")
    return folder / "scores.json"


def read_scores(path):
    """The scores of a file, a list of `Result`; empty where there is no file.

    Raises:
        DataError: the file is not one of kgan's.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return []
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise DataError(f"format must be {FORMAT}, got {content['format']!r}")
        return [Result.from_json(item) for item in content["scores"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} must hold scores as kgan wrote them: {error}") from error


def add_scores(path, results):
    """Adds scores to a file; those of the same name and protocol are replaced, all others stay.

    Args:
        path: the file; it appears whole or not at all.
        results: list of `Result`.

    Returns:
        The earlier scores of the same names that were measured in another way.

    Raises:
        DataError: the file is not one of kgan's.
    """
    kept = [old for old in read_scores(path) if not any(_same(old, new) for new in results)]
    scores = [result.to_json() for result in [*kept, *results]]
    with replacing(path) as temporary:
        text = json.dumps({"format": FORMAT, "scores": scores}, indent=2, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    names = {result.name for result in results}
    return [old for old in kept if old.name in names]


def _same(old, new):
    return old.name == new.name and not old.protocol.differences(new.protocol)


def comparisons(results, earlier):
    """Why earlier scores must not be compared with these, one line each.

    Args:
        results: list of `Result`.
        earlier: what `add_scores` returned.
    """
    lines = []
    for old in earlier:
        for new in results:
            if new.name == old.name:
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always", ProtocolWarning)
                    new.difference(old)
                lines += [f"an earlier {warning.message}" for warning in caught]
    return lines


def table(results):
    """Scores as text, a line each.

    Args:
        results: list of `Result`.

    Example:

    >>> from kgan.metrics import Protocol
    >>> protocol = Protocol("ms_ssim", {}, *[None] * 5, 0, 100, *[None] * 3)
    >>> print(table([Result("ms_ssim[pixels]", 0.25, 0.5, protocol)]))
    score            value  std  samples  real images
    ms_ssim[pixels]   0.25  0.5      100            0
    """
    rows = [("score", "value", "std", "samples", "real images", "")]
    for result in results:
        std = "" if result.std is None else f"{result.std:.4g}"
        counts = str(result.protocol.fake), str(result.protocol.real)
        rows.append((result.name, f"{result.value:.6g}", std, *counts, result.note or ""))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            [
                f"{row[0]:{widths[0]}}",
                *(f"{cell:>{width}}" for cell, width in zip(row[1:5], widths[1:])),
                row[5],
            ]
        ).rstrip()
        for row in rows
    )
