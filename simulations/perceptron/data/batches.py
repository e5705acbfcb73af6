"""Batches of training sets of few shapes, because every shape is compiled anew."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from .ensemble import Ensemble

# A batch of draws holds at most this many float64 numbers on one device (256 MiB).
_BATCH_NUMBERS = 2**25
_BATCH_DRAWS = 64
_FEWEST_DRAWS = 8  # of a batch: ConvexRidge trains so many at once


def fixed_rows(ensemble: Ensemble, kept: int) -> int:
    """Rows that all sets of an ensemble are filled up to.

    Row counts are few, in steps of at most an eighth: to compile for one takes as long
    as to train on dozens of sets.  A ``KeepProbability`` keeps a number of examples
    that fluctuates by sqrt(P) at most, so there is room for six standard deviations.
    """
    if ensemble.by_chance:
        kept = math.ceil(kept + 6 * math.sqrt(kept))
    step = 2 ** max(kept.bit_length() - 4, 0)
    return step * math.ceil(kept / step)


def fitting_draws(numbers: int, most: int) -> int:
    """Draws of so many numbers each that fit into ``most``: 1, 2, 4 .. or 64."""
    return min(2 ** int(math.log2(max(most // numbers, 1))), _BATCH_DRAWS)


def batch_draws(ensemble: Ensemble, size: int) -> int:
    """Draws that a device trains at once, from 1 to 64, so that memory stays bounded.

    Most of what training needs is a few copies of the training set and of its N x N
    matrix.
    """
    _, kept = ensemble.pool_sizes(size)
    rows = fixed_rows(ensemble, kept)
    return fitting_draws(4 * rows * size, _BATCH_NUMBERS)


def batch_for(draws: int, largest: int) -> int:
    """Sets of a batch of a point of so many draws: copies are trained for nothing.

    Sizes are few, because each may be a program of its own.
    """
    return min(max(2 ** (draws - 1).bit_length(), _FEWEST_DRAWS), largest)


def stack_sets(
    sets: list[Float[np.ndarray, "_ N"]],
    batch: int,
    *,
    repeat: bool,
    rows: int | None = None,
) -> Float[np.ndarray, "{batch} P N"]:
    """One array that holds all sets, which may be of different sizes.

    Sets are filled up with their own examples again (``repeat``) or with zeros, to at
    least ``rows``, and the batch is filled up with copies of the first set.
    """
    longest = max(map(len, sets))
    if rows is None or longest > rows:
        rows = longest if longest == min(map(len, sets)) else 32 * -(-longest // 32)
    stacked = np.zeros((batch, rows, sets[0].shape[1]))
    for n in range(batch):
        examples = sets[n] if n < len(sets) else sets[0]
        filled = np.resize(examples, stacked[n].shape) if repeat else examples
        stacked[n, : len(filled)] = filled
    return stacked
