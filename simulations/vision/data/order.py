"""The batches of an epoch, as rows of a data set: a function of seed and epoch."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .. import inputs

PADDING = -1
"""The row that fills up the last batch: mask where rows are negative."""


def training_steps(count: int, batch_size: int) -> int:
    """The number of :func:`training_batches`, in every epoch.

    Raises:
        InputError: fewer rows than one batch takes.
    """
    batch_size = inputs.positive_integer("batch_size", batch_size)
    if count < batch_size:
        raise InputError(
            f"{count} examples do not fill one batch of {batch_size}: give more, or a "
            f"batch_size (of the recipe) of at most {count}"
        )
    return count // batch_size


def training_batches(
    count: int, batch_size: int, *, seed: int, epoch: int
) -> Int[np.ndarray, "steps batch_size"]:
    """A permutation of all rows, cut into batches; what is left over sits out.

    Another part sits out in every epoch.  NumPy may change its permutations with a new
    release, so resume with the NumPy that was begun with.

    Raises:
        InputError: fewer rows than one batch takes, a negative seed or epoch.
    """
    steps = training_steps(count, batch_size)
    rows = rng(seed, epoch).permutation(count)
    return rows[: steps * batch_size].reshape(steps, batch_size)


def evaluation_batches(
    count: int, batch_size: int
) -> Int[np.ndarray, "steps batch_size"]:
    """All rows in their order, each once; the last batch filled up with ``PADDING``.

    Raises:
        InputError: no rows, or a batch of none.
    """
    count = inputs.positive_integer("count", count)
    batch_size = inputs.positive_integer("batch_size", batch_size)
    steps = -(-count // batch_size)
    rows = np.full(steps * batch_size, PADDING)
    rows[:count] = np.arange(count)
    return rows.reshape(steps, batch_size)


def rng(seed: int, *at: int) -> np.random.Generator:
    """A generator of its own for each seed and place, such as (epoch, position).

    Raises:
        InputError: a number that is no integer from 0 on.
    """
    for value in (seed, *at):
        if not isinstance(value, int | np.integer) or value < 0:
            raise InputError(
                "seed, epoch and position must be whole numbers of at least 0, got "
                f"{value}"
            )
    # not default_rng((seed, *at)), for which (1, 2) and (1, 2, 0) are one
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=at))
