"""Roots on the edges of a grid: right for any function, soon for a smooth one."""

import numpy as np
import pytest

from perceptron_theory.choices.edge_roots import Edges, crossed_edges, roots_on
from perceptron_theory.choices.known_points import remembered

X, Y = np.linspace(0.1, 2.0, 9), np.linspace(-2.0, -0.1, 8)


def _edges(function, x=X, y=Y) -> Edges:
    value = function(x[:, None], y)
    up = value > 0
    along_x, along_y = up[1:] != up[:-1], up[:, 1:] != up[:, :-1]
    return crossed_edges(x, y, value, *(np.argwhere(e).T for e in (along_x, along_y)))


def _solved(function, edges):
    asked = []

    def on_edges(at, n):
        asked.append(len(n))
        return function(*edges.places(at, n))

    return roots_on(edges, on_edges, 1e-9), asked


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x**2 + y**2 - 2,  # a polynomial: exact at once
        lambda x, y: np.sin(2 * x) + np.exp(y) - 0.8,
        lambda x, y: np.sign(x + y) * np.sqrt(np.abs(x + y)),  # no slope at its root
        lambda x, y: np.where(x + 1.3 * y > 0.0123, 1.0, -1.0),  # no root, but a jump
        lambda x, y: np.abs(x - 1) + y + 0.5,
    ],
)
def test_roots_are_where_the_sign_changes(function):
    edges = _edges(function)
    assert edges.along_x.any()
    assert not edges.along_x.all()
    root, _ = _solved(function, edges)
    every = np.arange(len(root))
    assert ((edges.start <= root) & (root <= edges.stop)).all()
    sides = [np.sign(function(*edges.places(root + s, every))) for s in (-3e-9, 3e-9)]
    assert (sides[0] * sides[1] <= 0).all()


def test_a_smooth_function_is_soon_done():
    edges = _edges(lambda x, y: np.sin(2 * x) + np.exp(y) - 0.8)
    _, asked = _solved(lambda x, y: np.sin(2 * x) + np.exp(y) - 0.8, edges)
    assert asked[:2] == [len(edges.start)] * 2
    assert max(asked[2:], default=0) <= len(edges.start) / 2


def test_a_grid_of_one_line_has_edges_along_it():
    edges = _edges(lambda x, y: x + y + 0.05, np.array([0.7]), Y)
    root, _ = _solved(lambda x, y: x + y + 0.05, edges)
    assert root == pytest.approx([-0.75], abs=1e-9)
    none = _edges(lambda x, y: 1 + 0 * (x + y))
    assert _solved(lambda x, y: x, none)[0].shape == (0,)


def test_equal_rows_are_asked_once():
    seen = []

    def function(x, y):
        seen.extend(zip(x.tolist(), y.tolist(), strict=True))
        return x + y

    values = remembered(function)
    rows = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    assert values(*rows.T).tolist() == [3.0, 7.0, 3.0]
    assert values(*(rows[1:] + np.array([[0], [1]])).T).tolist() == [7.0, 5.0]
    assert seen == [(1, 2), (3, 4), (2, 3)]
