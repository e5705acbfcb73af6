"""Smooth functions next to scattered points, against themselves and a tree."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from perceptron_theory.numerics import scattered
from perceptron_theory.numerics.scattered import interpolated, nearest


def wave(x):
    """Two functions of x and y, and their gradients by x, y and a third."""
    u, v = x[:, 0], x[:, 1]
    values = np.stack([np.sin(u + 0.5 * v), np.exp(0.3 * u) * np.cos(v)], axis=1)
    by_u = np.stack([np.cos(u + 0.5 * v), 0.3 * values[:, 1]], axis=1)
    by_v = np.stack([0.5 * by_u[:, 0], -np.exp(0.3 * u) * np.sin(v)], axis=1)
    return values, np.stack([by_u, by_v, 0.0 * by_u], axis=2)


@pytest.mark.parametrize("few", [0, scattered.FEW])
def test_nearest_are_those_of_a_tree(monkeypatch, few):
    monkeypatch.setattr(scattered, "FEW", few)
    random = np.random.default_rng(0)
    known, places = random.random((50, 3)), random.random((20, 3))
    distance, which = nearest(known, places, 4)
    expected, number = KDTree(known).query(places, 4)
    np.testing.assert_array_equal(which, number)
    np.testing.assert_allclose(distance, expected, rtol=1e-12)


def test_between_points_it_is_better_than_a_tangent():
    random = np.random.default_rng(1)
    known, places = random.random((400, 3)), random.random((100, 3))
    known[:, 2] = places[:, 2] = 0.3
    values, gradients = wave(known)
    near = nearest(known, places, 1)[1][:, 0]
    changes = interpolated(known, values, gradients, places, near)
    tangent, moved = (
        np.quantile(np.abs(values[near] + change - wave(places)[0]), 0.9)
        for change in changes
    )
    assert moved < 1e-6
    assert moved < tangent / 1000


def test_one_point_alone_gives_its_tangent():
    known = np.array([[0.3, 0.1, 0.0]])
    values, gradients = wave(known)
    places = known + np.array([0.2, -0.1, 0.0])
    tangent, moved = interpolated(known, values, gradients, places, np.array([0]))
    expected = gradients[:, :, :2] @ [0.2, -0.1]
    np.testing.assert_allclose(tangent, expected, rtol=1e-14)
    np.testing.assert_allclose(moved, expected, rtol=1e-14)


def test_coinciding_points_do_no_harm():
    known = np.repeat([[0.3, 0.1, 0.0], [0.5, 0.2, 0.0]], 6, axis=0)
    values, gradients = wave(known)
    places = np.array([[0.4, 0.15, 0.0]])
    _, moved = interpolated(known, values, gradients, places, np.array([0]))
    np.testing.assert_allclose(values[[0]] + moved, wave(places)[0], atol=1e-3)
