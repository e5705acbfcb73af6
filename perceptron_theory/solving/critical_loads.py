"""The load up to which the kept examples can be separated, for all points at once."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from ..convex.separability import critical_load
from ..kept.problem import Mode
from ..numerics.batching import Program, batched
from ..students.state import Point
from .states import tabulated

ROWS = (16, 64)  # points in a batch


def thresholds_of(point: Point, mode: Mode) -> Any:
    """The loads for flat arrays of points that share a mode."""
    at, here = tabulated(point, mode)
    return _compiled(here).in_batches(ROWS, at, few=512)


@lru_cache(maxsize=256)
def _compiled(mode: Mode) -> Program:
    return batched(partial(critical_load, mode=mode))
