"""Callbacks of a training run: pictures, progress, checkpoints, schedules, and a stop when a loss breaks."""

from kgan.callbacks.checkpoint import Checkpoint
from kgan.callbacks.class_consistency import ClassConsistency
from kgan.callbacks.class_coverage import ClassCoverage
from kgan.callbacks.classifier_error import ClassifierError
from kgan.callbacks.domain_scores import DomainScores
from kgan.callbacks.evaluate import Evaluate
from kgan.callbacks.history_csv import HistoryCSV
from kgan.callbacks.inference_report import InferenceReport
from kgan.callbacks.keep_features import KeepFeatures
from kgan.callbacks.keep_growth import KeepGrowth
from kgan.callbacks.mode_coverage import ModeCoverage
from kgan.callbacks.player_schedule import PlayerSchedule
from kgan.callbacks.progress import Progress
from kgan.callbacks.sample_sheet import SampleSheet
from kgan.callbacks.spread import Spread
from kgan.callbacks.stop_on_non_finite import StopOnNonFinite
from kgan.callbacks.tag_table import TagTable
from kgan.callbacks.translation_report import TranslationReport

__all__ = [
    "Checkpoint",
    "ClassConsistency",
    "ClassCoverage",
    "ClassifierError",
    "DomainScores",
    "Evaluate",
    "HistoryCSV",
    "InferenceReport",
    "KeepFeatures",
    "KeepGrowth",
    "ModeCoverage",
    "PlayerSchedule",
    "Progress",
    "SampleSheet",
    "Spread",
    "StopOnNonFinite",
    "TagTable",
    "TranslationReport",
]
