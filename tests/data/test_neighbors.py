"""Exact nearest neighbours against a sort of all similarities."""

import sys
import types

import numpy as np
import pytest

from kgan.data import neighbors
from kgan.errors import UsageError
from kgan.metrics.neighbors import nearest as nearest_in_float64

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(neighbors, "_TILE", 32)
    monkeypatch.setattr(neighbors, "_ROWS", 8)


def units(n, d, seed=0):
    x = np.random.default_rng(seed).standard_normal((n, d)).astype("float32")
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def by_sorting(points, k):
    cosines = points @ points.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(("n", "d", "k"), [(100, 4, 1), (100, 4, 5), (100, 4, 99), (33, 3, 32), (2, 2, 1)])
def test_as_by_sorting(n, d, k):
    points = units(n, d)
    indices, cosines = neighbors.nearest_others(points, k)
    np.testing.assert_array_equal(indices, by_sorting(points, k))
    assert (np.diff(cosines, axis=1) <= 0).all()
    np.testing.assert_allclose(cosines, np.sum(points[:, None] * points[indices], axis=-1), atol=1e-6)


def test_as_in_float64():
    points = units(120, 6)
    distances, indices = nearest_in_float64(points, points, 7, metric="cosine", exclude_self=True)
    found, cosines = neighbors.nearest_others(points, 7)
    np.testing.assert_array_equal(found, indices)
    np.testing.assert_allclose(1.0 - cosines, distances, atol=1e-6)


def test_twins_are_neighbours_and_none_is_its_own():
    points = units(80, 5)
    points[3:60] = points[2]
    indices, _ = neighbors.nearest_others(points, 4)
    assert (indices != np.arange(80)[:, None]).all()
    assert all(len(set(row)) == 4 for row in indices)
    assert ((indices[2:60] >= 2) & (indices[2:60] < 60)).all()
    np.testing.assert_array_equal(indices[2], [3, 4, 5, 6])  # of equal ones the first


def test_all_points_equal():
    indices, cosines = neighbors.nearest_others(np.ones((70, 1), np.float32), 3)
    np.testing.assert_array_equal(indices[40], [0, 1, 2])
    assert (cosines == 1.0).all()


def test_queries_find_themselves_first():
    points = units(90, 6)
    indices, cosines = neighbors.nearest(points[40:50], points, 3)
    np.testing.assert_array_equal(indices[:, 0], np.arange(40, 50))
    np.testing.assert_array_equal(indices, np.argsort(-(points[40:50] @ points.T), axis=1)[:, :3])
    np.testing.assert_allclose(cosines[:, 0], 1.0, atol=1e-6)


@pytest.mark.parametrize("k", [0, 10, 2.0, True])
def test_k_out_of_range(k):
    with pytest.raises(UsageError, match=r"k must be from 1 to 9"):
        neighbors.nearest_others(units(10, 3), k)


def test_faiss_is_asked_where_it_is_installed_and_the_set_is_large(monkeypatch):
    class IndexFlatIP:
        def __init__(self, d):
            self.d = d

        def add(self, points):
            self.points = points

        def search(self, queries, k):
            cosines = queries @ self.points.T
            order = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
            return np.take_along_axis(cosines, order, axis=1), order

    faiss = types.ModuleType("faiss")
    faiss.IndexFlatIP = IndexFlatIP
    monkeypatch.setitem(sys.modules, "faiss", faiss)
    monkeypatch.setattr(
        neighbors.importlib.util, "find_spec", lambda name: faiss if name == "faiss" else None
    )
    monkeypatch.setattr(neighbors, "_LARGE", 50)
    points = units(60, 5)
    points[5:20] = points[4]
    indices, cosines = neighbors.nearest_others(points, 4)
    assert (indices != np.arange(60)[:, None]).all()
    rest = [0, 1, 2, 3, *range(20, 60)]
    np.testing.assert_array_equal(indices[rest], by_sorting(points, 4)[rest])
    np.testing.assert_allclose(cosines[4:20], 1.0, atol=1e-6)
