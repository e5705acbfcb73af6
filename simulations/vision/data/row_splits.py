"""Tables that say in a column of which split each row is."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .array_files import ArrayFile, plain_names
from .folder_splits import SPLIT_NAMES

_SPLITS = ("split", "splits", "data_split", "subset", "partition", "set")
"""What a column of names of splits is called."""
_FOLDS = ("fold", "folds", "usage", "stage", "phase", "mode")
"""What one may be called; it may hold something else as well, such as numbers."""
_MOST = 5  # words that stand for splits
_TRUTH = {"true", "false", "1", "0", "1.0", "0.0"}
_TRUE = ("true", "1", "1.0")


class RowSplits(NamedTuple):
    """A column of splits, and the rows of each."""

    column: str
    rows: dict[str, Int[np.ndarray, " n"]]


def splits_by_rows(file: ArrayFile) -> RowSplits | None:
    """The rows of each split, where a column says of which one each row is.

    Under any header that is a column of text whose words are all names of splits, or
    two of them; is_train or is_test of truth values, or of ones and zeros; and a column
    called split, fold or such where one of its words is the name of a split.

    Raises:
        InputError: A column called after splits, or as one, has numbers in their place.
    """
    for name in file:
        cells, called = file[name], plain_names(name)
        if cells.ndim != 1 or not len(cells) or len(file) < 2:
            continue
        if cells.dtype.kind not in "biufU":
            continue
        words = np.char.lower(cells.astype(str))
        found = set(np.unique(words).tolist())
        (said, *_) = {one.removeprefix("is_") for one in called} & SPLIT_NAMES or {""}
        is_truth = said and found <= _TRUTH
        if is_truth and (said not in called or found <= {"true", "false"}):
            true = np.isin(words, _TRUE)
            other = "train" if said in ("test", "tst") else "test"
            both = {said: np.flatnonzero(true), other: np.flatnonzero(~true)}
            return RowSplits(
                name, {one: rows for one, rows in both.items() if len(rows)}
            )
        is_called = not called.isdisjoint(_SPLITS)
        numbers = cells.dtype.kind != "U" and 1 < len(found) <= _MOST
        if (is_called and numbers) or is_truth:
            raise InputError(
                f"{file.path}: {name!r} holds {', '.join(sorted(found))}: write the "
                "names of the splits there, such as train and test, or leave it out"
            )
        known = len(found & SPLIT_NAMES)
        some = known and (is_called or not called.isdisjoint(_FOLDS))
        if "split" in called or some or (known > 1 and len(found) <= _MOST):
            given = cells.astype(str)
            words = np.unique(given).tolist()
            return RowSplits(name, {one: np.flatnonzero(given == one) for one in words})
    return None


def rows_in(file: ArrayFile, rows: Int[np.ndarray, " n"], count: int) -> ArrayFile:
    """Some rows of the arrays of a file that has ``count`` of them."""

    def read(name: str) -> np.ndarray:
        array = file[name]
        if array.ndim == 0 or len(array) != count:
            raise InputError(
                f"{file.path}: {len(array) if array.ndim else 'no'} rows, and the "
                f"column of splits has {count}"
            )
        return array[rows]

    def written(name: str) -> list[str]:
        cells = list(file.written[name]())
        return [cells[row] for row in rows.tolist()]

    return ArrayFile(
        file.path,
        {name: partial(read, name) for name in file},
        {name: partial(written, name) for name in file.written if name in file},
    )
