"""The systems: one file each."""

from kgan.models.conditional_gan import ConditionalGAN
from kgan.models.cyclegan import CycleGAN
from kgan.models.dcgan import DCGAN
from kgan.models.gan import GAN
from kgan.models.instance_conditioned_gan import InstanceConditionedGAN
from kgan.models.lsgan import LSGAN
from kgan.models.pggan import PGGAN
from kgan.models.semi_supervised_gan import SemiSupervisedGAN
from kgan.models.stargan import StarGAN
from kgan.models.stylegan import StyleGAN

__all__ = [
    "DCGAN",
    "GAN",
    "LSGAN",
    "PGGAN",
    "ConditionalGAN",
    "CycleGAN",
    "InstanceConditionedGAN",
    "SemiSupervisedGAN",
    "StarGAN",
    "StyleGAN",
]
