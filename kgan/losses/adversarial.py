"""Adversarial losses on logits; each is minimised by the player it is named after."""

import math

import keras
from keras import ops

from kgan.errors import UsageError


class AdversarialLoss:
    """Base of the two-player losses: the mean over all elements of a term per logit.

    A subclass gives `real_term`, `fake_term` and `generator_term`, elementwise, or overrides
    `discriminator` and `generator`.

    Args:
        discriminator_weight: multiplies the discriminator's loss; 1 sums its two halves as most papers do,
            0.5 averages them as the original code of 2014 does. Greater than 0.

    Raises:
        UsageError: `discriminator_weight` is not a finite number greater than 0.
    """

    needs_real = False  # whether the generator's loss takes the reals' logits

    def __init__(self, discriminator_weight=1.0):
        if not (math.isfinite(discriminator_weight) and discriminator_weight > 0):
            raise UsageError(f"discriminator_weight must be greater than 0, got {discriminator_weight}")
        self.discriminator_weight = float(discriminator_weight)

    def discriminator(self, real, fake):
        """Loss of the discriminator, a scalar, from the logits of reals and of fakes (any shapes)."""
        real_loss = ops.mean(self.real_term(_wide(real)))
        fake_loss = ops.mean(self.fake_term(_wide(fake)))
        return self.discriminator_weight * (real_loss + fake_loss)

    def generator(self, fake, real=None):
        """Loss of the generator, a scalar, from the logits of fakes (any shape)."""
        return ops.mean(self.generator_term(_wide(fake)))

    def real_term(self, logits):
        raise NotImplementedError(f"{type(self).__name__} must define real_term")

    def fake_term(self, logits):
        raise NotImplementedError(f"{type(self).__name__} must define fake_term")

    def generator_term(self, logits):
        raise NotImplementedError(f"{type(self).__name__} must define generator_term")

    def get_config(self):
        return {"discriminator_weight": self.discriminator_weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def __repr__(self):
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"


@keras.saving.register_keras_serializable("kgan")
class Minimax(AdversarialLoss):
    """The zero-sum game: D minimises -V, G minimises the same V, which saturates when D wins.

    D: `softplus(-r) + softplus(f)`; G: `-softplus(f)` = log(1 - D). Goodfellow et al. 2014, equation 1.

    Args:
        discriminator_weight: multiplies the discriminator's loss.

    Example:
        >>> loss = Minimax()
        >>> round(float(loss.discriminator(ops.zeros(4), ops.zeros(4))), 6)
        1.386294
    """

    def real_term(self, logits):
        return ops.softplus(-logits)

    def fake_term(self, logits):
        return ops.softplus(logits)

    def generator_term(self, logits):
        return -ops.softplus(logits)


@keras.saving.register_keras_serializable("kgan")
class NonSaturating(AdversarialLoss):
    """The game of 2014 with the generator objective that is used in practice.

    D: `softplus(-r) + softplus(f)`; G: `softplus(-f)` = -log D, whose gradient stays at -1 while D rejects
    the fakes. Goodfellow et al. 2014, section 3.

    Args:
        discriminator_weight: multiplies the discriminator's loss.
        real_target: the probability that D should give to reals, in (0.5, 1]; below 1 it is one-sided label
            smoothing (Salimans et al. 2016, with 0.9).

    Raises:
        UsageError: `real_target` outside (0.5, 1].

    Example:
        >>> round(float(NonSaturating().generator(ops.zeros((4, 1)))), 6)
        0.693147
    """

    def __init__(self, discriminator_weight=1.0, real_target=1.0):
        super().__init__(discriminator_weight)
        if not 0.5 < real_target <= 1.0:
            raise UsageError(f"real_target must lie in (0.5, 1], got {real_target}")
        self.real_target = float(real_target)

    def real_term(self, logits):
        # t*softplus(-r) + (1-t)*softplus(r), by softplus(r) = r + softplus(-r)
        return ops.softplus(-logits) + (1.0 - self.real_target) * logits

    def fake_term(self, logits):
        return ops.softplus(logits)

    def generator_term(self, logits):
        return ops.softplus(-logits)

    def get_config(self):
        return {**super().get_config(), "real_target": self.real_target}


@keras.saving.register_keras_serializable("kgan")
class Blended(AdversarialLoss):
    """Both generator objectives of 2014 at once: `(c_ns * L_ns - c_mm * L_D) / (c_ns + c_mm)`.

    Of L_D only the fakes' part is used, `discriminator_weight * softplus(f)`: the rest does not depend on G.
    Goodfellow et al. 2014.

    Args:
        non_saturating: weight c_ns of `softplus(-f)`, at least 0.
        minimax: weight c_mm of the negated discriminator loss, at least 0.
        discriminator_weight: multiplies the discriminator's loss.

    Raises:
        UsageError: a negative weight, or both 0.

    Example:
        >>> round(float(Blended().generator(ops.zeros((4, 1)))), 6)
        0.0
    """

    def __init__(self, non_saturating=1.0, minimax=1.0, discriminator_weight=1.0):
        super().__init__(discriminator_weight)
        if not (non_saturating >= 0 and minimax >= 0 and 0 < non_saturating + minimax < math.inf):
            raise UsageError(
                "non_saturating and minimax must be at least 0 and not both 0, "
                f"got {non_saturating} and {minimax}"
            )
        self.non_saturating = float(non_saturating)
        self.minimax = float(minimax)

    def real_term(self, logits):
        return ops.softplus(-logits)

    def fake_term(self, logits):
        return ops.softplus(logits)

    def generator_term(self, logits):
        pull = self.non_saturating * ops.softplus(-logits)
        push = self.minimax * self.discriminator_weight * ops.softplus(logits)
        return (pull - push) / (self.non_saturating + self.minimax)

    def get_config(self):
        return {"non_saturating": self.non_saturating, "minimax": self.minimax, **super().get_config()}


@keras.saving.register_keras_serializable("kgan")
class LeastSquares(AdversarialLoss):
    """Squared error on a linear output, which also pulls back fakes that are too far on the real side.

    D: `(r - b)^2/2 + (f - a)^2/2`; G: `(f - c)^2/2`. Means over the batch, where the authors' code sums.
    Mao et al. 2017. `LeastSquares.zero_one()` is the 0-1 coding of the image experiments (the default),
    `LeastSquares.pearson()` the scheme -1, 1, 0 that minimises a Pearson chi-square divergence.

    Args:
        fake_label: a, what D should give to fakes.
        real_label: b, what D should give to reals; not a.
        generator_label: c, what G wants D to give to fakes; from a (excluded) to b (included).
        discriminator_weight: multiplies the discriminator's loss.
        generator_weight: multiplies the generator's loss, greater than 0; 2 drops the half, as CycleGAN does.

    Raises:
        UsageError: labels that are equal, not finite, or out of order; a weight out of range.

    Example:
        >>> loss = LeastSquares()
        >>> float(loss.discriminator(ops.zeros(4), ops.zeros(4))), float(loss.generator(ops.zeros(4)))
        (0.5, 0.5)
    """

    def __init__(
        self,
        fake_label=0.0,
        real_label=1.0,
        generator_label=1.0,
        discriminator_weight=1.0,
        generator_weight=1.0,
    ):
        super().__init__(discriminator_weight)
        if not (math.isfinite(generator_weight) and generator_weight > 0):
            raise UsageError(f"generator_weight must be greater than 0, got {generator_weight}")
        self.generator_weight = float(generator_weight)
        labels = (fake_label, real_label, generator_label)
        if not all(math.isfinite(label) for label in labels):
            raise UsageError(f"labels must be finite, got fake, real, generator = {labels}")
        if fake_label == real_label:
            raise UsageError(f"fake_label and real_label must differ, got {fake_label} for both")
        # Otherwise G would settle on the fakes' side or overshoot the reals: no divergence is minimised.
        if not 0.0 < (generator_label - fake_label) / (real_label - fake_label) <= 1.0:
            raise UsageError(
                "generator_label must lie between fake_label (excluded) and real_label (included), "
                f"got {generator_label} with {fake_label} and {real_label}"
            )
        self.fake_label, self.real_label, self.generator_label = (float(label) for label in labels)

    @classmethod
    def zero_one(cls, discriminator_weight=1.0):
        """Labels 0, 1, 1: fakes, reals, what G wants."""
        return cls(0.0, 1.0, 1.0, discriminator_weight)

    @classmethod
    def pearson(cls, discriminator_weight=1.0):
        """Labels -1, 1, 0: b - c = 1 and b - a = 2, the exact chi-square."""
        return cls(-1.0, 1.0, 0.0, discriminator_weight)

    def real_term(self, logits):
        return 0.5 * ops.square(logits - self.real_label)

    def fake_term(self, logits):
        return 0.5 * ops.square(logits - self.fake_label)

    def generator_term(self, logits):
        return 0.5 * self.generator_weight * ops.square(logits - self.generator_label)

    def get_config(self):
        return {
            "fake_label": self.fake_label,
            "real_label": self.real_label,
            "generator_label": self.generator_label,
            "generator_weight": self.generator_weight,
            **super().get_config(),
        }


@keras.saving.register_keras_serializable("kgan")
class Hinge(AdversarialLoss):
    """D: `relu(1 - r) + relu(1 + f)`; G: `-f`. Lim and Ye 2017, Miyato et al. 2018.

    Args:
        discriminator_weight: multiplies the discriminator's loss.

    Example:
        >>> float(Hinge().discriminator(ops.zeros(4), ops.zeros(4)))
        2.0
    """

    def real_term(self, logits):
        return ops.relu(1.0 - logits)

    def fake_term(self, logits):
        return ops.relu(1.0 + logits)

    def generator_term(self, logits):
        return -logits


@keras.saving.register_keras_serializable("kgan")
class Wasserstein(AdversarialLoss):
    """D: `f - r`; G: `-f`, for a critic kept Lipschitz by a gradient penalty or by clipped weights.

    Arjovsky et al. 2017, Gulrajani et al. 2017. Nothing else fixes the critic's mean; with `drift` its
    squared scores of reals are added, which keeps them near zero (Karras et al. 2018, who take 0.001).

    Args:
        discriminator_weight: multiplies the discriminator's loss.
        drift: multiplies the squared scores of reals, at least 0.

    Raises:
        UsageError: a drift below 0.

    Example:
        >>> float(Wasserstein().discriminator(ops.ones(4), ops.zeros(4)))
        -1.0
    """

    def __init__(self, discriminator_weight=1.0, drift=0.0):
        super().__init__(discriminator_weight)
        if not (math.isfinite(drift) and drift >= 0):
            raise UsageError(f"drift must be at least 0, got {drift}")
        self.drift = float(drift)

    def real_term(self, logits):
        return -logits if self.drift == 0.0 else self.drift * ops.square(logits) - logits

    def fake_term(self, logits):
        return 1.0 * logits

    def generator_term(self, logits):
        return -logits

    def get_config(self):
        return {**super().get_config(), "drift": self.drift}


@keras.saving.register_keras_serializable("kgan")
class RelativisticPairing(AdversarialLoss):
    """Each fake against the real of the same batch index: D `softplus(-(r - f))`, G `softplus(-(f - r))`.

    Jolicoeur-Martineau 2018; the loss of R3GAN, Huang et al. 2024. The generator's loss needs the reals'
    logits, through which no gradient passes.

    Args:
        discriminator_weight: multiplies the discriminator's loss.

    Raises:
        UsageError: logits of different shapes, or a generator loss without reals.

    Example:
        >>> loss = RelativisticPairing()
        >>> round(float(loss.generator(ops.zeros((4, 1)), real=ops.zeros((4, 1)))), 6)
        0.693147
    """

    needs_real = True

    def discriminator(self, real, fake):
        real, fake = _pair(real, fake)
        return self.discriminator_weight * ops.mean(ops.softplus(fake - real))

    def generator(self, fake, real=None):
        if real is None:
            raise UsageError("RelativisticPairing needs the reals' logits in the generator's loss, got None")
        real, fake = _pair(real, fake)
        return ops.mean(ops.softplus(ops.stop_gradient(real) - fake))


def _wide(logits):
    """Logits in float32 at least: softplus and the mean lose too much in half precision."""
    logits = ops.convert_to_tensor(logits)
    return ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))


def _pair(real, fake):
    real, fake = _wide(real), _wide(fake)
    if len(real.shape) != len(fake.shape) or any(
        r != f for r, f in zip(real.shape, fake.shape) if r is not None and f is not None
    ):
        raise UsageError(
            "logits of reals and fakes are paired and must have the same shape, "
            f"got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    return real, fake
