"""Values at points that a search asks for again are computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

AtPoints = Callable[[Float[np.ndarray, "n k"]], Float[np.ndarray, " n"]]


def remembered(function: AtPoints) -> AtPoints:
    """The function of the rows of an array, which is asked once about equal rows."""
    known: dict[tuple[float, ...], float] = {}

    def values(rows: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        points = [tuple(row) for row in rows.tolist()]
        new = list({point: None for point in points if point not in known})
        if new:
            known.update(zip(new, function(np.array(new)).tolist(), strict=True))
        return np.array([known[point] for point in points])

    return values
