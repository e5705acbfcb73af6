"""Scores that were computed elsewhere: a .npy, .npz, .csv or .parquet of one's own.

High = keep, as everywhere.  Rows with ids are matched to the examples by these; without
ids they are taken in the order of the data set, which a warning says.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.paths import expanded

from . import inputs
from .data.array_files import SUFFIXES, ArrayFile, open_arrays
from .data.array_source import LABELS
from .data.beside import check_columns_beside
from .data.class_labels import classes_of, same_classes
from .data.encoded import DataSet
from .data.images import fingerprint
from .data.named_rows import RowNames, names_in, own_names, rows_of
from .data.row_splits import refuse_other_split, splits_by_rows
from .score_columns import SCORES, why_no_number
from .score_files import Scores, is_score_file, read_scores


def scores_in(path: Path | str, of: DataSet | Scores | None = None) -> Scores:
    """The scores in a file of ``pruning-laws score``, or in one of one's own.

    Args:
        path: Of a score file, or of an array or a table with a header: a column of
            scores, and perhaps one of ids and one of labels, which are then verified.
            Ids are in a column of one of their usual names, or in one of text that
            names examples of ``of``.
            Behind a colon may stand which column it is: scores.csv:margin.
        of: What they must be scores of: a data set, or scores of it.  Without it, the
            ids and labels are those of the file; ids that it lacks are the rows, and
            labels that it lacks one class.

    Warns:
        DataWarning: The rows have no ids, or no labels are known.

    Raises:
        InputError: No such file, no one column of scores, examples that are missing,
            foreign or there twice, labels that are others, NaN.
    """
    path, column = _column_of(path)
    if column is None and path.suffix == ".parquet" and is_score_file(path):
        return read_scores(path, of)
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: scores are read from {', '.join(SUFFIXES)}")
    file = open_arrays(path)
    label_name = file.without(column).named(LABELS)
    names = names_in(file, of=of, taken={column, label_name})
    id_name = None if names is None else names.column
    name = _score_column(file, column, {id_name, label_name})
    if of is None:
        splits = splits_by_rows(file)
        if splits is not None and len(splits.rows) > 1:
            raise InputError(
                f"{path} has scores of several splits, {', '.join(splits.rows)}: give "
                "each in a file of its own"
            )
        if names is None or (names.is_index and names.in_order):
            names = own_names(file, {name, label_name}) or names
    else:
        refuse_other_split(file, names, _name(of))
        if names is None:
            _check_words(file, {name, label_name}, of)
    if names is None:
        check_columns_beside(file, {name, label_name}, of)
    values = file[name]
    if values.dtype.kind == "U":
        whys = ((i, why_no_number(str(x))) for i, x in enumerate(values.ravel()))
        for row, why in whys:
            if why:
                raise InputError(
                    f"{path}: scores must be numbers, and that of row {row} {why}"
                )
        values = values.astype(np.float64)  # text of an array, all of it numbers
    if values.ndim == 2 and 1 in values.shape:
        values = values.ravel()
    values = inputs.real_array(f"{path}: scores", values, "P")
    ids = None if names is None else names.names
    labels = None if label_name is None else file.labels(label_name)
    for what, given in (("ids", ids), ("labels", labels)):
        if given is not None and len(given) != len(values):
            raise InputError(f"{path}: {len(values)} scores and {len(given)} {what}")
    metric = f"{path.stem} {column}" if column else path.stem
    recipe = {"imported": path.name}
    if of is None:
        return _alone(path, metric, values, ids, labels, recipe)
    places = _places(path, len(values), names, of)
    if labels is not None and not _same_labels(labels, of.labels[places], of):
        raise InputError(
            f"{path}: the column {label_name} differs from the labels of {_name(of)}"
        )
    placed = np.empty(len(values))
    placed[places] = values
    return Scores(
        metric,
        placed,
        of.ids,
        of.labels,
        _name(of),
        of.fingerprint,
        recipe=recipe,
        class_names=tuple(map(str, of.class_names)),
    )


def _column_of(path: Path | str) -> tuple[Path, str | None]:
    whole = expanded(path)
    head, colon, column = str(path).rpartition(":")
    if colon and column and not whole.exists() and Path(head).suffix:
        return expanded(head), column
    return whole, None


def _check_words(file: ArrayFile, used: set[str | None], of: DataSet | Scores) -> None:
    """Refuse rows without ids beside which other classes stand than they have.

    A column that repeats the names of the classes may be a guess: half of it agrees.

    Raises:
        InputError: Less than half of it does.
    """
    classes = np.array(getattr(of, "class_names", ()), str)
    for name in file:
        words = None if name in used else file.readable(name)
        if words is None or words.shape != of.labels.shape or not len(classes):
            continue
        words = words.astype(str)
        if not np.isin(words, classes).all() or len(set(words.tolist())) < 2:
            continue
        agree = int((classes[of.labels] == words).sum())
        if 2 * agree < len(words):
            raise InputError(
                f"{file.path} has no ids, and {name!r} names the classes of {agree} of "
                f"{len(words)} examples of {_name(of)} rightly: is it in another order?"
                " Write ids there, or leave that column out"
            )


def _name(of: DataSet | Scores) -> str:
    return of.dataset if isinstance(of, Scores) else of.name


def _score_column(file: ArrayFile, column: str | None, taken: set[str | None]) -> str:
    if column is not None:
        if column not in file:
            raise InputError(f"{file.path} has no column {column!r}: it {file.says()}")
        return column
    left = [name for name in file if name not in taken]
    named = [name for name in left if name.lower() in SCORES]
    if len(named) != 1 and len(left) > 1:
        named = [name for name in left if _is_numbers(file, name)]
    found = named if len(named) == 1 else left
    if len(found) != 1:
        raise InputError(
            f"{file.path} {file.says()}: which are the scores? Give "
            f"{file.path.name}:COLUMN, or call it score"
        )
    return found[0]


def _is_numbers(file: ArrayFile, name: str) -> bool:
    cells = file.readable(name)
    return cells is not None and cells.dtype.kind in "iuf"


def _alone(path, metric, values, ids, labels, recipe) -> Scores:
    """Scores of which no data set is known."""
    if labels is None:
        warnings.warn(
            f"{path} has no labels: all examples count as one class (--data has them)",
            DataWarning,
            stacklevel=3,
        )
        numbers, names = np.zeros(len(values), np.int64), ()
    else:
        numbers, names = classes_of(f"labels of {path}", labels)
    rows = tuple(str(row) for row in range(len(values)))
    if ids is not None and ids != rows and sorted(ids) == sorted(rows):
        back = np.argsort([int(one) for one in ids])  # row numbers, in any order
        values, numbers, ids = values[back], numbers[back], rows
    known = rows if ids is None else ids
    of = fingerprint(known, numbers)
    return Scores(
        metric,
        values,
        known,
        numbers,
        path.stem,
        of,
        recipe=recipe,
        class_names=names,
    )


def _same_labels(
    given: np.ndarray, labels: Int[np.ndarray, " P"], of: DataSet | Scores
) -> bool:
    """Whether labels are the classes, by their names or numbers, or else one to one."""
    words = given.astype(str)
    names = np.array(getattr(of, "class_names", ()), str)
    numbers = np.arange(labels.max() + 1).astype(str)
    known = [one for one in (names, numbers) if np.isin(words, one).all()]
    if known:
        return any(np.array_equal(one[labels], words) for one in known)
    return same_classes(words, labels)


def _places(
    path: Path, count: int, names: RowNames | None, of: DataSet | Scores
) -> Int[np.ndarray, " P"]:
    """The row of the data set that each score belongs to; every one has one.

    Raises:
        InputError: Examples are missing, foreign, or there twice.
    """
    total, name = len(of.ids), _name(of)
    if names is None:
        if count != total:
            raise InputError(
                f"{path} has {count} scores and no ids, {name} has {total} examples: "
                "give one score per example, or a column of ids"
            )
        warnings.warn(
            f"{path} has no ids: its {count} scores are taken in the order of {name}",
            DataWarning,
            stacklevel=4,
        )
        return np.arange(count)
    ids, found = names.names, rows_of(names, of, path)
    foreign = np.flatnonzero(found < 0)
    if foreign.size:
        raise InputError(
            f"{path}: {foreign.size} of {count} ids are not in {name}, such as "
            f"{ids[foreign[0]]!r}; its own look like {of.ids[0]!r}"
        )
    order, times = np.unique(found, return_counts=True)
    if (times > 1).any():
        twice = of.ids[order[times > 1][0]]
        raise InputError(
            f"{path}: {twice!r} has several scores: give one score per example"
        )
    if count < total:
        missing = of.ids[int(np.setdiff1d(np.arange(total), found)[0])]
        raise InputError(
            f"{path}: {total - count} examples of {name} have no score, such as "
            f"{missing!r}"
        )
    return found
