"""Agreement of FID, KID, Inception score, precision and recall with torch-fidelity, on the same features.

    pip install --no-deps --target FOLDER torch-fidelity tqdm
    PYTHONPATH=FOLDER python -m benchmarks.torch_fidelity [--count 4000] [--dimensions 512] [--dtype float32]

Features and logits are random, but correlated and cut at 0 as those of a network are. Where torch-fidelity
draws subsets, kgan is given the same ones. torch-fidelity computes in the type of the features, kgan always
in float64: with `--dtype float32`, its practice, the rounding of its kernel sums is seen too. Exit code 1
where two numbers differ by more than 1e-4 of them.
"""

import argparse
import sys

import numpy as np
import torch
from torch_fidelity import __version__ as VERSION
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

from kgan import metrics

TOLERANCE = 1e-4
SUBSETS, SUBSET_SIZE, SEED = 100, 1000, 2020


def drawn(count, dimensions, dtype, seed=0):
    """Features of reals and of fakes, `[count, dimensions]`, and logits of 100 classes."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions)) / dimensions**0.5 * np.logspace(0.0, -2.0, dimensions)
    draw = lambda scale, shift: np.maximum(
        scale * rng.normal(size=(count, dimensions)) @ mixing.T + shift, 0.0
    )
    logits = 2.0 * rng.normal(size=(count, 100))
    return tuple(array.astype(dtype) for array in (draw(1.0, 0.3), draw(0.9, 0.35), logits))


def theirs(real, fake, logits):
    """torch-fidelity's numbers; its first input is the generated one."""
    real, fake, logits = (torch.from_numpy(array) for array in (real, fake, logits))
    statistics = [metric_fid.fid_features_to_statistics(features) for features in (fake, real)]
    settings = {"verbose": False, "rng_seed": SEED}
    one = metric_kid.kid_features_to_metric(fake, real, kid_subsets=1, kid_subset_size=len(fake), **settings)
    many = metric_kid.kid_features_to_metric(
        fake, real, kid_subsets=SUBSETS, kid_subset_size=SUBSET_SIZE, **settings
    )
    found = metric_prc.prc_features_to_metric(fake, real, prc_neighborhood=3, **settings)
    score = metric_isc.isc_features_to_metric(logits, splits=10, shuffle=False)
    return {
        "FID": metric_fid.fid_statistics_to_metric(*statistics, False)[metric_fid.KEY_METRIC_FID],
        "KID, all samples in one subset": one[metric_kid.KEY_METRIC_KID_MEAN],
        f"KID, {SUBSETS} subsets of {SUBSET_SIZE}": many[metric_kid.KEY_METRIC_KID_MEAN],
        "KID, std over subsets": many[metric_kid.KEY_METRIC_KID_STD],
        "Inception score, 10 splits": score[metric_isc.KEY_METRIC_ISC_MEAN],
        "Inception score, std over splits": score[metric_isc.KEY_METRIC_ISC_STD],
        "precision, k = 3": found[metric_prc.KEY_METRIC_PRECISION],
        "recall, k = 3": found[metric_prc.KEY_METRIC_RECALL],
    }


def ours(real, fake, logits):
    """kgan's numbers, in the same order."""
    count = len(real)
    rng = np.random.RandomState(SEED)
    subsets = []
    for _ in range(SUBSETS):
        chosen = [rng.choice(count, SUBSET_SIZE, replace=False) for _ in range(2)]
        subsets.append(metrics.polynomial_mmd(real[chosen[1]], fake[chosen[0]]))
    powers = np.exp(logits.astype("float64") - logits.max(axis=1, keepdims=True))
    score = metrics.inception_score(powers / powers.sum(axis=1, keepdims=True), splits=10, seed=None)
    return (
        metrics.fid(real, fake),
        metrics.kid(real, fake, subset_size=count, subsets=1).value,
        float(np.mean(subsets)),
        float(np.std(subsets)),
        score.value,
        score.std,
        *metrics.precision_recall(real, fake, k=3),
    )


def main():
    """Prints the table; 1 if a row disagrees."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    arguments = parser.parse_args()
    data = drawn(arguments.count, arguments.dimensions, arguments.dtype)
    print(f"{arguments.count} x {arguments.dimensions} features, {arguments.dtype}")
    print(f"{'':34} {'torch-fidelity':>16} {'kgan':>16}  difference, of torch-fidelity {VERSION}")
    worst = 0.0
    for (name, expected), value in zip(theirs(*data).items(), ours(*data), strict=True):
        difference = abs(value - expected) / abs(expected)
        worst = max(worst, difference)
        print(f"{name:34} {expected:16.9g} {value:16.9g}  {difference:.1e}")
    return int(not worst <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
