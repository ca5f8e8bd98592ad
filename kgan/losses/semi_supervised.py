"""Losses of a discriminator that is a classifier: K real classes and "fake" (Salimans et al. 2016)."""

import math

import keras
from keras import ops

from kgan.errors import UsageError
from kgan.losses.adversarial import AdversarialLoss, Minimax

# With the fake logit fixed at 0 and Z = sum exp(l_k), D = P(real) = Z / (Z + 1) = sigmoid(log Z). So log Z is
# the logit of an ordinary discriminator, and the class is softmax(l) (section 5 of the paper).


def class_logits(outputs, num_classes):
    """Logits of the real classes against a fake logit of 0.

    Args:
        outputs: `[n, K]`, which are these logits, or `[n, K + 1]` with the fake class last. Only differences
            of K + 1 logits matter, so the last one is subtracted.
        num_classes: K.

    Returns:
        `[n, K]`, float32 or wider.

    Raises:
        UsageError: another number of outputs.

    Example:
        >>> ops.convert_to_numpy(class_logits(ops.convert_to_tensor([[3.0, 2.0, 1.0]]), 2)[0]).tolist()
        [2.0, 1.0]
    """
    outputs = _wide(outputs)
    width = outputs.shape[-1]
    if width == num_classes:
        return outputs
    if width != num_classes + 1:
        raise UsageError(
            f"a classifier of {num_classes} classes has {num_classes} outputs, or one more, got {width}"
        )
    return outputs[:, :num_classes] - outputs[:, num_classes:]


def real_score(logits):
    """The logit `log sum_k exp(l_k)` of "real", `[n]` from class logits `[n, K]`.

    Example:
        >>> round(float(real_score(ops.zeros((1, 10)))[0]), 6)
        2.302585
    """
    return ops.logsumexp(_wide(logits), axis=-1)  # subtracts the largest first: exp never overflows


def class_loss(logits, labels):
    """Mean cross-entropy `log Z - l_y` of the labelled samples, 0 when there are none.

    Args:
        logits: class logits `[n, K]`.
        labels: int `[n]`; -1 for unlabelled samples, which do not count.

    Example:
        >>> round(float(class_loss(ops.zeros((2, 10)), ops.convert_to_tensor([3, -1]))), 6)
        2.302585
    """
    logits = _wide(logits)
    return _masked_mean(real_score(logits) - _picked(logits, labels), labels, logits.dtype)


def class_loss_with_fake(logits, labels):
    """Mean cross-entropy over all K + 1 classes, `log(Z + 1) - l_y`, of the labelled samples.

    Args:
        logits: class logits `[n, K]`.
        labels: int `[n]`; -1 for unlabelled samples, which do not count.

    Example:
        >>> round(float(class_loss_with_fake(ops.zeros((1, 10)), ops.convert_to_tensor([3]))), 6)
        2.397895
    """
    logits = _wide(logits)
    terms = ops.softplus(real_score(logits)) - _picked(logits, labels)
    return _masked_mean(terms, labels, logits.dtype)


@keras.saving.register_keras_serializable("kgan")
class FeatureMatching:
    """The generator's loss `mean_j |mean_B f_j(fake) - mean_B f_j(real)|^power` (Salimans et al. 2016, 3.1).

    Args:
        power: 2, as published for MNIST, or 1, for CIFAR-10 and SVHN.

    Raises:
        UsageError: another power.

    Example:
        >>> float(FeatureMatching().generator(ops.ones((4, 3)), ops.zeros((2, 3))))
        1.0
    """

    matches_features = True

    def __init__(self, power=2):
        if power not in (1, 2):
            raise UsageError(f"power must be 1 or 2, got {power}")
        self.power = power

    def generator(self, fake, real):
        """Loss of the generator, a scalar, from the features `[n, d]` of fakes and of reals."""
        fake, real = (ops.reshape(_wide(f), (-1, math.prod(f.shape[1:]))) for f in (fake, real))
        gap = ops.mean(fake, axis=0) - ops.stop_gradient(ops.mean(real, axis=0))
        return ops.mean(ops.square(gap) if self.power == 2 else ops.abs(gap))

    def get_config(self):
        return {"power": self.power}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        return f"FeatureMatching(power={self.power})"


