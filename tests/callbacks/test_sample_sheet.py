import numpy as np
import pytest
from PIL import Image

from kgan.callbacks import SampleSheet
from kgan.errors import UsageError
from kgan.pictures import sheet

pytestmark = pytest.mark.once


def test_sheets_of_one_seed(tmp_path, make_gan, play):
    model = make_gan()
    play(model, [SampleSheet(tmp_path / "samples", every_epochs=2, n=5, seed=3)])(0, 3)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["epoch_0002.png", "epoch_0003.png"]
    shown = np.asarray(Image.open(tmp_path / "samples" / "epoch_0003.png"))
    np.testing.assert_array_equal(shown, np.asarray(sheet(model.sample(5, seed=3), scale=16)))


@pytest.mark.parametrize("settings", [{"every_epochs": 0}, {"n": 0}])
def test_arguments_out_of_range(settings):
    with pytest.raises(UsageError, match="must be at least 1, got 0"):
        SampleSheet("samples", **settings)
