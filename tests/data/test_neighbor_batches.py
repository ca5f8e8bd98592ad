"""Batches of instances and neighbours: who is paired with whom, and that a place decides everything."""

import numpy as np
import pytest

from kgan.data import FeatureStore, NeighborBatches, load_images
from kgan.errors import DataError, UsageError
from kgan.recipes import FASHION_MNIST_MINI

pytestmark = pytest.mark.once
N = 60


@pytest.fixture(scope="module")
def images():
    return load_images(FASHION_MNIST_MINI, f"train[:{N}]", label="label", batch_size=12)


@pytest.fixture(scope="module")
def store(images):
    features = np.random.default_rng(0).standard_normal((2, N, 6))
    return FeatureStore(features[0], data=images.fingerprint, mirrored=features[1])


def places(batch, images):
    """The place of every image of a batch, whether or not it was mirrored."""
    pixels = images.uint8(np.arange(N)).astype("float32") / 127.5 - 1.0
    both = np.stack([pixels, pixels[:, :, ::-1]])
    gaps = np.abs(batch["images"][None, :, None] - both[:, None]).max(axis=(3, 4, 5))
    assert (gaps.min(axis=(0, 2)) < 1e-5).all()
    return gaps.min(axis=0).argmin(axis=1), gaps.min(axis=2).argmin(axis=0)


def owners(features, store):
    return np.argmax(features @ store.features.T, axis=1)


def test_reals_are_neighbours_and_never_the_instance(images, store):
    data = NeighborBatches(images, store, 4, labels=True)
    table, shown = store.neighbors(4)[0], []
    for i in range(len(data)):
        batch = data[i]
        real, _ = places(batch, images)
        instance = owners(batch["instance"], store)
        shown += instance.tolist()
        assert all(r in table[h] for r, h in zip(real, instance))
        assert (real != instance).all()
        np.testing.assert_array_equal(batch["label"], images.labels[real])
        assert (owners(batch["fake_instance"], store) != instance).any()
    assert sorted(shown) == list(range(N))


def test_a_place_decides_a_batch(images, store):
    def batches(seed=3, epoch=5):
        data = NeighborBatches(images, store, 4, labels=True, augment_features=True, seed=seed)
        data.set_epoch(epoch)
        return [data[i] for i in (4, 0, 2)]

    one, again, other_epoch, other_seed = batches(), batches(), batches(epoch=6), batches(seed=4)
    for a, b, c, d in zip(one, again, other_epoch, other_seed):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])
        assert not np.array_equal(a["instance"], c["instance"])
        assert not np.array_equal(a["images"], d["images"])


def test_one_neighbour_is_always_the_nearest(images, store):
    batch = NeighborBatches(images, store, 1)[0]
    nearest = store.neighbors(1)[0][owners(batch["instance"], store), 0]
    np.testing.assert_array_equal(places(batch, images)[0], nearest)


def law_of_reals(data, images, epochs):
    counts = np.zeros(N)
    for epoch in range(epochs):
        data.set_epoch(epoch)
        for i in range(len(data)):
            counts += np.bincount(places(data[i], images)[0], minlength=N)
    return counts / counts.sum()


def test_reals_follow_the_hubs_of_the_graph(images, store):
    law = law_of_reals(NeighborBatches(images, store, 3, mirror=False), images, 60)
    hubs = store.hubs(3) / store.hubs(3).sum()
    assert np.abs(law - hubs).sum() < 0.12
    assert np.abs(hubs - 1 / N).sum() > 0.3  # far from uniform, so the line above says something
    assert (law[hubs == 0] == 0).all()


def test_all_neighbours_are_the_unconditional_law(images, store):
    law = law_of_reals(NeighborBatches(images, store, N - 1, mirror=False), images, 60)
    assert np.abs(law - 1 / N).sum() < 0.15


def test_mirrored_features_and_mirrored_images_are_drawn_apart(images, store):
    data = NeighborBatches(images, store, 4, augment_features=True)
    pairs = set()
    for i in range(len(data)):
        batch = data[i]
        plain = np.abs(batch["instance"] @ store.features.T - 1).min(axis=1) < 1e-5
        pairs |= set(zip(plain.tolist(), places(batch, images)[1].tolist()))
    assert pairs == {(True, 0), (True, 1), (False, 0), (False, 1)}


def test_balanced_classes(images, store):
    data = NeighborBatches(images, store, 4, labels=True, class_balance=True)
    table, labels = store.neighbors(4)[0], []
    for epoch in range(40):
        data.set_epoch(epoch)
        for i in range(len(data)):
            batch = data[i]
            labels += [*batch["label"], *batch["fake_label"]]
    batch = data[0]
    real, instance = places(batch, images)[0], owners(batch["instance"], store)
    assert all(h in table[r] for r, h in zip(real, instance))  # an instance among the image's neighbours
    share = np.bincount(labels, minlength=10) / len(labels)
    np.testing.assert_allclose(share, 0.1, atol=0.025)
    assert np.ptp(np.bincount(images.labels, minlength=10)) > 3


def test_bad_arguments(images, store):
    unlabelled = load_images(FASHION_MNIST_MINI, f"train[:{N}]", batch_size=12)
    plain = FeatureStore(store.features, data=unlabelled.fingerprint)
    with pytest.raises(UsageError, match="need images with labels"):
        NeighborBatches(unlabelled, plain, 4, labels=True)
    with pytest.raises(UsageError, match="needs a store with mirrored features"):
        NeighborBatches(unlabelled, plain, 4, augment_features=True)
    with pytest.raises(UsageError, match=f"k must be from 1 to {N - 1}"):
        NeighborBatches(images, store, N)
    with pytest.raises(DataError, match="of the images in use"):
        NeighborBatches(unlabelled, store, 4)
    with pytest.raises(IndexError):
        NeighborBatches(images, store, 4)[5]


def test_the_fingerprint_knows_every_setting(images, store):
    found = {
        NeighborBatches(images, store, k, mirror=mirror, seed=seed).fingerprint
        for k, mirror, seed in [(4, True, 0), (5, True, 0), (4, False, 0), (4, True, 1), (4, True, 0)]
    }
    assert len(found) == 4