@keras.saving.register_keras_serializable("kgan")
class SemiSupervised:
    """The game of Salimans et al. 2016: cross-entropy of the labelled, and a GAN on `log Z` for all others.

    D: `class_loss + unlabelled_weight * (softplus(-s_real) + softplus(s_fake)) / 2` with s = log Z. G: its
    `objective`, plus `class_weight` times the cross-entropy of the class that it was asked for, where it is
    asked for one.

    Args:
        objective: what G minimises: `FeatureMatching`, which gives the best classifiers, or any
            `kgan.losses.AdversarialLoss`, which takes log Z for the logit. `Minimax()`, -softplus(s), is
            published with minibatch discrimination for the best pictures; `NonSaturating()` is -log D.
        unlabelled_weight: w >= 0. With 0 the labels alone train D, and G does not play.
        class_weight: weight >= 0 of the class in the loss of a conditional G. With 0, G may ignore the class.

    Raises:
        UsageError: an argument breaks its rule.

    Example:
        >>> loss, zeros = SemiSupervised(), ops.zeros((2, 10))
        >>> total, parts = loss.discriminator(zeros, ops.convert_to_tensor([1, 2]), *[real_score(zeros)] * 2)
        >>> round(float(total - parts["class_loss"]), 6)  # -(log 10/11 + log 1/11) / 2
        1.246603
    """

    def __init__(self, objective=None, unlabelled_weight=1.0, class_weight=1.0):
        objective = FeatureMatching() if objective is None else objective
        if not isinstance(objective, (FeatureMatching, AdversarialLoss)):
            raise UsageError(
                f"objective must be FeatureMatching or an AdversarialLoss, got {type(objective).__name__}"
            )
        for name, value in (("unlabelled_weight", unlabelled_weight), ("class_weight", class_weight)):
            if not 0 <= value < math.inf:
                raise UsageError(f"{name} must be finite and at least 0, got {value}")
        self.objective = objective
        self.unlabelled_weight = float(unlabelled_weight)
        self.class_weight = float(class_weight)

    @property
    def matches_features(self):
        """Whether G's objective takes features instead of scores."""
        return getattr(self.objective, "matches_features", False)

    def discriminator(self, logits, labels, real, fake):
        """Loss of the discriminator and its parts.

        Args:
            logits: class logits `[n, K]`.
            labels: int `[n]`, -1 where unlabelled.
            real: `real_score` of reals, any number; `None` when `unlabelled_weight` is 0.
            fake: `real_score` of fakes, likewise.

        Returns:
            `(loss, {"class_loss": ...})`, scalars.
        """
        supervised = self.labelled(logits, labels)
        loss = supervised
        if self.unlabelled_weight:
            halves = ops.mean(ops.softplus(-_wide(real))) + ops.mean(ops.softplus(_wide(fake)))
            loss = loss + 0.5 * self.unlabelled_weight * halves
        return loss, {"class_loss": supervised}

    def labelled(self, logits, labels):
        """The term of the labelled samples."""
        return class_loss(logits, labels)

    def generator(self, fake, real):
        """The objective on the features, or on the scores log Z, of fakes and reals."""
        return self.objective.generator(fake, real)

    def get_config(self):
        return {
            "objective": keras.saving.serialize_keras_object(self.objective),
            "unlabelled_weight": self.unlabelled_weight,
            "class_weight": self.class_weight,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("objective"), dict):
            config["objective"] = keras.saving.deserialize_keras_object(config["objective"])
        return cls(**config)

    def __repr__(self):
        values = (self.objective, self.unlabelled_weight, self.class_weight)
        return f"{type(self).__name__}" + "({!r}, {!r}, {!r})".format(*values)


@keras.saving.register_keras_serializable("kgan")
class OdenaLoss(SemiSupervised):
    """One softmax over K + 1 classes: D minimises the negative log likelihood of every sample (Odena 2016).

    Labelled reals have their class, fakes the class K + 1, and unlabelled reals `-log(1 - p(fake))`. By
    default G maximises the same likelihood's negative, `mean softplus(s)`.

    Args:
        objective: as in `SemiSupervised`; default `Minimax()`.
        unlabelled_weight: as in `SemiSupervised`.
        class_weight: as in `SemiSupervised`.

    Example:
        >>> OdenaLoss().objective
        Minimax(discriminator_weight=1.0)
    """

    def __init__(self, objective=None, unlabelled_weight=1.0, class_weight=1.0):
        super().__init__(Minimax() if objective is None else objective, unlabelled_weight, class_weight)

    def labelled(self, logits, labels):
        return class_loss_with_fake(logits, labels)


def _picked(logits, labels):
    """l_y of each row; 0 where the label is -1."""
    return ops.sum(logits * ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype), axis=-1)


def _masked_mean(terms, labels, dtype):
    labelled = ops.cast(ops.greater_equal(labels, 0), dtype)
    return ops.sum(terms * labelled) / ops.maximum(ops.sum(labelled), 1.0)


def _wide(values):
    """In float32 at least: sums and softplus lose too much in half precision."""
    values = ops.convert_to_tensor(values)
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))
