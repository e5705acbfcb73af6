"""Classes that a selection nearly loses, and the class floor that would keep them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

_LOST = 1 / 3  # of the share that pruning at random would leave
_BY_CHANCE = 3.0  # standard deviations of a selection at random
_MENDED = 0.5  # of that share, which the floor keeps


class NearlyLost(NamedTuple):
    """A class that keeps far less than its share."""

    label: int
    before: int
    kept: int


def nearly_lost(
    before: Int[np.ndarray, " C"], kept: Int[np.ndarray, " C"]
) -> list[NearlyLost]:
    """Classes that keep less than a third of what selection at random would leave them.

    Only where chance does not do that: by three standard deviations of a binomial.

    Args:
        before: Examples of each class.
        kept: How many of them were kept.
    """
    fraction = kept.sum() / before.sum()
    share = fraction * before
    deviation = np.sqrt(share * (1 - fraction))
    lost = (kept < _LOST * share) & (kept < share - _BY_CHANCE * deviation)
    return [
        NearlyLost(i, int(before[i]), int(kept[i]))
        for i in np.flatnonzero(lost).tolist()
    ]


def mending_floor(
    before: Int[np.ndarray, " C"], kept: Int[np.ndarray, " C"]
) -> float | None:
    """The least class floor, in steps of 0.01, that leaves no class nearly lost.

    With it, each of these classes keeps at least half of what selection at random would
    leave it; see ``class_floor`` of :func:`.selection.select`.

    Args:
        before: Examples of each class.
        kept: How many of them were kept without a floor.

    Returns:
        The floor; None if no class is nearly lost, or none up to 1 is enough, as where
        the class is far larger than an equal share.
    """
    lost = nearly_lost(before, kept)
    if not lost:
        return None
    total, classes = int(kept.sum()), int((before > 0).sum())
    wanted = max(math.ceil(_MENDED * one.before * total / before.sum()) for one in lost)
    floor = math.ceil(100 * wanted * classes / total) / 100
    return floor if floor <= 1 else None
