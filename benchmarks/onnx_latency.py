"""Latency of the exported DCGAN generator in onnxruntime, against torch.onnx.export and against Keras.

Run from the root: `python -m benchmarks.onnx_latency [--backend tensorflow]`. The network of a preset is
exported by kgan, and written once more in plain torch, with the same weights, and exported by torch; both
are checked to make the same images. Torch's export is timed as it is (float, NCHW) and with the 8-bit NHWC
output of kgan's bundles. All of them run on the CPU, taking turns; a ratio is taken in each turn, so that
what else the machine does hits both sides, and the median is shown. Below 1.00 kgan's bundle is faster. With
one thread it is CPU time that counts, with more it is time on the clock.

Torch's present exporter needs `pip install onnxscript`; without it the older one is taken, and named.
"""

import argparse
import importlib.util
import os
import pathlib
import statistics
import tempfile
import time
import warnings

import numpy as np

PRESETS = ("dcgan_28", "dcgan_64")
BATCHES = (1, 64)
SIDES = ("torch", "torch_uint8", "predict", "call")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", choices=["tensorflow", "jax", "torch"], default="tensorflow")
    parser.add_argument("--preset", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 0], help="0: onnxruntime's default")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each row of the table")
    return parser.parse_args()


def plain_torch(preset, keras_network):
    """The generator as one writes it in torch, with the Keras network's weights."""
    import torch
    from torch import nn

    def stage(before, after, stride, padding):
        up = nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False)
        return [up, nn.BatchNorm2d(after, eps=1e-5), nn.ReLU()]

    if preset == "dcgan_28":
        project = [nn.Linear(100, 7 * 7 * 128, bias=False), nn.BatchNorm1d(7 * 7 * 128, eps=1e-5), nn.ReLU()]
        layers = [*project, nn.Unflatten(1, (128, 7, 7)), *stage(128, 64, 2, 1)]
        layers += [nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh()]
    else:
        layers = [nn.Unflatten(1, (100, 1, 1)), *stage(100, 512, 1, 0)]
        layers += [*stage(512, 256, 2, 1), *stage(256, 128, 2, 1), *stage(128, 64, 2, 1)]
        layers += [nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh()]
    network = nn.Sequential(*layers).eval()
    weights = iter(keras_network.get_weights())
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(_columns(torch.tensor(next(weights).T), axis=0))
            elif isinstance(layer, nn.ConvTranspose2d):
                layer.weight.copy_(torch.tensor(next(weights)).permute(3, 2, 0, 1))
            elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                flat = isinstance(layer, nn.BatchNorm1d)
                for target in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                    value = torch.tensor(next(weights))
                    target.copy_(_columns(value, axis=0) if flat else value)
    return network


def _columns(tensor, axis):
    """The projection's outputs, 7x7x128 in Keras, in torch's order 128x7x7."""
    shape = list(tensor.shape)
    split = [*shape[:axis], 7, 7, 128, *shape[axis + 1 :]]
    return tensor.reshape(split).movedim(axis + 2, axis).reshape(shape)


