"""CPU and wall time of a train step: kgan's `fit` against a hand-written loop of the same networks.

Run from the root: `python -m benchmarks.train_step --backend torch [--case dcgan_28 ...]`. Both sides
start from the same weights; before anything is timed their losses of the first steps must agree. Rounds
of the two alternate in one process, and a ratio is taken in each round, so that what else the machine
does hits both. Below 1.00 kgan is faster.
"""

import argparse
import dataclasses
import importlib
import os
import statistics
import time


@dataclasses.dataclass(frozen=True)
class Case:
    """One network at one batch size.

    Args:
        network: "28" or "64", the side of the images.
        width: channels of the last hidden map; the published networks have 64.
        batch: images per step.
        steps: steps per round.
        r1: weight of R1 on every step, or 0.
    """

    network: str
    width: int
    batch: int
    steps: int
    r1: float = 0.0


CASES = {
    "dcgan_28": Case("28", 64, 64, 12),
    "dcgan_64": Case("64", 64, 32, 4),
    "dcgan_28_r1": Case("28", 64, 64, 8, r1=1.0),
    "tiny": Case("28", 2, 4, 250),
    "dcgan_64_b128": Case("64", 64, 128, 50),
}
DEFAULT = ["dcgan_28", "dcgan_64", "dcgan_28_r1", "tiny"]
MODULES = {"torch": "torch_loop", "jax": "jax_loop", "tensorflow": "tensorflow_loop"}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=sorted(MODULES), required=True)
    parser.add_argument("--case", nargs="+", choices=sorted(CASES), default=DEFAULT)
    parser.add_argument(
        "--precision", choices=["float32", "mixed_float16", "mixed_bfloat16"], default="float32"
    )
    return common_options(parser, rounds=9).parse_args()


def common_options(parser, rounds):
    """The options of all benchmarks of train steps, but for which cases they measure."""
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--steps", type=float, default=1.0, help="factor on the steps of a round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("--tuned", action="store_true", help="torch: channels_last and fused Adam natively")
    parser.add_argument("--profile", action="store_true", help="print where kgan's time goes (cProfile)")
    return parser


def limit_threads(backend, threads, device):
    """Before the framework starts: the number of threads, and the device."""
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    if backend == "torch":
        import torch

        torch.set_num_threads(threads)
        if device == "cpu":
            os.environ["KERAS_TORCH_DEVICE"] = "cpu"
        found = torch.cuda.is_available()
    elif backend == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        if device == "cpu":
            tf.config.set_visible_devices([], "GPU")
        found = bool(tf.config.list_physical_devices("GPU"))
    else:
        if device == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
        if threads == 1:
            flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
        import jax

        found = jax.default_backend() == "gpu"
    if device == "gpu" and not found:
        raise SystemExit(f"--device gpu needs a GPU that {backend} can use, found none")


def kgan_model(case):
    """kgan's DCGAN of the case, compiled."""
    import kgan
    from kgan.models.dcgan import discriminator_4x4, generator_4x4, networks_28

    if case.network == "28":
        networks = networks_28(1, width=case.width)
    else:
        networks = {
            "generator": generator_4x4(64, width=case.width),
            "discriminator": discriminator_4x4(64, width=case.width),
        }
    model = kgan.models.DCGAN(**networks)
    model.compile(penalties=[kgan.losses.R1(case.r1)] if case.r1 else [])
    return model


class Epoch:
    """Times the epoch inside `fit`: the training loop and its input, without what `fit` sets up once."""

    begin = spent = (0.0, 0.0)

    def callback(self):
        import keras

        epoch = self

        class Timer(keras.callbacks.Callback):
            async_safe = True

            def on_epoch_begin(self, number, logs=None):
                epoch.begin = clocks()

            def on_epoch_end(self, number, logs=None):
                epoch.spent = since(epoch.begin)

        return Timer()


def clocks():
    return time.process_time(), time.perf_counter()


def since(begin):
    return tuple(now - then for now, then in zip(clocks(), begin))


def check_same(model, native, images, batch, steps=3):
    """Both sides must compute the same losses from the same weights, images and noise."""
    import numpy as np

    noise = np.random.default_rng(1).normal(size=(2, batch, 100)).astype("float32")
    turns = [0]

    def latents(count):
        turns[0] += 1
        return model.fixed_noise[(turns[0] - 1) % 2]

    from keras import ops

    model.fixed_noise = tuple(ops.convert_to_tensor(z) for z in noise)
    model.latents = latents
    wanted = native.losses(noise, steps)
    for i, (d_loss, g_loss) in enumerate(wanted):
        logs = model.fit(images[:batch], batch_size=batch, shuffle=False, verbose=0).history
        found = logs["discriminator_loss"][0], logs["generator_loss"][0]
        # The second loss feels the first update, where Adam divides small gradients by small roots.
        np.testing.assert_allclose(
            found,
            (d_loss, g_loss),
            rtol=1e-4 if i == 0 else 5e-3,
            atol=1e-4 if i == 0 else 1e-3,
            err_msg=f"step {i}",
        )
    return wanted


def shape_of(case):
    from benchmarks.native import shapes

    return getattr(shapes, f"shape_{case.network}")(case.width)


def measure(case, options):
    """Rounds of (CPU, wall) milliseconds per step: native ones and kgan's."""
    import numpy as np

    loop = importlib.import_module(f"benchmarks.native.{MODULES[options.backend]}").Loop
    shape, steps = shape_of(case), max(1, round(case.steps * options.steps))
    images = np.random.default_rng(0).uniform(-1, 1, (steps * case.batch, *shape.image)).astype("float32")
    device = "cuda" if (options.backend, options.device) == ("torch", "gpu") else options.device

    def pair():
        model = kgan_model(case)
        weights = model.generator.get_weights(), model.discriminator.get_weights()
        native = loop(
            shape, images, case.batch, case.r1, weights, device, options.precision, tuned=options.tuned
        )
        return model, native

    if options.precision == "float32":
        check_same(*pair(), images, case.batch)
    model, native = pair()
    timer = Epoch()
    fit = {"batch_size": case.batch, "verbose": 0, "callbacks": [timer.callback()]}
    rounds = []
    for number in range(options.rounds + 1):
        begin = clocks()
        native.run(steps)
        spent = since(begin)
        model.fit(images, **fit)
        if number:  # the first round compiles
            rounds.append([[1e3 * t / steps for t in side] for side in (spent, timer.spent)])
    if options.profile:
        profile(lambda: model.fit(images, **fit), steps)
    return rounds


def profile(run, steps):
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    profiler.runcall(run)
    print(f"profile of {steps} steps of kgan:")
    pstats.Stats(profiler).sort_stats("tottime").print_stats(28)


def spread(values):
    values = sorted(values)
    return f"{statistics.median(values):.2f} ({values[0]:.2f}-{values[-1]:.2f})"


def main():
    options = parse()
    limit_threads(options.backend, options.threads, options.device)
    import keras

    keras.config.set_dtype_policy(options.precision)
    print(f"{options.backend}, {options.device}, {options.precision}, {options.threads} thread(s)")
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
