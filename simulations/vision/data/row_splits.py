"""Tables that say in a column of which split each row is."""

from __future__ import annotations

from functools import partial

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from .array_files import ArrayFile
from .folder_splits import SPLIT_NAMES

_SPLIT = "split"
_SPLITS = (_SPLIT, "subset", "partition", "set")
_MOST = 5  # numbers that may stand for splits


def splits_by_rows(file: ArrayFile) -> dict[str, Int[np.ndarray, " n"]]:
    """The rows of each split, where a column says of which one each row is.

    Under any header that is a column of text whose words are all names of splits, and
    is_train or is_test of truth values.

    Raises:
        InputError: A column called after splits has numbers in their place.
    """
    for name in file:
        low, cells = name.lower(), file[name]
        if cells.ndim != 1 or not len(cells) or len(file) < 2:
            continue
        if cells.dtype.kind not in "biuU":
            continue
        words = cells.astype(str)
        found = np.unique(words).tolist()
        said = low.removeprefix("is_")
        if said in SPLIT_NAMES and {one.lower() for one in found} == {"true", "false"}:
            true = np.char.lower(words) == "true"
            other = "train" if said == "test" else "test"
            return {said: np.flatnonzero(true), other: np.flatnonzero(~true)}
        known = SPLIT_NAMES.issuperset(map(str.lower, found))
        if low in _SPLITS and cells.dtype.kind != "U" and 1 < len(found) <= _MOST:
            raise InputError(
                f"{file.path}: {name!r} holds {', '.join(found)}: write the names of "
                "the splits there, such as train and test, or leave it out"
            )
        some = low in _SPLITS and not SPLIT_NAMES.isdisjoint(map(str.lower, found))
        if low == _SPLIT or some or (known and len(found) > 1):
            return {one: np.flatnonzero(words == one) for one in found}
    return {}


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

    return ArrayFile(file.path, {name: partial(read, name) for name in file})
