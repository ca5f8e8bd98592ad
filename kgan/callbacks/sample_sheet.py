"""Pictures of what the generator makes, epoch after epoch."""

import pathlib

import keras

from kgan.errors import UsageError
from kgan.pictures import save_sheet


class SampleSheet(keras.callbacks.Callback):
    """Writes a sheet of samples after epochs: `epoch_0001.png` and so on.

    The latents are those of one seed, so that each place of the sheet shows the same latent over time. A
    system may order its sheet (`AdversarialModel.sheet`); one that makes no pictures gets none.

    Args:
        folder: where the pictures go; it is created.
        every_epochs: epochs between sheets, >= 1; the last epoch always has one.
        n: images on a sheet, >= 1.
        seed: int, seeds the latents.

    Raises:
        UsageError: an argument breaks its rule.

    Example:

    >>> SampleSheet("samples", every_epochs=5).n
    64
    """

    def __init__(self, folder, every_epochs=1, n=64, seed=0):
        super().__init__()
        for name, value in (("every_epochs", every_epochs), ("n", n)):
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        self.folder = pathlib.Path(folder)
        self.every_epochs, self.n, self.seed = every_epochs, n, seed

    def on_epoch_end(self, epoch, logs=None):
        number = epoch + 1
        if number % self.every_epochs == 0 or number == self.params.get("epochs"):
            images, columns = self.model.sheet(self.n, seed=self.seed)
            if images is None:
                return
            # Small images are hard to see: about 64 pixels each.
            scale = max(1, round(64 / images.shape[1]))
            save_sheet(self.folder / f"epoch_{number:04d}.png", images, columns, scale=scale)
