"""Global minima of many smooth functions of ln f: a scan, then local polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.polynomial import chebyshev

Row = Int[np.ndarray, " n"]
Values = Float[np.ndarray, " n"]
# maps ln f (n, k) and the numbers of their rows (n,) to values (n, k)
Function = Callable[[Float[np.ndarray, "n k"], Row], Float[np.ndarray, "n k"]]

STEP = 0.4  # of the scan, in ln f
# half widths of the next intervals: the curve in f has a weak singularity at f = 1, on
# which the polynomial of a wide interval converges slowly
WIDTHS = (0.12, 0.02)
DIP = 0.7  # the most by which a minimum lies below the scanned point next to it
NOISE = 1e-9  # differences of values that count as none


class Minimum(NamedTuple):
    """The least value of each row, where it is, and whether that is an end."""

    position: Values
    value: Values
    at_lower: Bool[np.ndarray, " n"]
    at_upper: Bool[np.ndarray, " n"]


def minimise(function: Function, lower: Values, upper: Values) -> Minimum:
    """The global minimum of each row between its ``lower`` and its ``upper`` end.

    Every local minimum of a scan, the ends among them, is refined three times by the
    minimum of a polynomial through Chebyshev points.  Of equal minima the one at the
    largest position is given.  A NaN inside is passed over, at an end it makes the row
    NaN.
    """
    rows = np.arange(len(lower))
    count = max(4, 1 + int(np.ceil(np.max(upper - lower) / STEP)))
    x = lower[:, None] + (upper - lower)[:, None] * np.linspace(0.0, 1.0, count)
    x[:, -1] = upper
    y = function(x, rows)
    row, left, right = _brackets(x, np.where(np.isnan(y), np.inf, y))
    found = _zoom(function, row, left, right, points=15, degree=12)
    for width in WIDTHS:
        left = np.maximum(found - width, lower[row])
        right = np.minimum(found + width, upper[row])
        found = _zoom(function, row, left, right, points=9, degree=5)
    value = function(found[:, None], row)[:, 0] if row.size else found

    every = np.concatenate([rows, rows, row])
    position = np.concatenate([lower, upper, found])
    values = np.concatenate([y[:, 0], y[:, -1], value])
    best = np.array([_least(position, values, every == n) for n in rows])
    at = position[best]
    return Minimum(at, values[best], at <= lower + 1e-7, at >= upper - 1e-7)


def _least(position: Values, values: Values, mine: Bool[np.ndarray, " n"]) -> int:
    """The index of the least value among ``mine``; of equal ones, the last position."""
    index = np.nonzero(mine)[0]
    unsolved = np.isnan(values[index])
    if unsolved.any():  # the minimum may be there
        return int(index[np.argmax(unsolved)])
    index = index[values[index] <= values[index].min() + NOISE]
    return int(index[np.argmax(position[index])])


def _brackets(
    x: Float[np.ndarray, "rows k"], y: Float[np.ndarray, "rows k"]
) -> tuple[Row, Values, Values]:
    """Rows and ends of the intervals of the scan that hold a minimum worth refining."""
    wall = np.full((len(x), 1), np.inf)
    before, after = np.hstack([wall, y[:, :-1]]), np.hstack([y[:, 1:], wall])
    around = np.maximum(
        np.where(np.isinf(before), -np.inf, before),
        np.where(np.isinf(after), -np.inf, after),
    )
    lowest = (y <= before) & (y <= after) & (around > y + NOISE)
    lowest &= y < y.min(axis=1, keepdims=True) + DIP
    row, column = np.nonzero(lowest)
    last = x.shape[1] - 1
    return row, x[row, np.maximum(column - 1, 0)], x[row, np.minimum(column + 1, last)]


def _zoom(
    function: Function,
    row: Row,
    left: Values,
    right: Values,
    *,
    points: int,
    degree: int,
) -> Values:
    """The minimum, in each bracket, of the polynomial fitted to the function there."""
    if not len(row):
        return left
    nodes = chebyshev.chebpts2(points)
    middle, half = 0.5 * (left + right), 0.5 * (right - left)
    y = function(middle[:, None] + half[:, None] * nodes, row)
    best = np.zeros(len(row))
    for n, values in enumerate(y):
        good = ~np.isnan(values)
        if good.sum() < 4:
            continue
        fit = chebyshev.chebfit(nodes[good], values[good], min(degree, good.sum() - 2))
        roots = chebyshev.chebroots(chebyshev.chebder(fit))
        inside = (np.abs(roots.imag) < 1e-9) & (np.abs(roots.real) < 1)
        candidates = np.concatenate([roots.real[inside], [-1.0, 1.0]])
        best[n] = candidates[np.argmin(chebyshev.chebval(candidates, fit))]
    return middle + half * best