def torch_onnx(network, path, uint8):
    """Exports with torch; with `uint8`, the conversion of kgan's bundles is part of the network."""
    import torch

    class Images(torch.nn.Module):
        def forward(self, x):
            return torch.clamp(x.permute(0, 2, 3, 1) * 127.5 + 128, 0, 255).to(torch.uint8)

    network = torch.nn.Sequential(network, Images()).eval() if uint8 else network
    present = importlib.util.find_spec("onnxscript") is not None
    batch = (
        {"dynamic_shapes": ({0: torch.export.Dim("batch")},)}
        if present
        else {"dynamic_axes": {"z": {0: "b"}}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter warns that it is deprecated
        torch.onnx.export(
            network,
            (torch.zeros(2, 100),),
            str(path),
            dynamo=present,
            opset_version=18,
            input_names=["z"],
            verbose=False,
            **({"external_data": False} if present else {}),
            **batch,
        )


def exported(preset, folder):
    """The Keras network, and the three ONNX files of its generator."""
    import kgan
    from kgan.export import export

    model = kgan.models.DCGAN.from_preset(preset)
    rng = np.random.default_rng(0)
    for weight in model.generator.weights:  # as if trained: batch norm that does something
        if "moving_mean" in weight.path or "beta" in weight.path:
            weight.assign(rng.normal(0.0, 0.1, weight.shape))
        elif "moving_variance" in weight.path:
            weight.assign(rng.uniform(0.5, 2.0, weight.shape))
    bundle = export(model, folder / preset, ["onnx"])
    network = plain_torch(preset, model.generator)
    files = {"kgan": bundle / "generator.onnx"}
    for side in ("torch", "torch_uint8"):
        files[side] = folder / f"{preset}_{side}.onnx"
        torch_onnx(network, files[side], side == "torch_uint8")
    return model, files


def runners(model, files, threads):
    """A function of the latents for each side."""
    import onnxruntime

    def session(path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        loaded = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda z: loaded.run(None, {"z": z})[0]

    sides = {name: session(path) for name, path in files.items()}
    if threads == 0:  # Keras' own number of threads is fixed when it starts
        sides["predict"] = lambda z: model.generator.predict(z, batch_size=len(z), verbose=0)
        sides["call"] = lambda z: model.generate({"z": z})
    return sides


def check(sides, z):
    made = {name: run(z) for name, run in sides.items()}
    floats = np.moveaxis(made["torch"], 1, 3)
    levels = np.abs(made["kgan"].astype(int) - np.clip(floats * 127.5 + 128, 0, 255).astype(int)).max()
    assert levels <= 1, f"the sides differ by {levels} levels"
    if "predict" in made:
        assert np.abs(made["predict"] - floats).max() < 1e-4


def compare(sides, z, seconds, clock):
    """Median milliseconds of kgan's bundle, and its median ratio to each other side."""
    rng = np.random.default_rng(0)
    taken = {name: [] for name in sides}
    start, turns = time.perf_counter(), 0
    while turns < 7 or time.perf_counter() - start < seconds:
        for name in rng.permutation(list(sides)):
            if clock is time.perf_counter:
                time.sleep(0.002)  # the threads of the side before stop spinning
            before = clock()
            sides[name](z)
            taken[name].append(clock() - before)
        turns += 1
    ratios = {
        name: statistics.median(a / b for a, b in zip(taken["kgan"][2:], taken[name][2:]))
        for name in sides
        if name != "kgan"
    }
    return statistics.median(taken["kgan"][2:]) * 1e3, ratios


def main():
    args = parse()
    os.environ["KERAS_BACKEND"] = args.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kind = "present" if importlib.util.find_spec("onnxscript") else "older (onnxscript is not installed)"
    print(f"torch.onnx.export: the {kind} exporter; Keras on {args.backend}\n")
    print(f"| preset | threads | batch | kgan ms | {' | '.join(f'/ {side}' for side in SIDES)} |")
    print("|---|---|---|---|" + "---|" * len(SIDES))
    with tempfile.TemporaryDirectory() as folder:
        for preset in args.preset:
            model, files = exported(preset, pathlib.Path(folder))
            for threads in args.threads:
                sides = runners(model, files, threads)
                for batch in BATCHES:
                    z = np.random.default_rng(1).standard_normal((batch, 100)).astype("float32")
                    check(sides, z)
                    clock = time.process_time if threads == 1 else time.perf_counter
                    milliseconds, ratios = compare(sides, z, args.seconds, clock)
                    cells = [f"{ratios[side]:.2f}" if side in ratios else "" for side in SIDES]
                    row = [preset, str(threads or "default"), str(batch), f"{milliseconds:.2f}", *cells]
                    print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
