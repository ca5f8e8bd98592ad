"""Does the loader hold training up? Images per second against the train step, and memory by number of rows.

Run from the root: `python -m benchmarks.loader --backend torch`. For each case the loader and `fit` of kgan's
DCGAN alternate in one process; a ratio is taken in each round, so that what else the machine does hits both.
`--no-fit` leaves the train step out, `--no-memory` the second table. The memory of each size is measured in
fresh processes: one decodes, the next opens what was decoded and draws an epoch of it.

Uses ../shared/data where it is there, else the images in the repository.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared/data"
BUNDLED = ROOT / "recipes/fashion_mnist_mini"
MEBI = 1 << 20


@dataclasses.dataclass(frozen=True)
class Case:
    """What is loaded and which preset of DCGAN is trained on it.

    Args:
        size: side of the images.
        channels: 1 or 3.
        batch: images per step.
        preset: of `kgan.models.DCGAN`.
        steps: train steps per round.
    """

    size: int
    channels: int
    batch: int
    preset: str
    steps: int

    def load(self, source, split="train"):
        from kgan.data import load_images

        return load_images(
            source,
            split,
            image_size=self.size,
            channels=self.channels,
            batch_size=self.batch,
            upscale=True,
        )


CASES = [Case(28, 1, 64, "dcgan_28", 12), Case(64, 3, 32, "dcgan_64", 4)]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], default="torch")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-fit", action="store_true", help="only the loader, without a train step")
    parser.add_argument("--no-memory", action="store_true", help="only the rates")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def first_that_exists(*folders):
    return next(folder for folder in folders if folder.is_dir())


def loader_rate(images, seconds=0.3):
    """Images per second of drawing batches of shuffled epochs."""
    served, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for index in range(len(images)):
            images[index]
        served += len(images) * images.batch_size
        images.set_epoch(images.epoch + 1)
    return served / (time.perf_counter() - begin)


def fit_rate(model, images, steps):
    """Images per second of `fit`, without what it sets up once."""
    import keras

    class Timer(keras.callbacks.Callback):
        async_safe = True

        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.spent = time.perf_counter() - self.begin

    timer = Timer()
    images.start = images.num_examples // images.batch_size - steps
    model.fit(
        images,
        epochs=images.epoch + 1,
        initial_epoch=images.epoch,
        shuffle=False,
        verbose=0,
        callbacks=[timer],
    )
    images.start = 0
    return steps * images.batch_size / timer.spent


def trained(preset):
    """A compiled DCGAN."""
    from kgan.models import DCGAN

    model = DCGAN.from_preset(preset)
    model.compile()
    return model


def rates(options):
    """Prints the table of images per second."""
    print(f"{'images':>14} {'batch':>6} {'loader, images/s':>18} {'fit, images/s':>14} {'ratio':>8}")
    for case in CASES:
        source = BUNDLED if case.size == 28 else first_that_exists(SHARED / "emoji_google", BUNDLED)
        images = case.load(source)
        model = None if options.no_fit else trained(case.preset)
        pairs = []
        for turn in range(options.rounds + 1):
            pair = (loader_rate(images), fit_rate(model, images, case.steps) if model else float("nan"))
            if turn:  # the first one compiles
                pairs.append(pair)
        loader, fit = (statistics.median(column) for column in zip(*pairs))
        ratio = statistics.median(drawn / used for drawn, used in pairs)
        shape = "x".join(map(str, images.image_shape))
        print(f"{shape:>14} {case.batch:>6} {loader:>18,.0f} {fit:>14,.0f} {ratio:>8,.0f}", flush=True)


def resident(peak=False):
    """Resident memory of this process in MiB, its greatest so far with `peak`."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def measure(task):
    """In a fresh process: loads one data set, draws an epoch, and prints by how much memory grew."""
    import datasets

    import kgan.data

    before = resident()
    images = Case(task["size"], task["channels"], 64, "", 0).load(task["source"], task["split"])
    opened, peak = resident(), resident(peak=True)
    most = opened
    for index in range(len(images)):
        images[index]
        most = max(most, resident())
    row = {"rows": images.num_examples, "opening": peak - before, "epoch": most - before}
    file = max(
        (pathlib.Path(datasets.config.HF_DATASETS_CACHE) / "kgan_images").iterdir(), key=os.path.getmtime
    )
    print(
        json.dumps(
            {**row, "file": file.stat().st_size / MEBI, "modules": [datasets.__name__, kgan.data.__name__]}
        )
    )


def child(backend, cache, task):
    """Runs `measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loader", "--backend", backend, "--child", json.dumps(task)]
    environment = {**os.environ, "HF_HOME": cache}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return json.loads(run.stdout.splitlines()[-1])


def memory(options):
    """Prints the table of memory by number of rows."""
    whole = SHARED / "fashion_mnist"
    source = first_that_exists(whole, BUNDLED)
    names = "".join(f"{name:>13}" for name in ("rows", "decoded file", "decoding", "opening", "an epoch"))
    print()
    print(f"{'images':>14} {names}   (MiB; growth of resident memory)")
    for size, channels in ((28, 1), (64, 3)):
        for rows in (1_000, 10_000, 60_000):
            if rows > 10_000 and source != whole:
                continue
            task = {"size": size, "channels": channels, "source": str(source), "split": f"train[:{rows}]"}
            with tempfile.TemporaryDirectory() as cache:
                cold, warm = (child(options.backend, cache, task) for _ in range(2))
            print(
                f"{f'{size}x{size}x{channels}':>14} {warm['rows']:>13,}{warm['file']:>13,.0f}"
                f"{cold['opening']:>13,.0f}{warm['opening']:>13,.0f}{warm['epoch']:>13,.0f}",
                flush=True,
            )


def main():
    options = parse()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if options.child:
        measure(json.loads(options.child))
        return
    print(f"{options.backend}, {os.cpu_count()} cores, medians of {options.rounds} rounds")
    rates(options)
    if not options.no_memory and pathlib.Path("/proc/self/status").exists():
        memory(options)


if __name__ == "__main__":
    main()
