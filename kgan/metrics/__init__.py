"""Scores of generated images: one a file, in float64, as functions on arrays and as one-pass objects."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgan.metrics.consistency import Consistency, class_consistency
    from kgan.metrics.evaluation import METRICS, chosen_metrics, evaluate, open_network
    from kgan.metrics.features import Extractor, ONNXFeatures, shipped_network, shipped_networks
    from kgan.metrics.frechet import FID, fid, intra_class_fid
    from kgan.metrics.inception import InceptionScore, inception_score
    from kgan.metrics.keras_features import InceptionV3, KerasFeatures
    from kgan.metrics.kernel import KID, kid, polynomial_mmd
    from kgan.metrics.manifold import (
        DensityCoverage,
        PrecisionRecall,
        density_coverage,
        precision_recall,
        realism,
    )
    from kgan.metrics.memorization import Memorization, check_memorization
    from kgan.metrics.mode_counts import count_classes, count_modes
    from kgan.metrics.moments import Moments
    from kgan.metrics.neighbors import nearest, nearest_neighbour_accuracy
    from kgan.metrics.paired import paired_scores
    from kgan.metrics.parzen_window import Parzen, parzen
    from kgan.metrics.path_length import extractor_distance, feature_distance, perceptual_path_length
    from kgan.metrics.progress_line import ProgressLine
    from kgan.metrics.protocol import Protocol, ProtocolWarning, Result
    from kgan.metrics.score import Score, Value
    from kgan.metrics.segmentation import segmentation_scores
    from kgan.metrics.separability import Separability, linear_separability
    from kgan.metrics.similarity import MSSSIM, ms_ssim, ms_ssim_of_pairs
    from kgan.metrics.wasserstein import SlicedWasserstein, sliced_wasserstein, sliced_wasserstein_floor

_NAMES = {
    "class_consistency": "consistency",
    "Consistency": "consistency",
    "chosen_metrics": "evaluation",
    "evaluate": "evaluation",
    "METRICS": "evaluation",
    "Extractor": "features",
    "ONNXFeatures": "features",
    "open_network": "evaluation",
    "shipped_network": "features",
    "shipped_networks": "features",
    "KerasFeatures": "keras_features",
    "InceptionV3": "keras_features",
    "Protocol": "protocol",
    "ProtocolWarning": "protocol",
    "Result": "protocol",
    "ProgressLine": "progress_line",
    "FID": "frechet",
    "fid": "frechet",
    "intra_class_fid": "frechet",
    "InceptionScore": "inception",
    "inception_score": "inception",
    "KID": "kernel",
    "kid": "kernel",
    "polynomial_mmd": "kernel",
    "DensityCoverage": "manifold",
    "PrecisionRecall": "manifold",
    "density_coverage": "manifold",
    "precision_recall": "manifold",
    "realism": "manifold",
    "Memorization": "memorization",
    "check_memorization": "memorization",
    "count_classes": "mode_counts",
    "count_modes": "mode_counts",
    "Moments": "moments",
    "nearest": "neighbors",
    "nearest_neighbour_accuracy": "neighbors",
    "paired_scores": "paired",
    "Parzen": "parzen_window",
    "parzen": "parzen_window",
    "extractor_distance": "path_length",
    "feature_distance": "path_length",
    "perceptual_path_length": "path_length",
    "Score": "score",
    "Value": "score",
    "segmentation_scores": "segmentation",
    "Separability": "separability",
    "linear_separability": "separability",
    "MSSSIM": "similarity",
    "ms_ssim": "similarity",
    "ms_ssim_of_pairs": "similarity",
    "SlicedWasserstein": "wasserstein",
    "sliced_wasserstein": "wasserstein",
    "sliced_wasserstein_floor": "wasserstein",
}

__all__ = [
    "FID",
    "KID",
    "METRICS",
    "MSSSIM",
    "Consistency",
    "DensityCoverage",
    "Extractor",
    "InceptionScore",
    "InceptionV3",
    "KerasFeatures",
    "Memorization",
    "Moments",
    "ONNXFeatures",
    "Parzen",
    "PrecisionRecall",
    "ProgressLine",
    "Protocol",
    "ProtocolWarning",
    "Result",
    "Score",
    "Separability",
    "SlicedWasserstein",
    "Value",
    "check_memorization",
    "chosen_metrics",
    "class_consistency",
    "count_classes",
    "count_modes",
    "density_coverage",
    "evaluate",
    "extractor_distance",
    "feature_distance",
    "fid",
    "inception_score",
    "intra_class_fid",
    "kid",
    "linear_separability",
    "ms_ssim",
    "ms_ssim_of_pairs",
    "nearest",
    "nearest_neighbour_accuracy",
    "open_network",
    "paired_scores",
    "parzen",
    "perceptual_path_length",
    "polynomial_mmd",
    "precision_recall",
    "realism",
    "segmentation_scores",
    "shipped_network",
    "shipped_networks",
    "sliced_wasserstein",
    "sliced_wasserstein_floor",
]


# A score of ready features must load neither Keras nor an extractor.
def __getattr__(name):
    if name in _NAMES:
        return getattr(importlib.import_module(f"kgan.metrics.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'kgan.metrics' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_NAMES])
