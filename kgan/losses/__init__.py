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

__all__ = [
    "R1",
    "R2",
    "AdversarialLoss",
    "Blended",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "PathLength",
    "Penalty",
    "RelativisticPairing",
    "Wasserstein",
]
