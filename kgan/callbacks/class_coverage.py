"""Classes of stacked digits that the generator reaches, after the last epoch."""

import keras
import numpy as np

from kgan.errors import UsageError
from kgan.metrics import count_classes
from kgan.metrics.features import shipped_network


def stacked_labels(images, network):
    """The class 100 r + 10 g + b of images whose channels are digits.

    Args:
        images: uint8 `[n, height, width, 3]`.
        network: a `kgan.metrics.features.Extractor` of digits, with ten logits.

    Returns:
        int64 array `[n]`, from 0 to 999.
    """
    digits = [network(images[..., place : place + 1])["logits"].argmax(axis=1) for place in range(3)]
    return np.array([100, 10, 1]) @ np.stack(digits)


class ClassCoverage(keras.callbacks.Callback):
    """Adds to the logs of the last epoch which of the 1,000 classes of stacked digits the samples cover.

    `classes_covered` is their share, `reverse_kl` the divergence KL(samples || equal shares) in nats. The
    digits are read by the classifier of MNIST that ships with kgan.

    Args:
        n: samples, >= 1; 25,600 are usual.
        seed: int >= 0, seeds their latents.

    Attributes:
        result: what `kgan.metrics.count_classes` said, or None.

    Raises:
        UsageError: an argument breaks its rule.

    Reference: Metz et al., Unrolled Generative Adversarial Networks, 2017, section 3.3.1.

    Example:

    >>> ClassCoverage(n=100).result is None
    True
    """

    def __init__(self, n=25_600, seed=1):
        super().__init__()
        for name, value, low in (("n", n, 1), ("seed", seed, 0)):
            if value < low:
                raise UsageError(f"{name} must be at least {low}, got {value}")
        self.n, self.seed = n, seed
        self.result = None

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 != self.params.get("epochs"):
            return
        labels = stacked_labels(self.model.sample(self.n, seed=self.seed), shipped_network("mnist"))
        self.result = count_classes(labels, 1000)
        if logs is not None:
            logs["classes_covered"] = self.result.covered / 1000
            logs["reverse_kl"] = self.result.reverse_kl
