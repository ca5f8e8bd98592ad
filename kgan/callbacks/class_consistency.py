"""Whether a conditional generator makes the classes that it is asked for, epoch after epoch."""

import keras
import numpy as np

from kgan.errors import UsageError
from kgan.metrics import open_network
from kgan.metrics.consistency import class_consistency


class ClassConsistency(keras.callbacks.Callback):
    """Adds `class_consistency` to the logs: how often a classifier finds the class that was asked for.

    A model whose labels say nothing, shuffled ones for example, trains without an error; this number shows it
    early.

    Args:
        classifier: name of a network that ships with kgan (`"fashion_mnist"`, `"mnist"`), or the path of an
            ONNX file with the output `logits`; it must know the same classes in the same order.
        per_class: images of each class, >= 1.
        every_epochs: epochs between measurements, >= 1; the last epoch always has one.
        seed: int >= 0, seeds the noise.

    Attributes:
        result: the last `kgan.metrics.Consistency`, or `None`.

    Raises:
        UsageError: an argument breaks its rule, or the model's classes are not as many as the classifier's.

    Example:

    >>> ClassConsistency(per_class=10).result is None
    True
    """

    def __init__(self, classifier="fashion_mnist", per_class=100, every_epochs=1, seed=1):
        super().__init__()
        for name, value in (("per_class", per_class), ("every_epochs", every_epochs)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.classifier, self.per_class = classifier, per_class
        self.every_epochs, self.seed = every_epochs, seed
        self.result = None
        self._network = None

    def on_train_begin(self, logs=None):
        spec = self._label(self.model)
        blank = np.zeros((1, *self.model.image_shape), "uint8")
        self._check_count(self._logits(blank), spec)

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every_epochs and epoch + 1 != self.params.get("epochs"):
            return
        self.result = self.measure(self.model)
        if logs is not None:
            logs["class_consistency"] = self.result.share

    def measure(self, model):
        """The `Consistency` of a model or of an exported bundle's `Generator`."""
        spec = self._label(model)
        labels = np.repeat(np.arange(spec.num_classes), self.per_class)
        images = model.sample(len(labels), seed=self.seed, **{spec.name: labels})
        logits = self._logits(images)
        self._check_count(logits, spec)
        return class_consistency(logits, labels)

    def _logits(self, images):
        if self._network is None:
            self._network = open_network(self.classifier)
        return self._network(images)["logits"]

    @staticmethod
    def _label(model):
        inputs = model.sampling_inputs() if hasattr(model, "sampling_inputs") else model.inputs
        spec = next((spec for spec in inputs if spec.distribution == "label"), None)
        if spec is None:
            raise UsageError("class_consistency needs a model with classes, this one has none")
        return spec

    def _check_count(self, logits, spec):
        if logits.shape[1] != spec.num_classes:
            raise UsageError(
                f"num_classes must be {logits.shape[1]}, as the classifier {self.classifier} has, "
                f"got {spec.num_classes}"
            )
