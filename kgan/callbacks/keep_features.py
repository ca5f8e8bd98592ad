"""Keeps what an instance-conditioned run needs later: the features, and the network that makes them."""

import pathlib

import keras

from kgan.files import replacing

FEATURES = "features.npz"
EXTRACTOR = "extractor.onnx"


class KeepFeatures(keras.callbacks.Callback):
    """Writes a feature store and its extractor into the run folder when the training begins.

    With them `kgan sample RUN --instance photo.png` works, and an exported bundle carries the extractor.

    Args:
        store: `kgan.data.FeatureStore` of the training images.
        extractor: the extractor's ONNX file, or `None`.
        folder: the folder; `kgan run` says its own by `join_run`.

    Example:

    >>> import tempfile, numpy as np
    >>> from kgan.data import FeatureStore
    >>> keep = KeepFeatures(FeatureStore(np.eye(3)), folder=tempfile.mkdtemp())
    >>> keep.on_train_begin()
    >>> (keep.folder / "features.npz").is_file()
    True
    """

    async_safe = True

    def __init__(self, store, extractor=None, folder="."):
        super().__init__()
        self.store = store
        self.extractor = None if extractor is None else pathlib.Path(extractor)
        self.folder = pathlib.Path(folder)

    def join_run(self, folder, epochs):
        """Makes the run's folder the one to write into."""
        self.folder = pathlib.Path(folder)

    def on_train_begin(self, logs=None):
        self.store.save(self.folder / FEATURES)
        if self.extractor is not None:
            with replacing(self.folder / EXTRACTOR) as temporary:
                temporary.write_bytes(self.extractor.read_bytes())
