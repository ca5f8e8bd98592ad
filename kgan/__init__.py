"""kgan: generative adversarial networks for Keras 3, on TensorFlow, JAX and PyTorch.

`import kgan` imports no backend; `kgan.models`, `kgan.losses` and the others load on first use.
"""

import importlib

from kgan._version import __version__

_MODULES = (
    "callbacks",
    "config",
    "data",
    "engine",
    "errors",
    "export",
    "figures",
    "latents",
    "layers",
    "losses",
    "models",
    "pictures",
    "recipes",
    "testing",
    "theory",
    "types",
)

__all__ = ["__version__", *_MODULES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"kgan.{name}")
    raise AttributeError(f"module 'kgan' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_MODULES])
