"""The demonstration behind `make demo`: train, export, verify, sample elsewhere, and say what was measured.

    python -m kgan.demo --backend jax --out runs

Each part is a command that a user could type; it is shown before it runs.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from kgan.launch import BACKENDS, choose_backend, import_keras
from kgan.run_folder import SAMPLES, next_folder

RECIPE = "dcgan_fashion_mnist"
# Higher rates and a narrower network than published: see docs/log.md for what they gain.
SETTINGS = {
    "epochs": "10",
    "batch_size": "32",
    "width": "32",
    "generator_rate": "1e-3",
    "discriminator_rate": "5e-4",
}
SEED = 1

ABSENT = ("keras", "tensorflow", "torch", "jax")


def sample(bundle, sheet):
    """What an app does, in a process of its own: nothing but the bundle, numpy, onnxruntime and Pillow.

    Args:
        bundle: the exported bundle.
        sheet: the file for a sheet of 64 images.

    Returns:
        Dict with the seconds from the start of this function to the first images, and for 64 more.

    Raises:
        RuntimeError: Keras or a training framework was imported.
    """
    start = time.perf_counter()
    from kgan.export.runtime import Generator

    generator = Generator(bundle)
    images = generator.sample(64, seed=SEED)
    first = time.perf_counter() - start
    present = [name for name in ABSENT if name in sys.modules]
    if present:
        raise RuntimeError(f"the runtime must not import {', '.join(present)}")
    from kgan.pictures import save_sheet

    save_sheet(sheet, images, columns=16, scale=2)
    return {"first": first, "again": _median_seconds(generator)}


def compare(backend, run, bundle):
    """The same images from the trained Keras model, in a process of its own.

    Args:
        backend: the Keras backend.
        run: the run folder.
        bundle: the bundle that was exported from it.

    Returns:
        Dict with the seconds as `sample` measures them, and the largest difference in levels of 255.
    """
    start = time.perf_counter()
    choose_backend(backend)
    import_keras()
    import numpy as np

    from kgan.export.runtime import Generator
    from kgan.run import load

    model = load(pathlib.Path(run))
    images = model.sample(64, seed=SEED)
    first = time.perf_counter() - start
    levels = int(np.abs(images.astype(int) - Generator(bundle).sample(64, seed=SEED)).max())
    return {"first": first, "again": _median_seconds(model), "levels": levels}


def _median_seconds(source, repetitions=21):
    """Median time of a draw of 64 images."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        source.sample(64, seed=SEED)
        times.append(time.perf_counter() - start)
    return sorted(times)[repetitions // 2]


def _run(*words):
    """Runs `kgan WORDS` in a process of its own; returns the seconds it took."""
    print("\n$ kgan " + " ".join(map(str, words)), flush=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "kgan", *map(str, words)], check=True)
    return time.monotonic() - start


def _ask(part, *words):
    """Runs a part of this module in a process of its own; returns what its last line says."""
    command = [sys.executable, "-m", "kgan.demo", part, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _report(folder, backend, seconds, app, trainer):
    """The closing lines: what was measured, and where everything is."""
    run, bundle = folder / "run", folder / "bundle"
    manifest = json.loads((bundle / "kgan.json").read_text(encoding="utf-8"))["verification"]
    errors = [
        f"{name} {error['float']:.1e}, {error['uint8']} of 255 levels"
        for name, error in manifest["largest_error"].items()
    ]
    times = 1000 * app["again"], 1000 * trainer["again"]
    command = os.path.relpath(pathlib.Path(sys.executable).with_name("kgan"))
    print(
        f"""
Measured, trained with Keras on {backend}
  training       {seconds["run"]:.0f} s, with the start of Keras and the pictures
  export         {seconds["export"]:.0f} s, and {seconds["verify"]:.0f} s for `kgan verify`
  largest error  {"; ".join(errors)} (against Keras, at batch sizes 1 and 7)
  same seed      {trainer["levels"]} of 255 levels between Keras on {backend} and onnxruntime, 64 images
  64 images      {times[0]:.1f} ms by onnxruntime, {times[1]:.1f} ms by Keras: ratio {times[0] / times[1]:.2f}
  first images   {app["first"]:.1f} s from import by onnxruntime, {trainer["first"]:.1f} s by Keras

The process that sampled the bundle had not imported {", ".join(ABSENT)}.

Pictures over time  {run / SAMPLES}
Loss curve          {run / "loss.png"}
From the bundle     {folder / "samples.png"}
Bundle              {bundle} (ONNX and SavedModel; begin with its README.md)
More of them        {command} sample {bundle} -n 64 --seed 2 -o sheet.png
"""
    )


def main():
    """Runs the demonstration.

    Returns:
        The exit code: that of the first command that failed, else 0.
    """
    if sys.argv[1:2] in (["sample"], ["compare"]):
        part = sample if sys.argv[1] == "sample" else compare
        print(json.dumps(part(*sys.argv[2:])))
        return 0
    parser = argparse.ArgumentParser(prog="python -m kgan.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("settings", metavar="key=value", nargs="*", help="settings of the recipe")
    arguments = parser.parse_args()
    settings = {**SETTINGS, **dict(word.partition("=")[::2] for word in arguments.settings)}
    words = [f"{key}={value}" for key, value in settings.items()]
    folder = next_folder(f"demo-{arguments.backend}", arguments.out)
    run, bundle = folder / "run", folder / "bundle"
    # OpenMP's waiting threads spin; with other work on the cores a torch step then takes ten times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    start = time.monotonic()
    try:
        seconds = {
            "run": _run("run", RECIPE, *words, "--backend", arguments.backend, "--out", run),
            "export": _run("export", run, "-o", bundle),
            "verify": _run("verify", bundle),
        }
        print("\nSampling the bundle in a second process, without Keras or TensorFlow", flush=True)
        app = _ask("sample", bundle, folder / "samples.png")
        trainer = _ask("compare", arguments.backend, run, bundle)
    except subprocess.CalledProcessError as error:  # it has said what is wrong
        return error.returncode
    except KeyboardInterrupt:
        return 130
    _report(folder, arguments.backend, seconds, app, trainer)
    print(f"All of it took {(time.monotonic() - start) / 60:.1f} minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
