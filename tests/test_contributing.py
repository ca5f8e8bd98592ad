"""The example in CONTRIBUTING.md fulfils the contract that the page speaks of."""

import pathlib
import re

import numpy as np

from kgan import catalog
from kgan.testing import check_model

PAGE = pathlib.Path(__file__).parents[1] / "CONTRIBUTING.md"


def test_a_gan_in_one_file(tmp_path):
    (example,) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    file = tmp_path / "mean_gan.py"
    file.write_text(example, encoding="utf-8")
    system = catalog.run_file(file).MeanGAN
    check_model(system, export=False)
    model = system.tiny()
    model.compile()
    history = model.fit(np.zeros((8, 4, 4, 1), "float32"), batch_size=4, verbose=0).history
    assert set(history) == {"generator_loss", "discriminator_loss", "matching"}
