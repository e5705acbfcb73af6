"""Tables that say in a column of which split each row is."""

from __future__ import annotations

import re
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from perceptron_theory import InputError

from .array_files import ArrayFile, plain_names
from .folder_splits import SPLIT_NAMES, has_split_in
from .named_rows import RowNames

_SPLITS = ("split", "splits", "data_split", "subset", "partition", "set")
"""What a column of names of splits is called."""
_FOLDS = ("fold", "folds", "usage", "stage", "phase", "mode")
"""What one may be called; it may hold something else as well, such as numbers."""
_CLASSES = ("label", "labels", "target", "targets", "class", "classes", "category", "y")
"""Whose words are classes, a train among them."""
_MOST = 5  # words that stand for splits
_TRUE = {"true", "1", "1.0", "yes", "y", "t"}
_FALSE = {"false", "0", "0.0", "no", "n", "f"}
_SAME = {"training": "train", "trn": "train", "testing": "test", "tst": "test"}
_FLAG = re.compile(r"(?:(is|in|for)_)?([a-z]+?)(?:_?(set|mask|flag))?")
_PLACES = re.compile(r"([a-z]+)_(idxs?|ind|inds|index|indexes|indices|rows|ids)")
_DOUBTFUL = {"valid", "dev", "eval", "extra", "unlabeled", "unlabelled"}
"""Words that say something else of an example as well."""


class RowSplits(NamedTuple):
    """A column of splits ("" where paths have them), and the rows of each."""

    column: str
    rows: dict[str, Int[np.ndarray, " n"]]


def splits_by_rows(file: ArrayFile) -> RowSplits | None:
    """The rows of each split, where columns say of which one each row is.

    Under any header that is a column of text whose words are all names of splits, or
    two of them; is_train, is_test or train_mask of truth values, or of ones and zeros;
    a column called split, fold or such where one of its words is the name of a split;
    and paths of which each is in the folder of a split.

    Raises:
        InputError: A column called after splits, or as one, has something else; or two
            columns differ.
    """
    if len(file) < 2:
        return None
    found: list[RowSplits] = []
    flags: dict[str, tuple[str, Bool[np.ndarray, " P"]]] = {}
    paths: RowSplits | None = None
    for name in file:
        words = _words(file, name)
        if words is None:
            continue
        flag = _flag(file, name, words)
        if flag is not None:
            flags[flag] = name, np.isin(words, list(_TRUE))
        elif (splits := _named_splits(file, name, words)) is not None:
            found.append(RowSplits(name, splits))
        else:
            paths = paths or _splits_of_paths(file, name, words)
    if flags:
        found.append(_flagged(file, flags))
    for other in found[1:]:
        if not _same(found[0].rows, other.rows):
            raise InputError(
                f"{file.path}: {found[0].column!r} and {other.column!r} say of other "
                "rows that they are of a split: leave one of them out"
            )
    return found[0] if found else paths


def refuse_other_split(file: ArrayFile, names: RowNames | None, of: str) -> None:
    """Refuse a table for a data set that says its rows are of another split.

    Args:
        file: The table.
        names: Of its rows; ids of several splits are told apart by themselves.
        of: The name of the data set, which may end in that of its split.

    Raises:
        InputError: It says so, or that they are of several, and has no ids.
    """
    named = names is not None and names.numbers is None
    try:
        splits = splits_by_rows(file)
    except InputError:
        if named:  # whatever else it says
            return
        raise
    if splits is None:
        return
    said, *more = splits.rows
    if more and not named:
        raise InputError(
            f"{file.path} has rows of several splits, {', '.join(splits.rows)}: give "
            "each in a file of its own"
        )
    ours = of.lower().partition("#")[0].split()[-1:]
    here = {_SAME.get(one, one) for one in ours if one in SPLIT_NAMES}
    there = _SAME.get(said.lower(), said.lower())
    if here and not more and there in SPLIT_NAMES and there not in here:
        raise InputError(
            f"{file.path}: {splits.column!r} says that its rows are of {said!r}, and "
            f"the data set is {of!r}: give the table of that, or leave the column out"
        )


def _words(file: ArrayFile, name: str) -> np.ndarray | None:
    """The cells of a column as words in small letters; None if they cannot be such."""
    called = set(map(_plain, plain_names(name)))
    cells = file[name] if not called.isdisjoint(_SPLITS) else file.readable(name)
    if cells is None or cells.ndim != 1 or not len(cells):
        return None
    if cells.dtype.kind not in "biufU":
        return None
    return np.char.lower(np.char.strip(cells.astype(str)))


