"""kgan: generative adversarial networks for Keras 3, on TensorFlow, JAX and PyTorch.

`import kgan` imports no backend; `kgan.models`, `kgan.losses` and the others load on first use.
"""

import importlib
from typing import TYPE_CHECKING

from kgan._version import __version__

if TYPE_CHECKING:
    from kgan import (
        callbacks,
        config,
        data,
        engine,
        errors,
        export,
        figures,
        inference,
        latents,
        layers,
        losses,
        metrics,
        models,
        pictures,
        recipes,
        testing,
        theory,
        types,
    )

__all__ = [
    "__version__",
    "callbacks",
    "config",
    "data",
    "engine",
    "errors",
    "export",
    "figures",
    "inference",
    "latents",
    "layers",
    "losses",
    "metrics",
    "models",
    "pictures",
    "recipes",
    "testing",
    "theory",
    "types",
]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"kgan.{name}")
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
