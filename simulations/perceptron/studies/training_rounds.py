"""What every round of training at finite N does, whoever labels and whoever selects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Array, Float

from perceptron_theory import ConvergenceError, InputError

from ..data.batches import stack_sets
from ..data.ensemble import Ensemble
from ..naming import whole_number
from ..students.contract import Student

# draws that are trained at once
_BATCH = 16


def checked_rounds(rounds: object) -> int:
    """How many rounds there are to be.

    Raises:
        InputError: not a whole number from 1 on.
    """
    count = whole_number(rounds, "rounds")
    if count < 1:
        raise InputError(f"rounds must be at least 1, got {rounds}")
    return count


def batches_of_draws(first: int, draws: int) -> Iterator[range]:
    """The numbers of the draws, so many at a time as are trained together."""
    end = first + draws
    for begin in range(first, end, _BATCH):
        yield range(begin, min(begin + _BATCH, end))


def streams_of(
    seed: int, ensemble: Ensemble, size: int, numbers: range, purpose: int
) -> list[np.random.Generator]:
    """A random stream for each draw; ``purpose`` tells studies apart."""
    return [
        np.random.default_rng((seed, ensemble.stream, size, n, purpose))
        for n in numbers
    ]


def trained_weights(
    student: Student,
    sets: list[Float[np.ndarray, "kept N"]],
    keys: Array,
    ensemble: Ensemble,
    rows: int | None = None,
) -> Float[np.ndarray, "draw N"]:
    """Unit weights of the students of some sets, one a draw.

    Args:
        student: who is trained.
        sets: signed examples, of one N.
        keys: of JAX, one a draw.
        ensemble: what the sets are of, for a message.
        rows: to which sets are filled up; None for those of the largest.

    Raises:
        ConvergenceError: a student did not reach its goal.
    """
    repeat = student.padding == "repeat"
    trained = student(stack_sets(sets, len(sets), repeat=repeat, rows=rows), keys)
    if not np.all(trained.done):
        raise ConvergenceError(
            f"{student.name} did not reach its goal at N = {sets[0].shape[1]}: "
            f"{ensemble.label}"
        )
    return np.asarray(trained.weights)
