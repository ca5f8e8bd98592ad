"""CPU and wall time of a CycleGAN train step: kgan's `fit` against a hand-written loop of the same networks.

Run from the root: `python -m benchmarks.cyclegan_step --backend torch [--case emoji_64 ...]`. Both sides
start from the same weights; before anything is timed their losses of the first steps must agree. Rounds of
the two alternate in one process, as in `benchmarks.train_step`. Below 1.00 kgan is faster. On a GPU,
`--device gpu --case published_256 --tuned` compares the published setting, batch 1.
"""

import argparse
import dataclasses
import importlib
import statistics

from benchmarks.train_step import Epoch, clocks, common_options, limit_threads, profile, since, spread


@dataclasses.dataclass(frozen=True)
class Case:
    """Networks of one size.

    Args:
        side: pixels.
        width: channels of the outer stages.
        blocks: residual blocks of a generator.
        stages: halvings of a discriminator.
        batch: images of each set per step.
        steps: steps per round.
    """

    side: int
    width: int
    blocks: int
    stages: int
    batch: int
    steps: int


CASES = {
    "emoji_64": Case(64, 16, 3, 2, 1, 16),
    "emoji_64_b4": Case(64, 16, 3, 2, 4, 6),
    "tiny": Case(16, 2, 1, 1, 1, 200),
    "published_256": Case(256, 64, 9, 3, 1, 20),
}
DEFAULT = ["emoji_64", "emoji_64_b4", "tiny"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=["jax", "tensorflow", "torch"], required=True)
    parser.add_argument("--case", nargs="+", choices=sorted(CASES), default=DEFAULT)
    return common_options(parser, rounds=7).parse_args()


def kgan_model(case):
    from kgan.models import CycleGAN
    from kgan.models.cyclegan_networks import networks

    made = networks(image_size=case.side, width=case.width, stages=case.stages, blocks=case.blocks)
    model = CycleGAN(**made)
    model.compile()
    return model


def native_loop(model, case, data, options):
    networks = (model.generator_ab, model.generator_ba, model.discriminator_a, model.discriminator_b)
    device = "cuda" if (options.backend, options.device) == ("torch", "gpu") else options.device
    loop = importlib.import_module(f"benchmarks.native.cyclegan_{options.backend}").Loop
    weights = [network.get_weights() for network in networks]
    return loop(case, data, weights, device, tuned=options.tuned)


def check_same(case, data, options, steps=3):
    """Both sides must compute the same losses from the same weights and images, while the pools fill."""
    import numpy as np

    model = kgan_model(case)
    wanted = native_loop(model, case, data, options).losses(steps)
    first = [x[: case.batch] for x in data]
    for i, losses in enumerate(wanted):
        logs = model.fit(*first, batch_size=case.batch, shuffle=False, verbose=0).history
        found = logs["discriminator_loss"][0], logs["generator_loss"][0]
        # The later losses feel the updates, where Adam divides small gradients by small roots.
        tolerance = 1e-4 if i == 0 else 2e-2
        np.testing.assert_allclose(found, losses, rtol=tolerance, err_msg=f"step {i}")


def measure(case, options):
    """Rounds of (CPU, wall) milliseconds per step: native ones and kgan's."""
    import numpy as np

    steps = max(1, round(case.steps * options.steps))
    rng = np.random.default_rng(0)
    shape = (steps * case.batch, case.side, case.side, 3)
    data = [rng.uniform(-1, 1, shape).astype("float32") for _ in range(2)]
    check_same(case, data, options)
    model = kgan_model(case)
    native = native_loop(model, case, data, options)
    timer = Epoch()
    fit = {"batch_size": case.batch, "verbose": 0, "callbacks": [timer.callback()]}
    rounds = []
    for number in range(options.rounds + 1):
        begin = clocks()
        native.run(steps)
        spent = since(begin)
        model.fit(*data, **fit)
        if number:  # the first round compiles
            rounds.append([[1e3 * t / steps for t in side] for side in (spent, timer.spent)])
    if options.profile:
        profile(lambda: model.fit(*data, **fit), steps)
    return rounds


def main():
    options = parse()
    limit_threads(options.backend, options.threads, options.device)
    print(f"{options.backend}, {options.device}, {options.threads} thread(s)")
    print("| case | native ms (CPU) | kgan ms (CPU) | ratio CPU (spread) | ratio wall (spread) |")
    print("|---|---|---|---|---|")
    for name in options.case:
        rounds = measure(CASES[name], options)
        native, ours = ([r[side][0] for r in rounds] for side in (0, 1))
        cpu, wall = ([r[1][clock] / r[0][clock] for r in rounds] for clock in (0, 1))
        times = f"{statistics.median(native):.2f} | {statistics.median(ours):.2f}"
        print(f"| {name} | {times} | {spread(cpu)} | {spread(wall)} |", flush=True)


if __name__ == "__main__":
    main()
