"""Callbacks of a training run: pictures, progress, checkpoints, schedules, and a stop when a loss breaks."""

from kgan.callbacks.checkpoint import Checkpoint
from kgan.callbacks.history_csv import HistoryCSV
from kgan.callbacks.player_schedule import PlayerSchedule
from kgan.callbacks.progress import Progress
from kgan.callbacks.sample_sheet import SampleSheet
from kgan.callbacks.stop_on_non_finite import StopOnNonFinite

__all__ = ["Checkpoint", "HistoryCSV", "PlayerSchedule", "Progress", "SampleSheet", "StopOnNonFinite"]
