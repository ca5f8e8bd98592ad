"""Layers and initializers of the systems; each behaves alike on every backend."""

from kgan.layers.ada_in import AdaIN
from kgan.layers.bias import Bias
from kgan.layers.blur import Blur
from kgan.layers.concat_condition import ConcatCondition
from kgan.layers.conditional_batch_norm import ConditionalBatchNormalization
from kgan.layers.constant import LearnedConstant
from kgan.layers.contrast import GlobalContrastNormalization
from kgan.layers.conv import Conv2D
from kgan.layers.conv_transpose import Conv2DTranspose
from kgan.layers.dropout import Dropout
from kgan.layers.equalized import EqualizedConv2D, EqualizedDense
from kgan.layers.fade import Fade
from kgan.layers.gaussian_noise import GaussianNoise
from kgan.layers.image_pool import ImagePool
from kgan.layers.instance_norm import InstanceNormalization
from kgan.layers.masks import MASK_KINDS, Complete, random_masks
from kgan.layers.maxout import MaxoutConv2D, MaxoutDense
from kgan.layers.minibatch_discrimination import MinibatchDiscrimination
from kgan.layers.minibatch_stddev import MinibatchStdDev
from kgan.layers.noise_injection import NoiseInjection
from kgan.layers.one_hot import OneHot
from kgan.layers.pixel_norm import PixelNormalization
from kgan.layers.prior import sample_prior
from kgan.layers.projection import Projection
from kgan.layers.reflection_pad import ReflectionPadding2D
from kgan.layers.resize import Downsample2D, Upsample2D, resize
from kgan.layers.safe_norm import safe_norm
from kgan.layers.seeds import seed_generator, spread_seed
from kgan.layers.self_attention import SelfAttention2D
from kgan.layers.sparse_init import SparseNormal
from kgan.layers.spectral import SpectralNormalization
from kgan.layers.truncation import Truncation
from kgan.layers.weight_norm import (
    WeightNormConv2D,
    WeightNormConv2DTranspose,
    WeightNormDense,
    start_from_data,
)

__all__ = [
    "MASK_KINDS",
    "AdaIN",
    "Bias",
    "Blur",
    "Complete",
    "ConcatCondition",
    "ConditionalBatchNormalization",
    "Conv2D",
    "Conv2DTranspose",
    "Downsample2D",
    "Dropout",
    "EqualizedConv2D",
    "EqualizedDense",
    "Fade",
    "GaussianNoise",
    "GlobalContrastNormalization",
    "ImagePool",
    "InstanceNormalization",
    "LearnedConstant",
    "MaxoutConv2D",
    "MaxoutDense",
    "MinibatchDiscrimination",
    "MinibatchStdDev",
    "NoiseInjection",
    "OneHot",
    "PixelNormalization",
    "Projection",
    "ReflectionPadding2D",
    "SelfAttention2D",
    "SparseNormal",
    "SpectralNormalization",
    "Truncation",
    "Upsample2D",
    "WeightNormConv2D",
    "WeightNormConv2DTranspose",
    "WeightNormDense",
    "random_masks",
    "resize",
    "safe_norm",
    "sample_prior",
    "seed_generator",
    "spread_seed",
    "start_from_data",
]
