"""k-means selection of instances."""

import numpy as np
import pytest

from kgan.data import FeatureStore, select_instances
from kgan.data.instance_selection import cluster
from kgan.errors import UsageError

pytestmark = pytest.mark.once


def blobs(clusters=6, each=20, d=8):
    rng = np.random.default_rng(0)
    centres = np.eye(d)[:clusters]
    return np.concatenate([c + 0.05 * rng.standard_normal((each, d)) for c in centres])


def test_separated_clusters_give_one_instance_each():
    rows = select_instances(FeatureStore(blobs()), 6)
    assert len(set(rows)) == 6
    assert sorted(row // 20 for row in rows) == list(range(6))


def test_the_instance_is_the_nearest_to_its_centre():
    store = FeatureStore(blobs())
    centres, labels = cluster(store.features, 6)
    for centre in centres:
        distances = np.linalg.norm(store.features - centre, axis=1)
        assert distances.argmin() in select_instances(store, 6)
    for row, label in enumerate(labels):
        assert np.linalg.norm(store.features[row] - centres, axis=1).argmin() == label


@pytest.mark.parametrize("n", [1, 40, 119, 120])
def test_instances_are_distinct(n):
    rows = select_instances(FeatureStore(blobs()), n)
    assert len(set(rows.tolist())) == n
    assert rows.min() >= 0
    assert rows.max() < 120


def test_equal_images():
    features = np.ones((10, 3))
    features[0] = [1, 0, 0]
    rows = select_instances(FeatureStore(features), 5)
    assert len(set(rows.tolist())) == 5
    assert 0 in rows


def test_the_seed_decides():
    store = FeatureStore(np.random.default_rng(3).standard_normal((100, 4)))
    np.testing.assert_array_equal(select_instances(store, 10, seed=1), select_instances(store, 10, seed=1))


@pytest.mark.parametrize("n", [0, 121, 1.5])
def test_bad_numbers(n):
    with pytest.raises(UsageError, match="n must be from 1 to 120"):
        select_instances(FeatureStore(blobs()), n)


def test_more_clusters_than_images_are_refused():
    with pytest.raises(UsageError, match="n must be from 1 to 4, the number of images, got 9"):
        cluster(np.eye(4, dtype="float32"), 9)
