"""Random subsets to train on, each example in and out of some of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from perceptron_theory import InputError
from perceptron_theory.errors import out_of_percent

from .. import inputs
from ..data.order import rng

BLOCK = 10  # models that are balanced together


def balanced_subsets(
    count: int, fraction: float, models: int, *, seed: int
) -> Bool[np.ndarray, "models count"]:
    """Who is in which of ``models`` random subsets of round(fraction * count) examples.

    Feldman & Zhang 2020 (arXiv 2008.03703) draw each subset on its own.  Here ten at a
    time are drawn so that every example is in as many of the ten as of any other
    (10 * fraction, rounded up or down at random): with independent subsets of 70 % one
    example in 1,250 is in all of 20 of them, and its memorization unknown.  Ten are
    independent of the next ten, and more models leave the first ones as they are.

    Args:
        count: of the examples.
        fraction: of them in each subset, inside (0, 1).
        models: subsets.
        seed: a whole number from 0 on.

    Raises:
        InputError: a fraction that is not inside (0, 1), or keeps none or all.
    """
    count = inputs.positive_integer("count", count)
    models = inputs.positive_integer("models", models)
    if not 0 < fraction < 1 or not 0 < round(fraction * count) < count:
        raise InputError(
            f"subset_fraction must be inside (0, 1) and leave some of {count} examples "
            f"in and some out, got {fraction}{out_of_percent(fraction)}"
        )
    size = round(fraction * count)
    blocks = [
        _block(count, size, rng(seed, block)) for block in range(-(-models // BLOCK))
    ]
    return np.concatenate(blocks)[:models]


def _block(
    count: int, size: int, random: np.random.Generator
) -> Bool[np.ndarray, "10 count"]:
    """Rows of ``size`` members, columns of as equal numbers as can be."""
    least, more = divmod(BLOCK * size, count)
    wanted = np.full(count, least)
    wanted[random.permutation(count)[:more]] += 1
    places = random.random((BLOCK, count)).argsort(0).argsort(0)
    member = places < wanted
    # the rows have about ``size`` members: examples move from fuller to emptier ones
    while (surplus := member.sum(1) - size).any():
        full, empty = surplus.argmax(), surplus.argmin()
        movable = np.flatnonzero(member[full] & ~member[empty])
        moves = min(surplus[full], -surplus[empty])
        moved = random.permutation(movable)[:moves]
        member[full, moved], member[empty, moved] = False, True
    return member
