"""Parts of a data set: some of its rows, and a test set that is held out of it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .. import inputs
from .classes import Chosen
from .encoded import DataSet, EncodedImages


def part_of(dataset: DataSet, rows: Int[np.ndarray, " n"], name: str) -> Any:
    """Some examples of a data set, with their ids, as a data set of its own.

    Args:
        dataset: Of any kind.
        rows: Of the examples, each once; the part has their order.
        name: Of the part.
    """
    same: dict[str, Any] = {
        "name": name,
        "labels": dataset.labels[rows],
        "ids": tuple(dataset.ids[i] for i in rows),
    }
    if isinstance(dataset, EncodedImages):
        if len(dataset.sizes) == len(dataset):  # else of row groups
            same["sizes"] = dataset.sizes[rows]
        return replace(dataset, reader=Chosen(dataset.reader, rows), **same)
    (values,) = {field.name for field in fields(dataset)} & {"images", "points"}
    same[values] = getattr(dataset, values)[rows]
    return replace(dataset, **same)


def held_out(dataset: DataSet, part: float, *, seed: Any) -> tuple[Any, Any]:
    """Two parts of a data set, to train on and to test on, at random.

    Of every class that part is held out, rounded, but at least one example; a class of
    one example stays in the training set.

    Args:
        dataset: Of any kind.
        part: To test on, inside (0, 1).
        seed: Of the choice: a seed, or a key of ``jax.random``.

    Raises:
        InputError: No class has two examples.
    """
    rng = inputs.generator(seed)
    test: list[int] = []
    for one in np.unique(dataset.labels):
        mine = rng.permutation(np.flatnonzero(dataset.labels == one))
        count = min(max(1, round(part * len(mine))), len(mine) - 1)
        test += mine[:count].tolist()
    if not test:
        raise InputError(
            f"{dataset.name} has one example of each class: none can be held out to "
            "test on; give more examples of each class, or a test set"
        )
    rest = np.setdiff1d(np.arange(len(dataset)), test)
    return (
        part_of(dataset, rest, f"{dataset.name} (without the held-out part)"),
        part_of(dataset, np.sort(test), f"{dataset.name} (held-out part)"),
    )
