"""The systems: one file each."""

from kgan.models.dcgan import DCGAN
from kgan.models.gan import GAN
from kgan.models.lsgan import LSGAN

__all__ = ["DCGAN", "GAN", "LSGAN"]
