"""Figures of the papers, drawn again: each function writes one PNG and returns the numbers that it shows."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgan.figures.attribute_edit import draw_attribute_edit
    from kgan.figures.compare_runs import draw_compare_runs
    from kgan.figures.decision_boundary import draw_decision_boundary
    from kgan.figures.disentanglement import draw_disentanglement
    from kgan.figures.fade_or_jump import draw_fade_or_jump
    from kgan.figures.growth import draw_growth
    from kgan.figures.instances import draw_instances
    from kgan.figures.interpolation import draw_interpolation
    from kgan.figures.loss_curves import draw_loss_curves
    from kgan.figures.mode_scatter import draw_mode_scatter
    from kgan.figures.multi_resolution import draw_multi_resolution
    from kgan.figures.nearest_neighbours import draw_nearest_neighbours
    from kgan.figures.noise_components import draw_noise_components
    from kgan.figures.noise_detail import draw_noise_detail
    from kgan.figures.saturation import draw_saturation
    from kgan.figures.style_interpolation import draw_style_interpolation
    from kgan.figures.style_localisation import draw_style_localisation
    from kgan.figures.style_mixing import draw_style_mixing
    from kgan.figures.toy_game import draw_toy_game
    from kgan.figures.truncation import draw_truncation
    from kgan.figures.vector_arithmetic import draw_vector_arithmetic

_FIGURES = {
    "draw_attribute_edit": "attribute_edit",
    "draw_compare_runs": "compare_runs",
    "draw_decision_boundary": "decision_boundary",
    "draw_disentanglement": "disentanglement",
    "draw_instances": "instances",
    "draw_fade_or_jump": "fade_or_jump",
    "draw_growth": "growth",
    "draw_interpolation": "interpolation",
    "draw_loss_curves": "loss_curves",
    "draw_mode_scatter": "mode_scatter",
    "draw_multi_resolution": "multi_resolution",
    "draw_nearest_neighbours": "nearest_neighbours",
    "draw_noise_components": "noise_components",
    "draw_noise_detail": "noise_detail",
    "draw_saturation": "saturation",
    "draw_style_interpolation": "style_interpolation",
    "draw_style_localisation": "style_localisation",
    "draw_style_mixing": "style_mixing",
    "draw_toy_game": "toy_game",
    "draw_truncation": "truncation",
    "draw_vector_arithmetic": "vector_arithmetic",
}

__all__ = [
    "draw_attribute_edit",
    "draw_compare_runs",
    "draw_decision_boundary",
    "draw_disentanglement",
    "draw_fade_or_jump",
    "draw_growth",
    "draw_instances",
    "draw_interpolation",
    "draw_loss_curves",
    "draw_mode_scatter",
    "draw_multi_resolution",
    "draw_nearest_neighbours",
    "draw_noise_components",
    "draw_noise_detail",
    "draw_saturation",
    "draw_style_interpolation",
    "draw_style_localisation",
    "draw_style_mixing",
    "draw_toy_game",
    "draw_truncation",
    "draw_vector_arithmetic",
]


# Sampling an exported bundle must not load Keras, and no figure should load what another one needs.
def __getattr__(name):
    if name in _FIGURES:
        return getattr(importlib.import_module(f"kgan.figures.{_FIGURES[name]}"), name)
    raise AttributeError(f"module 'kgan.figures' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_FIGURES])
