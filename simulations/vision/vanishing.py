"""Classes that a selection nearly loses, and the class floor that would keep them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from perceptron_theory.wording import counted

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


def loss_in_words(
    which: str,
    before: Int[np.ndarray, " C"],
    kept: Int[np.ndarray, " C"],
    names: Sequence[object],
) -> str:
    """A sentence, without its full stop, on the class that loses most; "" if none does.

    Args:
        which: What was kept, at the beginning of the sentence: "the hardest 30 %".
        before: Examples of each class.
        kept: How many of them were kept.
        names: Of the classes.
    """
    lost = nearly_lost(before, kept)
    if not lost:
        return ""
    worst = min(lost, key=lambda one: one.kept / one.before)
    more = ""
    if others := len(lost) - 1:
        verb = "loses" if others == 1 else "lose"
        more = f", and {counted(others, 'more class')} {verb} as much"
    return (
        f"{which} nearly loses a class: {names[worst.label]!r} keeps {worst.kept} of "
        f"{worst.before} examples{more}"
    )


def mending_option(before: Int[np.ndarray, " C"], kept: Int[np.ndarray, " C"]) -> str:
    """The option of ``pruning-laws select`` that leaves no class nearly lost."""
    floor = mending_floor(before, kept)
    return f"--class-floor {floor:g}" if floor is not None else "--per-class"
