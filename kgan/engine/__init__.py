"""Adversarial training through `model.fit` on every Keras backend."""

from kgan.engine.average import MovingAverage
from kgan.engine.model import AdversarialModel, Preset
from kgan.engine.players import PlayerOptimizers

__all__ = ["AdversarialModel", "MovingAverage", "PlayerOptimizers", "Preset"]
