"""Counts by class in one cell of a table: "312 0 288", class 0 first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int

from perceptron_theory import InputError

from .curves import RUN


def written(counts: Int[np.ndarray, " C"]) -> str:
    """The counts as a table has them."""
    return " ".join(map(str, counts.tolist()))


def wrong_by_class(
    wrong: Bool[np.ndarray, " T"], labels: Int[np.ndarray, " T"], classes: int
) -> dict[str, str]:
    """The columns that say how many of each class were tested, and were wrong."""
    return {
        "tested_by_class": written(np.bincount(labels, minlength=classes)),
        "wrong_by_class": written(np.bincount(labels[wrong], minlength=classes)),
    }


def by_class(rows: pd.DataFrame) -> pd.DataFrame:
    """A table with a row a run and class.

    Args:
        rows: of a table of results.

    Returns:
        The columns that say which run it is, ``class``, ``kept`` (examples of the class
        that were trained on), ``tested`` and ``error``.

    Raises:
        InputError: a table from before classes were counted.
    """
    names = ["kept_by_class", "tested_by_class", "wrong_by_class"]
    if not set(names) <= set(rows.columns):
        raise InputError("the table has no counts by class: make the runs again")
    counts = [
        np.stack([np.array(text.split(), int) for text in rows[name]]) for name in names
    ]
    classes = counts[0].shape[1]
    if counts[1].shape[1] != classes:
        raise InputError(
            "the classes of the test set differ from those of the training set"
        )
    found = rows[RUN].loc[rows.index.repeat(classes)].reset_index(drop=True)
    kept, tested, wrong = (each.ravel() for each in counts)
    return found.assign(
        **{"class": np.tile(np.arange(classes), len(rows))},
        kept=kept,
        tested=tested,
        error=wrong / np.maximum(tested, 1),
    )
