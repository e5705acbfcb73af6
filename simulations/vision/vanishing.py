"""Classes that a selection nearly loses, and the class floor that would keep them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from scipy.stats import hypergeom

from perceptron_theory.wording import counted

_LOST = 1 / 3  # of the share that pruning at random would leave
_BY_CHANCE = 0.01  # probability that selection at random loses some class so far
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

    Only where chance hardly does that: it would keep so few, or fewer, of any class
    with a probability of 1 % at most (the hypergeometric distribution, divided among
    the classes by Bonferroni).  A class that keeps none is lost in any case, unless
    chance leaves it less than one example.

    Args:
        before: Examples of each class.
        kept: How many of them were kept.
    """
    total, chosen = int(before.sum()), int(kept.sum())
    share = chosen * before / total
    by_chance = hypergeom.cdf(kept, total, before, chosen)
    few = (kept < _LOST * share) & (by_chance < _BY_CHANCE / (before > 0).sum())
    lost = few | ((kept == 0) & (share >= 1))
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
    worst = min(lost, key=lambda one: (one.kept / one.before, -one.before))
    more = ""
    if others := len(lost) - 1:
        verb = "keeps" if others == 1 else "keep"
        more = f", and {counted(others, 'more class')} {verb} too few"
    loses = "nearly loses" if worst.kept else "loses"
    return (
        f"{which} {loses} a class: {names[worst.label]!r} keeps {worst.kept} of "
        f"{worst.before} examples{more}"
    )


def mending_option(before: Int[np.ndarray, " C"], kept: Int[np.ndarray, " C"]) -> str:
    """The option of ``pruning-laws select`` that leaves no class nearly lost."""
    floor = mending_floor(before, kept)
    return f"--class-floor {floor:g}" if floor is not None else "--per-class"
