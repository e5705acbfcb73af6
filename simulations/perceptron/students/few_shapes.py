"""Small max-margin problems are filled up to four shapes, because compiling takes long.

A program for a new shape (P, N) takes seconds to compile, and milliseconds to run.  A
few small sets are therefore filled up: with the same examples again, whose multipliers
are added up in the end, and with coordinates that are zero in every example, where the
weights stay zero.  Both leave the student and its certificate as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from .hard_margin_programs import MaxMargin

# Examples P and dimensions N of the shapes; a problem beyond the last is not filled up.
_COUNTS, _DIMENSIONS = (64, 200), (32, 100)
# More sets than these are worth a program of their own.
_FEW_SETS = 8


def common_shape(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The shape (P, N) that sets are to be filled up to; None if they are not to be.

    Args:
        shape: (sets, P, N).
    """
    sets, count, dimension = shape
    counts = [most for most in _COUNTS if count <= most]
    dimensions = [most for most in _DIMENSIONS if dimension <= most]
    if sets > _FEW_SETS or not counts or not dimensions:
        return None
    return counts[0], dimensions[0]


def fill_up(
    examples: Float[np.ndarray, "set P N"], shape: tuple[int, int]
) -> Float[np.ndarray, "set P2 N2"]:
    """The sets with their examples repeated, and with zeros as further coordinates."""
    _, count, dimension = examples.shape
    filled = np.zeros((len(examples), *shape))
    filled[:, :, :dimension] = examples[:, np.arange(shape[0]) % count]
    return filled


def undo_filling(found: MaxMargin, count: int, dimension: int) -> MaxMargin:
    """The result for sets of ``count`` examples in ``dimension`` dimensions."""
    multipliers = np.asarray(found.multipliers)
    sets, rows = multipliers.shape
    rounds = -(-rows // count)
    padded = np.zeros((sets, rounds * count))
    padded[:, :rows] = multipliers
    return replace(
        found,
        weights=np.asarray(found.weights)[:, :dimension],
        multipliers=padded.reshape(sets, rounds, count).sum(1),
    )
