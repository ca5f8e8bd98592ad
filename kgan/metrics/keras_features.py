"""Feature networks that Keras runs."""

import hashlib

import keras
import numpy as np

from kgan.errors import KganError, UsageError
from kgan.metrics.features import Extractor


class KerasFeatures(Extractor):
    """A layer of a Keras model as a feature network.

    Args:
        model: functional `keras.Model` of images `[n, height, width, 1 or 3]`.
        layer: name of the layer whose output is the features, `[n, d]` or `[n, height, width, d]`, of which
            the mean over all places is taken; default the model's output.
        logits: name of the layer whose output is the logits, or `None`.
        input_range: (low, high) of the pixels that the model takes.
        size: side of its images in pixels, or (height, width), where the model leaves it open.
        name: default the model's name.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, name="edges")])
    >>> KerasFeatures(model, "edges", name="net")(np.zeros((2, 8, 8, 1), np.uint8))["features"].shape
    (2, 4)
    """

    def __init__(self, model, layer=None, *, logits=None, input_range=(0.0, 255.0), size=None, name=None):
        if not getattr(model, "inputs", None) or len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
            raise UsageError(f"model must be a built Keras model of images, got {type(model).__name__}")
        self.low, self.high = (float(value) for value in input_range)
        if not self.low < self.high:
            raise UsageError(f"input_range must be (low, high) with low < high, got {tuple(input_range)}")
        _, height, width, channels = model.inputs[0].shape
        size = (size, size) if isinstance(size, int) else size or (height, width)
        if None in size:
            raise UsageError(f"size must be given for the model {model.name}, which takes images of any size")
        outputs = {"features": _output(model, layer)}
        if logits is not None:
            outputs["logits"] = _output(model, logits)
        self.network = keras.Model(model.inputs[0], outputs)
        what = layer or model.layers[-1].name
        super().__init__(name or model.name, _digest(model), size, channels, outputs, what)

    def run(self, images):
        images = images * np.float32((self.high - self.low) / 255.0) + np.float32(self.low)
        made = self.network.predict_on_batch(images)
        return {name: np.asarray(value, np.float32) for name, value in made.items()}


def _output(model, layer):
    names = [item.name for item in model.layers]
    if layer is not None and layer not in names:
        raise UsageError(f"layer must be one of {', '.join(names)}, got {layer!r}")
    output = model.outputs[0] if layer is None else model.get_layer(layer).output
    return keras.layers.GlobalAveragePooling2D()(output) if len(output.shape) == 4 else output


def _digest(model):
    state = hashlib.sha256()
    for weight in model.get_weights():
        state.update(f"{weight.dtype} {weight.shape}".encode())
        state.update(np.ascontiguousarray(weight).tobytes())
    return state.hexdigest()


class InceptionV3(KerasFeatures):
    """Inception v3 with the weights of `keras.applications`, 2048 features, 299x299.

    These are not the weights of the published FID and Inception score ("Inception of 2015-12-05"): scores are
    called `fid[inception_v3_keras]` and must not be compared with papers. For those pass an ONNX file of that
    network to `ONNXFeatures`. Szegedy et al. 2016.

    Args:
        weights: `"imagenet"`, which downloads them once, or a file of them.

    Raises:
        KganError: the weights cannot be had.
    """

    def __init__(self, weights="imagenet"):
        try:
            model = keras.applications.InceptionV3(weights=weights, classifier_activation=None)
        except Exception as error:  # downloads and damaged files fail in many ways
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise KganError(
                f"the weights of Inception v3 cannot be had: {reason}; pass another extractor"
            ) from error
        super().__init__(
            model,
            "avg_pool",
            logits="predictions",
            input_range=(-1.0, 1.0),
            size=299,
            name="inception_v3_keras",
        )
