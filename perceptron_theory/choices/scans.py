"""Roots of functions that are known at the points of a scan."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from ..numerics.bracketing import bracketed_roots

Values = Float[np.ndarray, " n"]
Function = Callable[[Values, np.ndarray], Values]  # of places, and the rows they are in


def roots_of_rows(
    function: Function,
    places: Float[np.ndarray, "n k"],
    values: Float[np.ndarray, "n k"],
    changes: Bool[np.ndarray, "n k1"],
    tolerance: float,
) -> tuple[np.ndarray, Values]:
    """The rows and the roots where the sign ``changes`` between two neighbours."""
    row, column = np.nonzero(changes)
    if not row.size:
        return row, np.zeros(0)
    ends = [(row, column), (row, column + 1)]
    x, y = ([table[end] for end in ends] for table in (places, values))
    return row, bracketed_roots(lambda x, n: function(x, row[n]), *x, *y, tolerance)


def first_below(
    function: Function, places: Values, values: Values, tolerance: float
) -> float:
    """The first place at which a function is not positive; inf if there is none."""
    good = values <= 0
    if not good.any():
        return np.inf
    n = int(np.argmax(good))
    if n == 0:
        return float(places[0])
    between = np.arange(len(places) - 1)[None] == n - 1
    _, root = roots_of_rows(function, places[None], values[None], between, tolerance)
    return float(root[0])
