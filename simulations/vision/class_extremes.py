"""The easiest and the hardest examples of each class: what a metric finds hard."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from perceptron_theory import InputError

from . import inputs
from .data.encoded import DataSet, images_of
from .data.images import Images


class Extremes(NamedTuple):
    """Rows of a data set, a line a class; -1 where a class has no more examples."""

    classes: Int[np.ndarray, " C"]
    easiest: Int[np.ndarray, "C n"]
    """From the lowest score on."""
    hardest: Int[np.ndarray, "C n"]
    """From the highest score on; no example is in both."""


def extremes(
    scores: Float[Array, " P"] | Float[np.ndarray, " P"],
    labels: Int[Array, " P"] | Int[np.ndarray, " P"],
    per_class: int,
    *,
    seed: Any,
    classes: Any = None,
) -> Extremes:
    """The ``per_class`` easiest and hardest examples of each class.

    Of a class with fewer than twice as many, half are easy and half are hard.

    Args:
        scores: high = hard.
        labels: the classes.
        per_class: n, on each side.
        seed: breaks ties: a seed, or a key of ``jax.random``.
        classes: which; None for all that have an example.

    Raises:
        InputError: NaN, labels that do not fit, a class that has no example.
    """
    inputs.refuse_other_order({"scores": scores, "labels": labels})
    values = inputs.real_array("scores", scores, "P")
    label = inputs.label_array("labels", labels, count=len(values))
    n = inputs.positive_integer("per_class", per_class)
    present = np.unique(label)
    wanted = present if classes is None else inputs.label_array("classes", classes)
    unknown = np.setdiff1d(wanted, present)
    if len(unknown):
        raise InputError(
            f"class {unknown[0]} has no example; those that have: {_some(present)}"
        )
    # a stable sort of a random order: ties are in random order
    order = inputs.generator(seed).permutation(len(values))
    order = order[np.argsort(values[order], kind="stable")]
    found = np.full((2, len(wanted), n), -1)
    for i, one in enumerate(wanted):
        mine = order[label[order] == one]
        easy = min(n, (len(mine) + 1) // 2)
        hard = min(n, len(mine) - easy)
        found[0, i, :easy] = mine[:easy]
        found[1, i, :hard] = mine[::-1][:hard]
    return Extremes(wanted, *found)


def thumbnails(
    dataset: DataSet, rows: Int[np.ndarray, " n"], size: int
) -> list[UInt8[np.ndarray, "height width channels"]]:
    """Images of some rows: as they are if all are in memory, else of ``size`` pixels.

    Raises:
        InputError: a file that is gone or corrupt.
    """
    dataset = images_of(dataset, "there is nothing to look at")
    if isinstance(dataset, Images):
        return [dataset.images[i] for i in rows]
    return [dataset.decode(int(i), size) for i in rows]


def _some(values: np.ndarray) -> str:
    if len(values) <= 12:
        return ", ".join(map(str, values))
    return f"{len(values)} from {values[0]} to {values[-1]}"
