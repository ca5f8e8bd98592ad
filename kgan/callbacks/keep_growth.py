"""What a growing generator makes of one latent vector while it grows, which its last weights cannot show."""

import pathlib
import zipfile
import zlib

import keras
import numpy as np
from keras import ops

from kgan import checks, latents
from kgan.engine import GrowingModel
from kgan.errors import DataError, UsageError
from kgan.files import replacing
from kgan.layers.fade import blend
from kgan.types import to_uint8

FILE = "growth.npz"
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
_SEED = "seed"


class KeepGrowth(keras.callbacks.Callback):
    """Keeps the image of one latent at the end of each side's phase, and at five alphas of each fade.

    The file `growth.npz` is written whole at each of these moments, and goes on where a run is resumed.
    `kgan figure growth --run RUN` draws it.

    Args:
        folder: the folder; `kgan run` says its own by `join_run`.
        seed: int >= 0, draws the latent.

    Raises:
        UsageError: a negative seed, or the model that is trained does not grow.

    Example:

    >>> import tempfile
    >>> from kgan.models import PGGAN
    >>> model, keep = PGGAN.tiny(), KeepGrowth(tempfile.mkdtemp())
    >>> model.compile()
    >>> _ = model.fit(model.example_data(8), callbacks=[keep], verbose=0)
    >>> sorted(read_growth(keep.folder))
    ['fade_8_0.25', 'fade_8_0.5', 'fade_8_0.75', 'fade_8_1', 'seed', 'side_8']
    """

    # Within an epoch the model is read at the few steps of a fade that come to an alpha.
    async_safe = True

    def __init__(self, folder=".", seed=0):
        super().__init__()
        self.folder, self.seed = pathlib.Path(folder), checks.count("seed", seed, 0)
        self._shown, self._fade, self._steps = 0, None, 1

    def join_run(self, folder, epochs):
        """Makes the run's folder the one to write into."""
        self.folder = pathlib.Path(folder)

    def on_train_begin(self, logs=None):
        if not isinstance(self.model, GrowingModel):
            raise UsageError(f"KeepGrowth needs a model that grows, got a {type(self.model).__name__}")
        kept = read_growth(self.folder)
        if kept and (self.model.images_shown() == 0 or int(kept.get(_SEED, -1)) != self.seed):
            (self.folder / FILE).unlink()  # of another training
        self._steps = self.model.steps_per_execution  # a batch's callbacks come once for so many

    def on_epoch_begin(self, epoch, logs=None):
        phase = self.model.phase
        self._shown = self.model.images_shown() - phase.first
        self._fade = phase if phase.fading else None

    def on_train_batch_begin(self, batch, logs=None):
        if self._fade is not None:
            self._keep_fade(self._fade, self._shown + batch * self._fade.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        phase = self.model.phase
        shown = self.model.images_shown() - phase.first
        if phase.fading:
            if shown == phase.shown:
                self._keep_fade(phase, shown)
        elif shown >= phase.shown:
            self._keep(side_key(phase.side), phase.side)

    def _keep_fade(self, phase, shown):
        """Keeps the alphas that the fade has come to since the last call, if there are such."""
        for alpha in ALPHAS:
            if 0 <= shown - alpha * phase.images < phase.batch_size * self._steps:
                self._keep(fade_key(phase.side, alpha), phase.side, alpha)

    def _keep(self, key, side, alpha=1.0):
        kept = {**read_growth(self.folder), key: growth_image(self.model, side, self.seed, alpha)}
        kept[_SEED] = np.array(self.seed)
        with replacing(self.folder / FILE) as temporary:
            np.savez_compressed(temporary, **kept)


def side_key(side):
    """The name in the file of the image at the end of a side's own phase."""
    return f"side_{side}"


def fade_key(side, alpha):
    """The name in the file of the image at one alpha of the fade into a side."""
    return f"fade_{side}_{alpha:g}"


def read_growth(folder):
    """What `KeepGrowth` has kept in a folder: dict from names to uint8 images, and the seed; maybe empty.

    Raises:
        DataError: the file is damaged.
    """
    path = pathlib.Path(folder) / FILE
    if not path.is_file():
        return {}
    try:
        # numpy leaves a file open that it cannot read.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error


def growth_image(model, side, seed, alpha=1.0):
    """What the sampled network of a growing model makes of one latent at a side, by its present weights.

    Args:
        model: a `kgan.engine.GrowingModel`.
        side: one of the sides it has grown to.
        seed: int >= 0, draws the latent.
        alpha: weight of the layers of this side; the rest is the image of the side before, enlarged.

    Returns:
        uint8 array `[side, side, channels]`.
    """
    network = model.generator if model.average is None else model.average.network
    drawn = latents.draw(model.sampling_inputs(), 1, seed, model.banks())
    image = _made(network.at(side), drawn)
    if alpha < 1.0:
        old = _made(network.at(side // 2), drawn).repeat(2, axis=0).repeat(2, axis=1)
        image = blend(image, old, alpha)
    return to_uint8(image, model.data_range)


def _made(network, drawn):
    """The float image of the network of one side, which takes some of the drawn inputs."""
    inputs = drawn["z"]
    if isinstance(network.input, dict):
        inputs = {name: drawn[name] for name in network.input}
    inputs = keras.tree.map_structure(ops.convert_to_tensor, inputs)
    return ops.convert_to_numpy(ops.stop_gradient(network(inputs, training=False)))[0]
