"""What `fit` does between the steps, where the steps run on the CPU."""

from typing import Any

import keras

_Model: Any = object  # a mixin of keras.Model, whose attributes it uses


class _InStep(keras.callbacks.Callback):
    """Reads the logs in the loop itself: handing them to a thread costs more than it hides on a CPU.

    Keras hands the logs of each batch to a thread unless a callback acts on batches.
    """

    def on_train_batch_end(self, batch, logs=None):
        pass


class CPUFitLoop(_Model):
    """Mixin: `fit` without a thread for the logs when `logs_in_step()` says so."""

    def loop_callbacks(self, callbacks):
        """A list of callbacks, with what this mixin adds to them."""
        callbacks = keras.tree.flatten(callbacks or [])
        return [_InStep(), *callbacks] if self.logs_in_step() else callbacks

    def fit(self, *args, callbacks=None, **kwargs):
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = self.loop_callbacks(callbacks)
        return super().fit(*args, callbacks=callbacks, **kwargs)
