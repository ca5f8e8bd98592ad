"""Frechet distance of a run's or bundle's samples to real images, under a named ONNX feature network.

    python -m benchmarks.score RUN_OR_BUNDLE --data FOLDER --extractor NETWORK.onnx [--side 64] [--count 2000]

The distance depends on the network, the side and the count: compare only numbers with the same three, and
with the floor that it prints, the distance between two disjoint parts of the real images.
"""

import argparse
import pathlib

import numpy as np
import onnxruntime
from PIL import Image

from kgan.data import load_images


def features(session, images, side):
    """`[n, d]` features of uint8 images, resized by PIL's bilinear filter, as RGB in [0, 255]."""
    parts = []
    for start in range(0, len(images), 64):
        batch = [
            np.asarray(Image.fromarray(image.squeeze()).convert("RGB").resize((side, side), Image.BILINEAR))
            for image in images[start : start + 64]
        ]
        parts.append(session.run(["features"], {"image": np.stack(batch).astype("float32")})[0])
    return np.concatenate(parts).astype("float64")


def frechet(a, b):
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), by eigenvalues (Heusel et al., 2017)."""
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(covariance_a)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ covariance_b @ root)
    trace = np.trace(covariance_a) + np.trace(covariance_b) - 2.0 * np.sqrt(np.maximum(cross, 0.0)).sum()
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + trace)


def samples(source, count):
    """uint8 samples of a bundle, or of a run by its own backend."""
    if (source / "kgan.json").is_file():
        from kgan.export.runtime import Generator

        return Generator(source).sample(count, seed=0)
    from kgan.run import load

    return load(source).sample(count, seed=0)


def main():
    """Prints the distance and the floor."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--extractor", required=True)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    session = onnxruntime.InferenceSession(arguments.extractor)
    made = samples(arguments.source, arguments.count)
    size, channels = made.shape[1], made.shape[3]
    data = load_images(arguments.data, arguments.split, image_size=size, channels=channels)
    order = np.random.default_rng(0).permutation(data.num_examples)[: 2 * arguments.count]
    real = features(session, data.uint8(order), arguments.side)
    half = len(real) // 2
    distance = frechet(features(session, made, arguments.side), real[:half])
    name = pathlib.Path(arguments.extractor).stem
    print(
        f"FID[{name}, {arguments.side} px, {len(made)} samples, {half} reals]: {distance:.0f}; "
        f"floor of real images {frechet(real[half:], real[:half]):.0f}"
    )


if __name__ == "__main__":
    main()
