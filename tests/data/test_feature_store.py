"""The feature store: its geometry, its files, and what it refuses."""

import types

import numpy as np
import pytest

from kgan.data import FeatureStore
from kgan.data.feature_store import describe, fingerprint, unit_features
from kgan.errors import DataError, UsageError

pytestmark = pytest.mark.once


def raw(n=40, d=5, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def extractor(name="mean", digest="abc", scale=1.0):
    def run(images):
        flat = images.reshape(len(images), -1).astype("float32")
        return {"features": scale * (1.0 + flat[:, :7])}

    return types.SimpleNamespace(name=name, digest=digest, size=(8, 8), run=run)


class Callable:
    def __init__(self, **kwargs):
        self.inner = extractor(**kwargs)
        self.name, self.digest, self.size = self.inner.name, self.inner.digest, self.inner.size

    def __call__(self, images):
        return self.inner.run(images)


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 255, (30, 4, 4, 3), dtype=np.uint8)


def test_features_have_length_1():
    np.testing.assert_allclose(np.linalg.norm(unit_features(raw()), axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 7.0, 1e20])
def test_a_factor_changes_nothing(factor):
    one, other = FeatureStore(raw()), FeatureStore(raw() * factor)
    np.testing.assert_allclose(one.features, other.features, atol=1e-6)
    np.testing.assert_array_equal(one.neighbors(6)[0], other.neighbors(6)[0])


def test_cosine_order_is_euclidean_order_and_radii_are_distances():
    store = FeatureStore(raw())
    indices, radii = store.neighbors(9)
    features = store.features.astype("float64")
    distances = np.linalg.norm(features[:, None] - features, axis=-1)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(indices, np.argsort(distances, axis=1)[:, :9])
    np.testing.assert_allclose(radii, np.sort(distances, axis=1)[:, 8], atol=1e-6)
    np.testing.assert_allclose(np.square(distances[0, 1]), 2 - 2 * features[0] @ features[1], rtol=1e-6)


def test_hubs_are_in_degrees():
    store = FeatureStore(raw())
    hubs = store.hubs(4)
    assert hubs.sum() == 40 * 4
    assert hubs[7] == np.sum(store.neighbors(4)[0] == 7)
    assert FeatureStore(raw()).hubs(39).tolist() == [39] * 40  # every image is everyone's neighbour
    assert len(set(hubs)) > 1


def test_nearest_finds_the_image_itself():
    store = FeatureStore(raw())
    np.testing.assert_array_equal(store.nearest(5.0 * raw()[10:13], 2)[:, 0], [10, 11, 12])
    with pytest.raises(UsageError, match="5 columns, got 4"):
        store.nearest(np.ones((1, 4)))


def test_build_looks_at_every_image_and_its_mirror_image(images):
    store = FeatureStore.build(images, Callable(), mirrored=True, batch_size=7)
    expected = unit_features(Callable()(images)["features"])
    np.testing.assert_array_equal(store.features, expected)
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    np.testing.assert_array_equal(store.mirrored, unit_features(Callable()(mirrored)["features"]))
    assert store.extractor == "mean abc 8x8" == describe(Callable())


def test_a_file_gives_the_same_store(images, tmp_path):
    store = FeatureStore.build(images, Callable(), mirrored=True)
    store.neighbors(3)
    store.save(tmp_path / "features.npz")
    loaded = FeatureStore.load(tmp_path / "features.npz", extractor=Callable(), images=images)
    np.testing.assert_array_equal(loaded.features, store.features)
    np.testing.assert_array_equal(loaded.mirrored, store.mirrored)
    assert list(loaded._known) == [3]
    for one, other in zip(loaded.neighbors(3), store.neighbors(3)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("changed", [{"name": "other"}, {"digest": "abd"}])
def test_a_store_of_another_extractor_is_refused(changed, images, tmp_path):
    FeatureStore.build(images, Callable()).save(tmp_path / "features.npz")
    with pytest.raises(DataError, match=r"features\.npz must be made by the extractor") as caught:
        FeatureStore.load(tmp_path / "features.npz", extractor=Callable(**changed))
    assert "\n" not in str(caught.value)


def test_a_store_of_other_images_is_refused(images, tmp_path):
    FeatureStore.build(images, Callable()).save(tmp_path / "features.npz")
    with pytest.raises(DataError, match="of the images in use, it is of others"):
        FeatureStore.load(tmp_path / "features.npz", images=images[::-1])
    assert fingerprint(images) != fingerprint(images[::-1])


def test_damaged_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="there is no feature store"):
        FeatureStore.load(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("nothing")
    with pytest.raises(DataError, match="no feature store, or it is damaged"):
        FeatureStore.load(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    with pytest.raises(DataError, match="no feature store, or it is damaged"):
        FeatureStore.load(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", format=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="no feature store, or it is damaged"):
        FeatureStore.load(tmp_path / "objects.npz")


def test_neighbours_outside_the_store_are_searched_again(tmp_path):
    store = FeatureStore(raw())
    right = store.neighbors(2)[0]
    store._known[2] = (np.full((40, 2), 40), np.zeros(40, "float32"))
    store.save(tmp_path / "features.npz")
    np.testing.assert_array_equal(FeatureStore.load(tmp_path / "features.npz").neighbors(2)[0], right)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "must not be zero, .* row 1"),
        (np.array([[1.0, np.nan]]), "must be finite, row 0"),
        (np.array([[1.0, 1.0], [1.0, np.inf]]), "must be finite, row 1"),
    ],
)
def test_vectors_without_direction_are_refused(features, message):
    with pytest.raises(DataError, match=message):
        FeatureStore(features)


def test_bad_shapes_are_refused():
    for features in (np.ones(3), np.ones((0, 3)), np.ones((2, 3, 4))):
        with pytest.raises(UsageError, match=r"\[n >= 1, d >= 1\]"):
            FeatureStore(features)
    with pytest.raises(UsageError, match="mirrored features must be of shape"):
        FeatureStore(np.ones((2, 3)), mirrored=np.ones((3, 3)))
    with pytest.raises(UsageError, match="k must be from 1 to 39"):
        FeatureStore(raw()).neighbors(40)
