"""Classifier of Fashion-MNIST or MNIST: the feature network of kgan's own scores on 28x28 grey images.

Data: data=zalando-datasets/fashion_mnist (hub id, the default), or data=FOLDER (a local copy of it). For the
digits: data=ylecun/mnist flip=false epochs=4.
Command: kgan run classifier_fashion_mnist --backend tensorflow --out RUN, then kgan export RUN -o FILE.onnx
Seen: the files that ship with kgan were made so, from the 60,000 training images of each; 92.7 % of the
10,000 test images of Fashion-MNIST are named right, 99.35 % of those of MNIST. About 12 and 6 minutes on
TensorFlow and two busy CPU cores.
"""

import dataclasses

import keras

import kgan
from kgan.recipes import FASHION_MNIST_MINI

L = keras.layers


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings."""

    epochs: int = 8
    batch_size: int = 128
    seed: int = 0
    data: str = "zalando-datasets/fashion_mnist"  # hub id or local folder
    split: str = "train"
    classes: int = 10
    width: int = 32  # channels of the first convolution; the features are four times as many
    dropout: float = 0.2  # share of values left out around the features
    rate: float = 2e-3  # Adam's learning rate, which falls to 0 over the epochs
    flip: bool = True  # whether images are mirrored at random; digits must not be


def model(cfg):
    image = keras.Input((28, 28, 1), name="image")  # in [-1, 1]
    x = L.RandomFlip("horizontal", seed=cfg.seed)(image) if cfg.flip else image
    for channels, padding, pooled in ((2, "same", True), (4, "same", True), (3, "valid", False)):
        x = L.Conv2D(channels * cfg.width // 2, 3, padding=padding, use_bias=False)(x)
        x = L.ReLU()(L.BatchNormalization(momentum=0.9)(x))
        x = L.MaxPooling2D()(x) if pooled else x
    x = kgan.layers.Dropout(cfg.dropout, seed=cfg.seed)(L.Flatten()(x))
    features = L.Dense(4 * cfg.width, activation="relu", name="features")(x)
    x = kgan.layers.Dropout(cfg.dropout, seed=cfg.seed + 1)(features)
    logits = L.Dense(cfg.classes, name="logits")(x)
    classifier = keras.Model(image, logits)
    steps = cfg.epochs * data(cfg).num_batches
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(cfg.rate, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return classifier


def data(cfg):
    return kgan.data.load_images(
        cfg.data,
        cfg.split,
        image_size=28,
        channels=1,
        label="label",
        batch_size=cfg.batch_size,
        seed=cfg.seed,
    )


def exported(classifier):
    """What `kgan export` writes: a network of images in [0, 255], with the features beside the logits."""
    features = classifier.get_layer("features").output
    inner = keras.Model(classifier.input, {"features": features, "logits": classifier.output})
    image = keras.Input((28, 28, 1), name="image")
    return keras.Model(image, inner(L.Rescaling(1 / 127.5, -1.0)(image)))


SMOKE = {"epochs": 1, "batch_size": 8, "data": str(FASHION_MNIST_MINI), "split": "train[:16]", "width": 4}
