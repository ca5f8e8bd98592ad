"""What a trained encoder makes of samples and of real images."""

import dataclasses
import json
import pathlib
from typing import Any

import keras
import numpy as np

from kgan.files import replacing
from kgan.pictures import save_sheet
from kgan.types import to_uint8


class InferenceReport(keras.callbacks.Callback):
    """Writes `inference.json` and `inference.png` when the training of an encoder ends.

    Each row of the picture is four pairs of an image and G(E(x)): above of samples, below of real images.

    Args:
        model: the frozen generator's model.
        images: real images, uint8 `[n >= 2, height, width, channels]`.
        n: samples that are measured, >= 2.
        folder: where to; `kgan run` says its own by `join_run`.
        **conditions: what the generator takes besides z for the real images, arrays with a row for each, such
            as their `label`.
    """

    def __init__(self, model, images, *, n=1000, folder=".", **conditions):
        super().__init__()
        self.generator, self.images, self.n = model, np.asarray(images), n
        self.folder, self.conditions = pathlib.Path(folder), conditions

    def join_run(self, folder, epochs):
        """Makes the run's folder the one to write into."""
        self.folder = pathlib.Path(folder)

    def on_train_end(self, logs=None):
        self.write(self.model)

    def write(self, encoder):
        """Writes both files for an encoder and returns the `kgan.inference.Inference`."""
        from kgan.figures.decoding import latent_input
        from kgan.inference import check_inference, drawn_samples, reconstruct

        generator, given = self.generator, self.conditions
        found = check_inference(generator, encoder, self.n, images=self.images, **given)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / "inference.json") as temporary:
            temporary.write_text(json.dumps(dataclasses.asdict(found), indent=1) + "\n")
        made, inputs = drawn_samples(generator, 16, seed=2)
        inputs.pop(latent_input(generator).name)
        real = self.images[:16]
        conditions: dict[str, Any] = {name: value[: len(real)] for name, value in given.items()}
        pairs = []
        shown: list[tuple[Any, dict[str, Any]]] = [(to_uint8(made), inputs), (real, conditions)]
        for images, own in shown:
            back = reconstruct(generator, encoder, images, **own)
            pairs.append(np.stack([images, back], axis=1).reshape(-1, *images.shape[1:]))
        save_sheet(self.folder / "inference.png", np.concatenate(pairs), columns=8)
        return found
