"""StyleGAN and PGGAN phase by phase, and StyleGAN's step against a hand-written loop of the same networks.

Run from the root: `python -m benchmarks.growing_step --backend torch`. The first table is kgan alone: in each
phase the first step, with what it compiles, and in stable phases the time of 1,000 images; the second is
`fit` in the last phase against the native loop, whose first losses must agree, in alternating rounds as in
`benchmarks.train_step`. R1 is in every step. Below 1.00 kgan is faster. Wider networks for a GPU:
`--device gpu --side 128 --tuned --precision mixed_bfloat16`.
"""

import argparse
import dataclasses
import importlib
import itertools
import resource
import statistics
from unittest import mock

from benchmarks.train_step import Epoch, clocks, common_options, limit_threads, profile, since, spread

RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Case:
    """Networks of one size.

    Args:
        side: pixels of the last images.
        fmap_base: as in `kgan.models.stylegan_networks.StyleGANGenerator`.
        fmap_max: greatest width.
        latent: length of z and w.
        mapping: dense layers of the mapping network.
        batch: images per step.
        steps: steps per round.
        gamma: weight of R1.
        mixing: probability of two styles in a batch.
        decay: of the generator's average, per step.
    """

    side: int
    fmap_base: int
    fmap_max: int
    latent: int
    mapping: int
    batch: int
    steps: int
    gamma: float = 1.0
    mixing: float = 0.9
    decay: float = 0.999


CASES = {
    case.side: case
    for case in (
        Case(8, 16, 4, 4, 1, 4, 60),
        Case(32, 512, 64, 64, 4, 16, 6),
        Case(64, 4096, 256, 256, 8, 32, 30),
        Case(128, 8192, 512, 512, 8, 32, 20),
        Case(256, 8192, 512, 512, 8, 32, 10),
    )
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=["jax", "tensorflow", "torch"], required=True)
    parser.add_argument("--side", type=int, choices=sorted(CASES), default=32, help="8 is tiny: fixed cost")
    parser.add_argument("--models", nargs="*", choices=["pggan", "stylegan"], default=["pggan", "stylegan"])
    parser.add_argument("--no-native", action="store_true", help="leave out the native loop")
    parser.add_argument(
        "--check-side", type=int, choices=sorted(CASES), help="compare the losses of this case"
    )
    parser.add_argument(
        "--precision", choices=["float32", "mixed_float16", "mixed_bfloat16"], default="float32"
    )
    return common_options(parser, rounds=5).parse_args()


def schedule_of(case, steps, rounds):
    """A phase is as long as it is measured, in epochs of `steps` steps."""
    from kgan.engine import GrowthSchedule

    epoch = steps * case.batch
    images = (rounds + 1) * epoch
    return GrowthSchedule(
        case.side,
        stable_images=images,
        fade_images=images,
        batch_size=case.batch,
        learning_rate=RATE,
        images_per_epoch=epoch,
    )


def stylegan(case, steps, rounds, mixing=None):
    """kgan's StyleGAN of the case with R1 in every step, compiled."""
    import kgan
    from kgan.engine import MovingAverage
    from kgan.models.pggan import PGGANDiscriminator
    from kgan.models.stylegan_networks import StyleGANGenerator

    widths = {"fmap_base": case.fmap_base, "fmap_max": case.fmap_max}
    model = kgan.models.StyleGAN(
        StyleGANGenerator(case.side, 3, **widths, latent_dim=case.latent, mapping_layers=case.mapping),
        PGGANDiscriminator(case.side, 3, **widths, group_size=4, blur=True),
        schedule=schedule_of(case, steps, rounds),
        style_mixing=case.mixing if mixing is None else mixing,
        gradient_pixels="native",
        average=MovingAverage(decay=case.decay),
    )
    model.compile(penalties=[kgan.losses.R1(case.gamma)])
    return model


