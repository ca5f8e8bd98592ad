"""Seeds, dropout and priors: separate streams on every backend."""

import keras
import numpy as np
import pytest
from keras import ops

from kgan.errors import UsageError
from kgan.latents import draw
from kgan.layers import Dropout, sample_prior, seed_generator, spread_seed
from kgan.testing import check_layer
from kgan.types import Input


def streams_overlap(make, seeds=range(6), draws=6):
    """Whether any two of the first draws of any of the generators are equal."""
    seen = set()
    for seed in seeds:
        generator = make(seed)
        for _ in range(draws):
            seen.add(ops.convert_to_numpy(keras.random.uniform((8,), seed=generator)).tobytes())
    return len(seen) < len(seeds) * draws


def test_neighbouring_seeds_have_separate_streams():
    assert not streams_overlap(seed_generator)
    assert not streams_overlap(lambda stream: seed_generator(0, stream))


@pytest.mark.once
def test_spread_seeds_are_pinned_and_far_apart():
    assert [spread_seed(seed) for seed in (0, 1, 7)] == [1484405855, 917752063, 1041839916]
    values = sorted(spread_seed(seed, stream) for seed in range(300) for stream in range(10))
    assert len(set(values)) == 3000
    assert values[0] >= 0
    assert values[-1] < 2**31
    for wrong in (-1, 1.5, None, True):
        with pytest.raises(UsageError, match="seed must be an integer of at least 0, got"):
            spread_seed(wrong)


def test_dropout_keeps_scales_and_repeats():
    x = ops.ones((200, 50))
    outputs = ops.convert_to_numpy(Dropout(0.2, seed=3)(x, training=True))
    assert set(np.unique(outputs.round(5))) == {0.0, 1.25}
    assert np.mean(outputs == 0.0) == pytest.approx(0.2, abs=0.02)
    again = Dropout(0.2, seed=3)
    np.testing.assert_array_equal(outputs, ops.convert_to_numpy(again(x, training=True)))
    assert not np.array_equal(outputs, ops.convert_to_numpy(again(x, training=True)))
    np.testing.assert_array_equal(ops.convert_to_numpy(again(x, training=False)), 1.0)


def test_dropouts_with_neighbouring_seeds_do_not_share_masks():
    x = ops.ones((1, 64))
    masks = set()
    for seed in range(4):
        layer = Dropout(0.5, seed)
        masks |= {ops.convert_to_numpy(layer(x, training=True)).tobytes() for _ in range(4)}
    assert len(masks) == 16


def test_dropout_contract():
    check_layer(lambda: Dropout(0.5, seed=3, noise_shape=(None, 1)), (4, 5))
    check_layer(lambda: Dropout(0.0, seed=3), (4, 5))
    with pytest.raises(TypeError, match="seed"):
        Dropout(0.5)
    with pytest.raises(UsageError, match="seed must be an integer of at least 0, got None"):
        Dropout(0.5, seed=None)


@pytest.mark.parametrize("distribution", ["normal", "uniform", "uniform_sqrt3", "sphere", "zeros"])
def test_priors_have_the_law_of_the_numpy_draws(distribution):
    ours = ops.convert_to_numpy(sample_prior(distribution, (4000, 8), seed_generator(1)))
    theirs = draw([Input("z", (8,), distribution=distribution)], 4000, seed=1)["z"]
    assert ours.dtype == theirs.dtype == np.float32
    assert ours.std() == pytest.approx(theirs.std(), abs=0.02)
    assert ours.mean() == pytest.approx(0.0, abs=0.02)
    for q in (0.0, 0.1, 0.5, 0.9, 1.0) if distribution != "normal" else (0.1, 0.5, 0.9):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.05)
    if distribution == "sphere":
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1.0, rtol=1e-5)


def test_prior_of_labels():
    labels = ops.convert_to_numpy(sample_prior("label", (500,), seed_generator(1), num_classes=5))
    assert labels.dtype == np.int32
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3, 4]
    with pytest.raises(UsageError, match="num_classes"):
        sample_prior("label", (5,), 0)
    with pytest.raises(UsageError, match="got 'cauchy'"):
        sample_prior("cauchy", (5,), 0)
