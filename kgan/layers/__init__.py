"""Layers and initializers of the systems; each behaves alike on every backend."""

from kgan.layers.contrast import GlobalContrastNormalization
from kgan.layers.conv import Conv2D
from kgan.layers.conv_transpose import Conv2DTranspose
from kgan.layers.dropout import Dropout
from kgan.layers.maxout import MaxoutConv2D, MaxoutDense
from kgan.layers.prior import sample_prior
from kgan.layers.resize import Downsample2D, Upsample2D, resize
from kgan.layers.safe_norm import safe_norm
from kgan.layers.seeds import seed_generator, spread_seed
from kgan.layers.sparse_init import SparseNormal
from kgan.layers.spectral import SpectralNormalization

__all__ = [
    "Conv2D",
    "Conv2DTranspose",
    "Downsample2D",
    "Dropout",
    "GlobalContrastNormalization",
    "MaxoutConv2D",
    "MaxoutDense",
    "SparseNormal",
    "SpectralNormalization",
    "Upsample2D",
    "resize",
    "safe_norm",
    "sample_prior",
    "seed_generator",
    "spread_seed",
]
