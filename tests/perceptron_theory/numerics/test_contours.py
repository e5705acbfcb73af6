"""Curves through the crossings of a grid, counted and followed independently."""

from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from perceptron_theory.numerics.contours import connect


def _crossings(up):
    first = [(i, j) for i, j in np.argwhere(up[1:] != up[:-1]).tolist()]
    second = [(i, j) for i, j in np.argwhere(up[:, 1:] != up[:, :-1]).tolist()]
    return first, second


def _middles(first, second):
    ends = [(i + 0.5, float(j)) for i, j in first]
    return np.array(ends + [(float(i), j + 0.5) for i, j in second]).reshape(-1, 2)


def _curves(up):
    """The middles of the crossed edges, one array for each curve, in order."""
    first, second = _crossings(up)
    order, branch = connect(up, first, second)
    assert sorted(order) == list(range(len(first) + len(second)))
    assert (np.diff(branch) >= 0).all()
    place = _middles(first, second)[order]
    return [place[branch == n] for n in np.unique(branch)]


def _share_a_cell(a, b):
    """Whether two edges of the grid are sides of one cell."""

    def cells(x):
        low, high = np.floor(x), np.ceil(x)
        if low[0] == high[0]:
            return {(low[0] - 1, low[1]), (low[0], low[1])}
        return {(low[0], low[1] - 1), (low[0], low[1])}

    return bool(cells(a) & cells(b))


def _on_border(x, shape):
    return x[0] in (0, shape[0] - 1) or x[1] in (0, shape[1] - 1)


@pytest.fixture(scope="module")
def points():
    return np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 17), indexing="ij")


def test_a_circle_is_one_closed_curve_followed_once_around(points):
    x, y = points
    (curve,) = _curves(x**2 + y**2 < 0.5)
    assert _share_a_cell(curve[0], curve[-1])
    angle = np.unwrap(np.arctan2(curve[:, 1] - 8.0, curve[:, 0] - 10.0))
    closing = abs(angle[-1] - angle[0])
    assert 2 * np.pi * 0.9 < closing < 2 * np.pi


def test_two_circles_and_a_line_are_three_curves(points):
    x, y = points
    circles = (np.abs(x) - 0.5) ** 2 + y**2 < 0.1
    curves = _curves(circles | (y > 0.8))
    assert len(curves) == 3
    # the open one first, from a border to the other
    assert _on_border(curves[0][0], x.shape) and _on_border(curves[0][-1], x.shape)
    assert (curves[0][:, 1] > 14).all() and len(curves[0]) == 21
    for curve in curves[1:]:
        assert len(set(np.sign(curve[:, 0] - 10.0))) == 1
        assert _share_a_cell(curve[0], curve[-1])


@pytest.mark.parametrize("seed", range(4))
def test_random_fields(seed):
    """Neighbours on a curve share a cell; open curves end on the border.

    Each curve parts one region into two, so that there is one region more than there
    are curves; at a saddle it does not matter which of the two sides is connected.
    """
    rng = np.random.default_rng(seed)
    up = gaussian_filter(rng.normal(size=(40, 30)), 2.0) > 0.02
    square = up[:-1, :-1], up[1:, 1:], up[1:, :-1], up[:-1, 1:]
    saddle = (square[0] == square[1]) & (square[2] == square[3])
    saddle &= square[0] != square[2]
    curves = _curves(up)
    for curve in curves:
        assert all(map(_share_a_cell, curve[:-1], curve[1:]))
        closed = len(curve) > 2 and _share_a_cell(curve[0], curve[-1])
        ends = _on_border(curve[0], up.shape) and _on_border(curve[-1], up.shape)
        assert closed or ends
    if not saddle.any():
        regions: list[Any] = [label(up), label(~up)]
        assert sum(number for _, number in regions) == len(curves) + 1


def test_a_saddle_is_passed_by_two_curves():
    up = np.array([[True, False], [False, True]])
    curves = _curves(up)
    assert [len(curve) for curve in curves] == [2, 2]


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (0, 0)])
def test_nothing_crossed_is_no_curve(shape):
    order, branch = connect(np.ones(shape, bool), [], [])
    assert order.shape == branch.shape == (0,)


def test_a_grid_of_one_row_has_curves_of_one_crossing():
    up = np.array([[True, False, False, True]])
    assert [len(curve) for curve in _curves(up)] == [1, 1]
