"""Roots on the edges of a grid, of a function that costs much and is smooth.

The polynomial through the grid's values on the line of an edge says where its root is,
to a few digits; the polynomial that also passes through the value found there says it
better, and so on.  What the secant through the last two does not confirm after some
rounds is searched in its bracket.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ..numerics.bracketing import Function, bracketed_roots

NEIGHBOURS = 6  # points of the grid through which a polynomial passes
CLOSE = 1e-12  # absolute error of the root of a polynomial
ROUNDS = 4  # in which each value that was found makes the polynomial better


class Edges(NamedTuple):
    """Edges at whose ends a function has two signs: first those along x, then y."""

    start: Float[np.ndarray, " n"]
    stop: Float[np.ndarray, " n"]
    fixed: Float[np.ndarray, " n"]  # the other coordinate
    along_x: Bool[np.ndarray, " n"]
    at_start: Float[np.ndarray, " n"]  # the function
    at_stop: Float[np.ndarray, " n"]
    nodes: Float[np.ndarray, "n k"]  # the nearest points of the grid on the same line
    at_nodes: Float[np.ndarray, "n k"]

    def places(self, at: Any, n: Any) -> tuple[np.ndarray, np.ndarray]:
        """The x and y of points on the edges of these numbers."""
        along_x, fixed = self.along_x[n], self.fixed[n]
        return np.where(along_x, at, fixed), np.where(along_x, fixed, at)


def crossed_edges(
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " m"],
    value: Float[np.ndarray, "n m"],
    along_x: Int[np.ndarray, "2 k"],
    along_y: Int[np.ndarray, "2 l"],
) -> Edges:
    """The edges that begin at these points of a grid, given by their two numbers."""
    (i, j), (k, m) = along_x, along_y
    count = min([NEIGHBOURS, *(len(axis) for axis in (x, y) if len(axis) > 1)])
    nearest = _nearest(x, value.T[j], i, count), _nearest(y, value[k], m, count)
    return Edges(
        np.concatenate([x[i], y[m]]),
        np.concatenate([x[i + 1], y[m + 1]]),
        np.concatenate([y[j], x[k]]),
        np.arange(len(i) + len(k)) < len(i),
        np.concatenate([value[i, j], value[k, m]]),
        np.concatenate([value[i + 1, j], value[k, m + 1]]),
        *map(np.concatenate, zip(*nearest, strict=True)),
    )


def _nearest(
    places: Float[np.ndarray, " k"],
    values: Float[np.ndarray, "n k"],
    before: Int[np.ndarray, " n"],
    count: int,
) -> tuple[Float[np.ndarray, "n c"], Float[np.ndarray, "n c"]]:
    """The points of each line around the edge after a given one, and their values."""
    first = np.clip(before + 1 - count // 2, 0, len(places) - count)
    near = first[:, None] + np.arange(count)
    return places[near], np.take_along_axis(values, near, axis=1)


def roots_on(
    edges: Edges, function: Function, tolerance: float
) -> Float[np.ndarray, " n"]:
    """The root on each edge, to an absolute ``tolerance`` along it.

    ``function`` maps points and the numbers of their edges to values.
    """
    number = np.arange(len(edges.start))
    root = np.zeros(number.size)
    for _ in range(ROUNDS):
        if not number.size:
            break
        root[number] = at = _polynomial_root(edges)
        value = function(at, number)
        # by the secant through this point and the last one, which may be wrong itself
        step, rise = at - edges.nodes[:, -1], value - edges.at_nodes[:, -1]
        far = np.abs(value * step) > 0.1 * tolerance * np.abs(rise)
        more = edges._replace(
            nodes=np.column_stack([edges.nodes, at]),
            at_nodes=np.column_stack([edges.at_nodes, value]),
        )
        edges, number = Edges(*(side[far] for side in more)), number[far]
    root[number] = bracketed_roots(
        lambda x, n: function(x, number[n]),
        *(edges.start, edges.stop, edges.at_start, edges.at_stop),
        tolerance,
        guess=root[number],
    )
    return root


def _polynomial_root(edges: Edges) -> Float[np.ndarray, " n"]:
    """Where on each edge the polynomial through the nodes is 0."""
    _, count = edges.nodes.shape
    itself = np.eye(count, dtype=bool)

    def polynomial(x: Any, n: Any) -> Any:
        # in Lagrange's form: the product over the other nodes
        nodes = edges.nodes[n]
        ratios = (x[:, None] - nodes)[:, None, :]
        ratios = ratios / np.where(itself, 1.0, nodes[:, :, None] - nodes[:, None])
        weights = np.where(itself, 1.0, ratios).prod(axis=2)
        return np.sum(edges.at_nodes[n] * weights, axis=1)

    ends = edges.start, edges.stop, edges.at_start, edges.at_stop
    return bracketed_roots(polynomial, *ends, CLOSE)
