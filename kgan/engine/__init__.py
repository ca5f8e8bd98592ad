"""Adversarial training through `model.fit` on every Keras backend."""

from kgan.engine.average import MovingAverage
from kgan.engine.growing import GrowingModel, GrowingNetwork
from kgan.engine.growth_schedule import GrowthSchedule
from kgan.engine.model import AdversarialModel, Preset
from kgan.engine.players import PlayerOptimizers

__all__ = [
    "AdversarialModel",
    "GrowingModel",
    "GrowingNetwork",
    "GrowthSchedule",
    "MovingAverage",
    "PlayerOptimizers",
    "Preset",
]
