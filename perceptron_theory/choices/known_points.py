"""Values at points that a search asks for again are computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def remembered(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """The function for arrays that broadcast, which is asked once about equal points.

    ``function`` is given flat arrays of one length, and returns another.
    """
    known: dict[tuple[float, ...], float] = {}

    def values(*coordinates: Any) -> np.ndarray:
        arrays = np.broadcast_arrays(*coordinates)
        points = list(zip(*(array.ravel().tolist() for array in arrays), strict=True))
        new = list({point: None for point in points if point not in known})
        if new:
            known.update(zip(new, function(*np.array(new).T).tolist(), strict=True))
        return np.array([known[point] for point in points]).reshape(arrays[0].shape)

    return values
