"""Time of the exact neighbour search of a feature store against a plain numpy loop.

`python -m benchmarks.neighbours` searches the 50 nearest of 60,000 random vectors of 1,280 numbers; another
number of vectors is its argument. The loop takes the cosines of 1,024 rows with all others at a time and
sorts by `argpartition`; above 20,000 vectors it is timed on a tenth of the rows and multiplied.
"""

import sys
import time

import numpy as np

from kgan.data import neighbors
from kgan.data.feature_store import unit_features

ROWS = 1024


def plain(points, rows, k):
    """Nearest others of the first rows, as one writes it without thinking of memory or symmetry."""
    found = np.empty((rows, k), np.int64)
    for start in range(0, rows, ROWS):
        stop = min(start + ROWS, rows)
        cosines = points[start:stop] @ points.T
        cosines[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        best = np.argpartition(-cosines, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosines, best, axis=1), axis=1)
        found[start:stop] = np.take_along_axis(best, order, axis=1)
    return found


def timed(function, *arguments):
    """`(result, seconds of wall time, seconds of CPU time)`."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def main(count=60_000, k=50):
    """Prints both times, their ratio, and whether they found the same neighbours."""
    points = unit_features(np.random.default_rng(0).standard_normal((count, 1280), dtype=np.float32))
    rows = count if count <= 20_000 else count // 10
    (indices, _), wall, cpu = timed(neighbors.nearest_others, points, k)
    expected, loop_wall, loop_cpu = timed(plain, points, rows, k)
    factor = count / rows
    same = float(np.mean(indices[:rows] == expected))
    print(f"{count} x 1280, k = {k}: kgan {wall:.1f} s ({cpu:.1f} s of CPU)")
    print(f"plain loop: {factor * loop_wall:.1f} s ({factor * loop_cpu:.1f} s of CPU)")
    print(f"ratio of CPU time {cpu / (factor * loop_cpu):.2f}, same neighbours {same:.4%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
