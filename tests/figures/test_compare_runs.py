import numpy as np
import pytest
from PIL import Image

from kgan.errors import UsageError
from kgan.figures.compare_runs import Run, draw_compare_runs


def run(grey, title="gan"):
    return Run(title, np.full((8, 28, 28, 1), grey, np.uint8), {"generator_loss": [1.0, 0.5]})


def test_every_run_has_its_column(tmp_path):
    draw_compare_runs(tmp_path / "runs.png", [run(90), run(170, "dcgan")])
    with Image.open(tmp_path / "runs.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    left, right = np.split(pixels[:, : pixels.shape[1] // 2 * 2], 2, axis=1)
    assert (left == 90).sum() >= 8 * 56 * 56 > 100 > (right == 90).sum()
    assert (right == 170).sum() >= 8 * 56 * 56


def test_every_loss_has_its_line(tmp_path):
    images = np.zeros((4, 28, 28, 1), np.uint8)
    heights = []
    for count in (0, 1, 4, 6):
        history = {f"loss_{number}": [float(number)] * 2 for number in range(count)}
        draw_compare_runs(tmp_path / "runs.png", [Run("gan", images, history)])
        with Image.open(tmp_path / "runs.png") as picture:
            curves = np.asarray(picture.convert("RGB"), int)[-150:]
        coloured = np.ptp(curves, axis=2) > 60
        heights.append(int((coloured.sum(axis=1) > 80).sum()))
    # Flat lines, of which the fourth is black: six losses show more of them than four.
    assert 0 == heights[0] < heights[1] < heights[2] < heights[3]


def test_refuses_images_of_two_shapes(tmp_path):
    other = Run("b", np.zeros((8, 14, 14, 1), np.uint8), {})
    with pytest.raises(UsageError, match="one shape"):
        draw_compare_runs(tmp_path / "runs.png", [run(0), other])
    with pytest.raises(UsageError, match=r"columns be at least 1, got .* and 0"):
        draw_compare_runs(tmp_path / "runs.png", [run(0)], columns=0)