def pggan(case, steps, rounds):
    """kgan's PGGAN of the case with the WGAN-GP of its presets, compiled."""
    import kgan
    from kgan.engine import MovingAverage
    from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator

    widths = {"fmap_base": case.fmap_base, "fmap_max": case.fmap_max}
    model = kgan.models.PGGAN(
        PGGANGenerator(case.side, 3, **widths, latent_dim=case.latent),
        PGGANDiscriminator(case.side, 3, **widths, group_size=4),
        schedule=schedule_of(case, steps, rounds),
        average=MovingAverage(decay=case.decay),
    )
    model.compile()
    return model


MODELS = {"pggan": pggan, "stylegan": stylegan}


# -- the native loop


def weights_in_order(model):
    """Weights of generator and discriminator at the last side, in the order in which a pass uses them."""
    generator, discriminator = model.generator, model.discriminator
    parts = [generator.mapping]
    for place in range(generator.num_layers(model.resolution)):
        first = f"conv_{place}" if place else "constant"
        names = (first, f"noise_{place}", f"bias_{place}", f"style_{place}")
        parts += [generator.blocks[place // 2].get_layer(name) for name in names]
    judges = [discriminator.from_rgb[-1], *reversed(discriminator.blocks)]
    groups = [*parts, generator.to_rgb[-1]], judges
    return [[w for part in group for w in part.get_weights()] for group in groups]


def native_loop(model, case, images, options):
    device = "cuda" if (options.backend, options.device) == ("torch", "gpu") else options.device
    loop = importlib.import_module(f"benchmarks.native.stylegan_{options.backend}").Loop
    return loop(case, images, weights_in_order(model), device, options.precision, tuned=options.tuned)


class Draws:
    """Given z and noise in the place of kgan's draws: for the discriminator's update, the generator's, ..."""

    def __init__(self, case, shapes):
        import numpy as np

        rng = np.random.default_rng(1)
        self.pixels = [int(np.prod(shape)) for shape in shapes]
        sizes = case.latent, sum(self.pixels)
        self.given = [[rng.normal(size=(case.batch, n)).astype("float32") for n in sizes] for _ in "dg"]
        self.turns = [itertools.cycle(column) for column in zip(*self.given)]
        self.shapes, self.latent = shapes, case.latent

    def __call__(self, distribution, shape, seed):
        from keras import ops

        return ops.convert_to_tensor(next(self.turns[0 if shape[1] == self.latent else 1]))

    def native(self):
        """`(z, noise images)` of both updates."""
        import numpy as np

        ends = np.cumsum(self.pixels)[:-1]
        return [
            (z, [x.reshape(-1, *shape) for x, shape in zip(np.split(noise, ends, 1), self.shapes)])
            for z, noise in self.given
        ]


def check_same(case, options, steps=3):
    """Both sides must compute the same losses and R1 from the same weights, images, z and noise."""
    import numpy as np

    images = example_images(case, case.batch)
    model = stylegan(case, 1, steps, mixing=0.0)
    model.begin(len(model.schedule.phases) - 1)
    draws = Draws(case, list(model.generator.noise_shapes(case.side).values()))
    wanted = native_loop(model, case, images, options).losses(draws.native(), steps)
    for i, losses in enumerate(wanted):
        with mock.patch("kgan.models.stylegan.sample_prior", draws):
            logs = model.fit(images, epochs=1, shuffle=False, verbose=0).history
        found = [logs[name][0] for name in ("discriminator_loss", "generator_loss", "r1")]
        # The later losses feel the updates, where Adam divides small gradients by small roots.
        tolerance = 1e-4 if i == 0 else 2e-2
        np.testing.assert_allclose(found, losses, rtol=tolerance, atol=tolerance, err_msg=f"step {i}")


# -- measuring


def example_images(case, count):
    import numpy as np

    shape = (count, case.side, case.side, 3)
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def measure_phases(name, case, images, options):
    """For each phase `(phase, first step, (CPU, wall) seconds of 1,000 images or None)`."""
    steps = max(1, round(case.steps * options.steps))
    model = MODELS[name](case, steps, options.rounds)
    found = []
    for number, phase in enumerate(model.schedule.phases):
        begin = clocks()
        model.begin(number)
        begun = since(begin)
        count = 1 if phase.fading else options.rounds
        (first, _), *later = [timed_epoch(model, images) for _ in range(1 + count)]
        whole, inner = ([statistics.median(t[c] for t in column) for c in (0, 1)] for column in zip(*later))
        starts = [b + f - w + t / steps for b, f, w, t in zip(begun, first, whole, inner)]
        found.append((phase, starts, [1e3 * t / (steps * case.batch) for t in inner]))
    return found


def timed_epoch(model, images):
    """(CPU, wall) seconds of a `fit` of one epoch, and of its loop alone."""
    timer, begin = Epoch(), clocks()
    model.fit(images, epochs=1, verbose=0, callbacks=[timer.callback()])
    return since(begin), timer.spent


def measure_ratio(case, images, options):
    """Rounds of (CPU, wall) seconds of 1,000 images: native ones and kgan's, in the last phase."""
    steps = max(1, round(case.steps * options.steps))
    if options.precision == "float32":
        check_same(CASES[options.check_side or case.side], options)
    model = stylegan(case, steps, options.rounds)
    model.begin(len(model.schedule.phases) - 1)
    native = native_loop(model, case, images, options)
    timer = Epoch()
    fit = {"epochs": 1, "verbose": 0, "callbacks": [timer.callback()]}
    rounds = []
    for number in range(options.rounds + 1):
        begin = clocks()
        native.run(steps)
        spent = since(begin)
        model.fit(images, **fit)
        if number:  # the first round compiles
            rounds.append([[1e3 * t / (steps * case.batch) for t in side] for side in (spent, timer.spent)])
    if options.profile:
        profile(lambda: model.fit(images, **fit), steps)
    return rounds


def peak():
    """Most memory so far that was resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def device_peak(backend):
    """Most memory of the GPU so far in MiB."""
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    if backend == "jax":
        import jax

        return jax.local_devices()[0].memory_stats()["peak_bytes_in_use"] / 2**20
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**20


def print_phases(case, images, options):
    clock = 0 if options.device == "cpu" else 1
    unit = "CPU s" if clock == 0 else "s"
    print(f"resident before any model: {peak():.0f} MiB")
    for name in options.models:
        print(f"\n| {name} | first step, {unit} | 1,000 images, {unit} |\n|---|---|---|")
        for phase, first, thousand in measure_phases(name, case, images, options):
            label = f"{phase.side}x{phase.side}{' fading in' if phase.fading else ''}"
            print(f"| {label} | {first[clock]:.2f} | {thousand[clock]:.2f} |", flush=True)
        print(f"\npeak resident by now: {peak():.0f} MiB")
        if options.device == "gpu":
            print(f"peak on the GPU by now: {device_peak(options.backend):.0f} MiB")


def print_ratio(case, images, options):
    rounds = measure_ratio(case, images, options)
    clock = 0 if options.device == "cpu" else 1
    native, ours = (statistics.median(r[side][clock] for r in rounds) for side in (0, 1))
    cpu, wall = ([r[1][c] / r[0][c] for r in rounds] for c in (0, 1))
    unit = "CPU s" if clock == 0 else "s"
    print(
        f"\n| StyleGAN {case.side}x{case.side} | native, 1,000 images, {unit} | kgan, 1,000 images, {unit} "
        "| ratio CPU (spread) | ratio wall (spread) |\n|---|---|---|---|---|"
    )
    print(f"| batch {case.batch} | {native:.2f} | {ours:.2f} | {spread(cpu)} | {spread(wall)} |")
    print(f"\npeak resident by now: {peak():.0f} MiB")


def main():
    options = parse()
    limit_threads(options.backend, options.threads, options.device)
    import keras

    keras.config.set_dtype_policy(options.precision)
    case = CASES[options.side]
    steps = max(1, round(case.steps * options.steps))
    images = example_images(case, steps * case.batch)
    print(f"{options.backend}, {options.device}, {options.precision}, {options.threads} thread(s), {case}")
    if options.models:
        print_phases(case, images, options)
    if not options.no_native:
        print_ratio(case, images, options)


if __name__ == "__main__":
    main()
