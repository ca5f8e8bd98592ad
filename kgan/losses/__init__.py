"""Adversarial losses and gradient penalties, usable with every model."""

from kgan.losses.adversarial import (
    AdversarialLoss,
    Blended,
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    RelativisticPairing,
    Wasserstein,
)
from kgan.losses.penalties import R1, R2, GradientPenalty, PathLength, Penalty
from kgan.losses.semi_supervised import (
    FeatureMatching,
    OdenaLoss,
    SemiSupervised,
    class_logits,
    class_loss,
    class_loss_with_fake,
    real_score,
)

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "Blended",
    "FeatureMatching",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "OdenaLoss",
    "PathLength",
    "Penalty",
    "RelativisticPairing",
    "SemiSupervised",
    "Wasserstein",
    "class_logits",
    "class_loss",
    "class_loss_with_fake",
    "real_score",
]
