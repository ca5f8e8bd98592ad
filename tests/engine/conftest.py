import keras
import numpy as np
import pytest

from kgan.engine import GrowthSchedule, MovingAverage
from kgan.models import PGGAN
from kgan.models.pggan import PGGANDiscriminator, PGGANGenerator


@pytest.fixture(scope="session")
def growing():
    """`growing(seed, ...)`: the smallest compiled PGGAN from 4 to 8 pixels, at the start of its schedule."""

    def make(seed=0, compiled=True, **schedule):
        keras.utils.set_random_seed(seed)
        # Nothing divides anything: batches of 4 in epochs of 2, then 1 and 2, then 2 steps.
        settings = {"stable_images": 7, "fade_images": 11, "images_per_epoch": 5, "batch_size": 4, **schedule}
        model = PGGAN(
            PGGANGenerator(8, 1, fmap_base=16, fmap_max=4, latent_dim=3),
            PGGANDiscriminator(8, 1, fmap_base=16, fmap_max=4, group_size=2),
            schedule=GrowthSchedule(8, **settings),
            average=MovingAverage(decay=0.5),
        )
        if compiled:
            model.compile()
        return model

    return make


@pytest.fixture(scope="session")
def pictures():
    return np.random.default_rng(1).uniform(-1, 1, (10, 8, 8, 1)).astype("float32")
