"""The demonstration behind `make demo`: train, export, verify, sample elsewhere, and say what was measured.

    python -m kgan.demo --backend jax --out runs

Each part is a command that a user could type; it is shown before it runs.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

from kgan.launch import BACKENDS
from kgan.run_folder import HISTORY, SAMPLES, next_folder

RECIPE = "dcgan_fashion_mnist"
SETTINGS = ("epochs=12", "batch_size=64")
SEED = 1

# The app's side: nothing but the bundle, numpy, onnxruntime and Pillow.
_SAMPLE = """
import json, sys, time
start = time.perf_counter()
from kgan.export.runtime import Generator
from kgan.pictures import save_sheet
bundle, sheet, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
generator = Generator(bundle)
images = generator.sample(64, seed=seed)
first = time.perf_counter() - start
absent = ("keras", "tensorflow", "torch", "jax")
present = [name for name in absent if name in sys.modules]
assert not present, f"imported: {present}"
save_sheet(sheet, images, columns=16, scale=2)
times = []
for _ in range(20):
    start = time.perf_counter()
    generator.sample(64, seed=seed)
    times.append(time.perf_counter() - start)
print(json.dumps({"first": first, "again": sorted(times)[10], "absent": absent, "sum": int(images.sum())}))
"""

# The trainer's side: the same images from the trained Keras model.
_COMPARE = """
import json, pathlib, sys, time
start = time.perf_counter()
from kgan.launch import choose_backend, import_keras
choose_backend(sys.argv[1])
import_keras()
import numpy as np
from kgan.export.runtime import Generator
from kgan.run import load
run, bundle, seed = pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
model = load(run)
images = model.sample(64, seed=seed)
first = time.perf_counter() - start
levels = int(np.abs(images.astype(int) - Generator(bundle).sample(64, seed=seed)).max())
times = []
for _ in range(20):
    start = time.perf_counter()
    model.sample(64, seed=seed)
    times.append(time.perf_counter() - start)
print(json.dumps({"first": first, "again": sorted(times)[10], "levels": levels}))
"""


def _run(*words):
    """Runs `kgan WORDS` in a process of its own; returns the seconds it took and its output."""
    print("\n$ kgan " + " ".join(map(str, words)), flush=True)
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "kgan", *map(str, words)], check=True)
    return time.monotonic() - start


def _ask(code, *words):
    """Runs a snippet in a process of its own; returns what its last line says."""
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _report(folder, backend, seconds, app, trainer):
    """The closing lines."""
    manifest = json.loads((folder / "bundle" / "kgan.json").read_text(encoding="utf-8"))
    steps = len((folder / "run" / HISTORY).read_text(encoding="utf-8").splitlines()) - 1
    ratio = app["again"] / trainer["again"]
    print(
        f"""
Measured, on {backend}
  training      {seconds["run"]:.0f} s for {steps} epochs ({' '.join(SETTINGS)}), start of Keras included
  export        {seconds["export"]:.0f} s; verification of the bundle {seconds["verify"]:.0f} s
  errors        {json.dumps(manifest["verification"])}
  same seed     Keras on {backend} and onnxruntime differ by {trainer["levels"]} of 255 levels at most
  64 images     onnxruntime {1000 * app["again"]:.1f} ms, Keras {1000 * trainer["again"]:.1f} ms: ratio {ratio:.2f}
  first 64      from the start of the program: {app["first"]:.1f} s, with Keras {trainer["first"]:.1f} s

The second process had none of these imported: {", ".join(app["absent"])}.

Pictures        {folder / "run" / SAMPLES} (over time), {folder / "run" / "loss.png"}
From the bundle {folder / "samples.png"}
Bundle          {folder / "bundle"} (ONNX and SavedModel; start with its README.md)
Run             {folder / "run"}
"""
    )


def main():
    """Runs the demonstration.

    Returns:
        The exit code: that of the first command that failed, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m kgan.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, default="tensorflow")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs"))
    parser.add_argument("settings", metavar="key=value", nargs="*", help="settings of the recipe")
    arguments = parser.parse_args()
    folder = next_folder(f"demo-{arguments.backend}", arguments.out)
    run, bundle = folder / "run", folder / "bundle"
    start = time.monotonic()
    try:
        seconds = {
            "run": _run(
                "run", RECIPE, *SETTINGS, *arguments.settings, "--backend", arguments.backend, "--out", run
            ),
            "export": _run("export", run, "-o", bundle),
            "verify": _run("verify", bundle),
        }
        print("\nSampling the bundle in a second process, without Keras or TensorFlow", flush=True)
        app = _ask(_SAMPLE, bundle, folder / "samples.png", SEED)
        trainer = _ask(_COMPARE, arguments.backend, run, bundle, SEED)
    except subprocess.CalledProcessError as error:
        return error.returncode
    _report(folder, arguments.backend, seconds, app, trainer)
    print(f"All of it took {(time.monotonic() - start) / 60:.1f} minutes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