def _plain(name: str) -> str:
    """A name as one word in small letters: isTrain as is_train."""
    return re.sub(r"[ .-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()


def _flag(file: ArrayFile, name: str, words: np.ndarray) -> str | None:
    """The split that truth values say each row is of, or not.

    Raises:
        InputError: The name says that they do, and they are something else.
    """
    plain = _plain(name)
    places = _PLACES.fullmatch(plain)
    if places and places[1] in SPLIT_NAMES and words[0].isdecimal():
        raise InputError(
            f"{file.path} has numbers of rows in {name!r}: save the rows of each split "
            "as arrays of their own, such as x_train, y_train, x_test, y_test"
        )
    said = _FLAG.fullmatch(plain)
    if said is None or said[2] not in SPLIT_NAMES or plain in _SPLITS:
        return None
    sure, values = bool(said[1] or said[3]), set(np.unique(words).tolist())
    if said[2] in _DOUBTFUL and not sure:
        return None
    if values <= _TRUE | _FALSE and (sure or values <= {"true", "false"}):
        return _SAME.get(said[2], said[2])
    if values <= _TRUE | _FALSE or (sure and len(values) <= _MOST):
        raise _not_splits(file, name, values)
    return None


def _not_splits(file: ArrayFile, name: str, values: set[str]) -> InputError:
    return InputError(
        f"{file.path}: {name!r} holds {', '.join(sorted(values))}: write the names of "
        "the splits there, such as train and test, or leave it out"
    )


def _flagged(
    file: ArrayFile, flags: dict[str, tuple[str, Bool[np.ndarray, " P"]]]
) -> RowSplits:
    """The rows of splits that columns of truth values tell, and the others."""
    masks = [mask for _, mask in flags.values()]
    counts = np.sum(masks, axis=0) if len(set(map(len, masks))) == 1 else np.array([2])
    if counts.max() > 1:
        named = " and ".join(repr(name) for name, _ in flags.values())
        raise InputError(
            f"{file.path}: {named} say of one row that it is of two splits: write the "
            "names of the splits in one column"
        )
    rows = {split: np.flatnonzero(mask) for split, (_, mask) in flags.items()}
    other = next((one for one in ("train", "test", "val") if one not in rows), "others")
    rows[other] = np.flatnonzero(counts == 0)
    name = next(iter(flags.values()))[0]
    return RowSplits(name, {one: some for one, some in rows.items() if len(some)})


def _named_splits(
    file: ArrayFile, name: str, words: np.ndarray
) -> dict[str, Int[np.ndarray, " n"]] | None:
    """The rows of each word of a column, if its words are splits.

    Raises:
        InputError: It is called after splits, and they are not.
    """
    values, called = set(np.unique(words).tolist()), _plain(name)
    if called in _CLASSES or (len(values) > _MOST and called != _SPLITS[0]):
        return None
    known = len(values & SPLIT_NAMES)
    if called in _SPLITS and not known and len(values) > 1:
        begins = [re.match("train|test|val", one) for one in values]
        if any(map(has_split_in, values)) or any(begins):
            known = 1
        elif called != "set" or any(one[:2] in ("tr", "te", "va") for one in values):
            raise _not_splits(file, name, values)
    some = known and called in (*_SPLITS, *_FOLDS)
    if not (called == _SPLITS[0] or some or known > 1):
        return None
    given = np.char.strip(file[name].astype(str))
    spelled = np.unique(given).tolist()
    if len(spelled) > len(values) or "" in spelled:
        raise InputError(
            f"{file.path}: {name!r} holds {', '.join(map(repr, spelled))}: write one "
            "word for each split, in every row"
        )
    return {one: np.flatnonzero(given == one) for one in spelled}


def _splits_of_paths(file: ArrayFile, name: str, words: np.ndarray) -> RowSplits | None:
    """The rows of each split where every cell is a path with one in it."""
    folders = [set(one.replace("\\", "/").split("/")[:-1]) for one in words.tolist()]
    splits = [found & SPLIT_NAMES for found in folders]
    if any(len(found) != 1 for found in splits):
        return None
    each = np.array([next(iter(found)) for found in splits])
    found = np.unique(each).tolist()
    if len(found) < 2 or len(file[name]) != len(each):
        return None
    return RowSplits("", {one: np.flatnonzero(each == one) for one in found})


def _same(
    one: dict[str, Int[np.ndarray, " n"]], other: dict[str, Int[np.ndarray, " n"]]
) -> bool:
    """Whether rows are parted alike, by the same names where they have the same."""
    shared = {name.lower() for name in one} & {name.lower() for name in other}
    ours = {name.lower(): rows.tolist() for name, rows in one.items()}
    theirs = {name.lower(): rows.tolist() for name, rows in other.items()}
    if any(ours[name] != theirs[name] for name in shared):
        return False
    return sorted(ours.values()) == sorted(theirs.values()) or len(theirs) < 2


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
