"""Latency of an exported CycleGAN generator in onnxruntime, against torch.onnx.export of the same network.

Run from the root: `python -m benchmarks.translation_latency [--case emoji_64]`. The network is exported by
kgan, as a bundle for pictures of any size, and written once more in plain torch, with the same weights, and
exported by torch's older exporter, which needs no further package, with free batch, height and width; both
are checked to make the same pictures. Torch's export is timed as it is (float, NCHW) and with the 8-bit NHWC
input and output of kgan's bundles. They take turns as in `benchmarks.onnx_latency`, which this follows in all
else. Below 1.00 kgan's bundle is faster.
"""

import argparse
import importlib.util
import os
import pathlib
import tempfile
import time
import warnings

import numpy as np

from benchmarks.cyclegan_step import CASES
from benchmarks.onnx_latency import compare

SIDES = ("torch", "torch_uint8")
# Height, width and batch of the pictures; the first is the size of the training.
PICTURES = {
    "emoji_64": ((64, 64, 1), (64, 64, 16), (128, 96, 4)),
    "published_256": ((256, 256, 1), (512, 384, 1)),
    "tiny": ((16, 16, 1),),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], default="tensorflow")
    parser.add_argument("--case", nargs="+", choices=sorted(PICTURES), default=["emoji_64", "published_256"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 0], help="0: onnxruntime's default")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each row of the table")
    return parser.parse_args()


def torch_onnx(network, path, uint8):
    """Exports with torch; with `uint8`, pictures go in and out as they do in kgan's bundles."""
    import torch

    class Pictures(torch.nn.Module):
        def forward(self, x):
            return torch.clamp(x.permute(0, 2, 3, 1) * 127.5 + 128, 0, 255).to(torch.uint8)

    class Floats(torch.nn.Module):
        def forward(self, x):
            return x.permute(0, 3, 1, 2).float() / 127.5 - 1

    example, free = torch.zeros(2, 3, 64, 64), (0, 2, 3)
    if uint8:
        network = torch.nn.Sequential(Floats(), network, Pictures())
        example, free = torch.zeros(2, 64, 64, 3, dtype=torch.uint8), (0, 1, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it is deprecated
        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=["image"],
            dynamic_axes={"image": {axis: f"axis_{axis}" for axis in free}},
        )


def exported(case, folder):
    """The ONNX files of one generator."""
    from benchmarks.native.cyclegan_torch import copy_weights, make_generator
    from kgan.export import export
    from kgan.models import CycleGAN
    from kgan.models.cyclegan_networks import networks

    made = networks(image_size=case.side, width=case.width, stages=case.stages, blocks=case.blocks)
    model = CycleGAN(**made)
    rng = np.random.default_rng(0)
    for weight in model.generator_ab.weights:  # as if trained: biases that do something
        if weight.path.endswith("bias"):
            weight.assign(rng.normal(0.0, 0.1, weight.shape))
    bundle = export(model, folder / "bundle", ["onnx"])
    network = make_generator(case.width, case.blocks)
    copy_weights(network, model.generator_ab.get_weights())
    files = {"kgan": bundle / "generator.onnx"}
    for side in SIDES:
        files[side] = folder / f"{side}.onnx"
        torch_onnx(network, files[side], side == "torch_uint8")
    return files


def runners(files, threads, pictures):
    """A function for each side; the float one gets its floats ready made."""
    import onnxruntime

    floats = np.ascontiguousarray(np.moveaxis(pictures.astype("float32") / 127.5 - 1, 3, 1))
    sides = {}
    for name, path in files.items():
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        given = floats if name == "torch" else pictures
        sides[name] = lambda _, session=session, given=given: session.run(None, {"image": given})[0]
    return sides


def check(sides):
    made = {name: run(None) for name, run in sides.items()}
    floats = np.clip(np.moveaxis(made["torch"], 1, 3) * 127.5 + 128, 0, 255).astype(int)
    for name in ("kgan", "torch_uint8"):
        levels = np.abs(made[name].astype(int) - floats).max()
        assert levels <= 1, f"{name} differs by {levels} levels"


def main():
    args = parse()
    os.environ["KERAS_BACKEND"] = args.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if importlib.util.find_spec("torch") is None:
        raise SystemExit("this comparison needs torch")
    print(f"| case | picture | batch | threads | kgan ms | {' | '.join(f'/ {side}' for side in SIDES)} |")
    print("|---|---|---|---|---|" + "---|" * len(SIDES))
    for name in args.case:
        with tempfile.TemporaryDirectory() as folder:
            files = exported(CASES[name], pathlib.Path(folder))
            for height, width, batch in PICTURES[name]:
                shape = (batch, height, width, 3)
                pictures = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
                for threads in args.threads:
                    sides = runners(files, threads, pictures)
                    check(sides)
                    clock = time.process_time if threads == 1 else time.perf_counter
                    milliseconds, ratios = compare(sides, None, args.seconds, clock)
                    cells = [f"{ratios[side]:.2f}" for side in SIDES]
                    row = [name, f"{height}x{width}", str(batch), str(threads or "default")]
                    print(f"| {' | '.join([*row, f'{milliseconds:.2f}', *cells])} |", flush=True)


if __name__ == "__main__":
    main()
