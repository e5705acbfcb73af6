"""One's own arrays: feature vectors (or images as bytes), labels and ids in files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning, unknown_name
from perceptron_theory.paths import expanded

from .array_files import SUFFIXES, ArrayFile, open_arrays, plain_names
from .beside import (
    Rows,
    check_columns_beside,
    check_order,
    common_names,
    same_names,
)
from .class_labels import classes_of, same_classes
from .contract import DataSource, NoSuchSplit
from .folder_splits import has_split_in
from .images import Images
from .named_rows import IDS, ROWS, RowNames, names_in, words_of
from .points import Points
from .row_splits import rows_in, splits_by_rows

SPLIT = "{split}"
"""It stands in a path for the name of a split."""
WHOLE = "train"
"""The split that files without ``SPLIT`` are."""
FEATURES = (
    *("embeddings", "embedding", "features", "feature", "points", "vectors"),
    *("x", "images", "data", "arr_0"),
)
LABELS = (
    *("labels", "label", "targets", "target", "classes", "class", "category"),
    *("y", "arr_1"),
)
_CHANNELS = (1, 2, 3, 4)
_ENDS = "|".join(map(re.escape, SUFFIXES))


def arrays(path: Path | str, split: str = WHOLE) -> Points | Images:
    """Arrays of one file, or of one each for features, labels and, perhaps, ids.

    Feature vectors are an array (P, d) of numbers; one of bytes (P, height, width) or
    (P, height, width, channels) holds images.  In one .npz, .parquet or .csv the arrays
    are found by their names, see ``FEATURES``, ``LABELS`` and ``IDS``; in a table,
    feature vectors may also be columns whose names are numbered, as e0, e1, e2.

    Labels are numbers or names: the different ones, sorted, are the classes.  Ids are
    those of the files, else the row from 0 on, as "17", or "test/17" of a split.

    Args:
        path: Of the files, with commas between them.  "{split}" in it stands for the
            split; the names in an .npz may also have it, as x_train and y_train.
        split: "train" for files that name no split.

    Raises:
        InputError: Files that are missing, damaged, or do not fit each other; a split
            that there is none of.
    """
    text = str(path)
    files = [open_arrays(part) for part in _parts(text.replace(SPLIT, split))]
    name = files[0].path.stem
    if SPLIT in text:
        return _read(*_of_split(files, split), name, f"{split}/")
    if len(files) == 1 and (splits := _splits_in(files[0])):
        if split not in splits:
            raise NoSuchSplit(
                f"{files[0].path}: {unknown_name('split', split, splits)}"
            )
        return _read([splits[split]], None, f"{name} {split}", f"{split}/")
    parts, rows = _of_split(files, split)
    if rows is not None:
        return _read(parts, rows, f"{name} {split}", f"{split}/")
    if split != WHOLE:
        raise NoSuchSplit(
            f"arrays:{text} has no {split} set, all of it is the split {WHOLE!r}: "
            f"write {SPLIT} in the names of the files, as in x_{SPLIT}.npy"
        )
    return _read(parts, None, name, "")


@dataclass(frozen=True)
class Arrays(DataSource):
    """Your own arrays: feature vectors or images, labels and maybe ids."""

    name: ClassVar[str] = "arrays"
    says: ClassVar[str] = "your own arrays: embeddings or images, labels, ids"
    place: ClassVar[str] = "EMBEDDINGS.npy,LABELS.npy[,IDS]"
    test_split: ClassVar[str | None] = None

    path: Path | str

    def load(self, split: str) -> Points | Images:
        return arrays(self.path, split)


def _parts(text: str) -> list[Path]:
    """Paths that commas separate: one behind the end of a name that we read."""
    marked = re.sub(rf"(?i)({_ENDS}),", "\\1\0", text)
    paths = [expanded(part.strip()) for part in marked.split("\0")]
    odd = [path for path in paths if "," in path.name and not path.exists()]
    if len(paths) > 3 or odd:
        raise InputError(
            f"arrays:{text} must name one to three files: give {Arrays.place}, or one "
            ".npz or .parquet; names end in " + ", ".join(SUFFIXES)
        )
    return paths


def _splits_in(file: ArrayFile) -> dict[str, ArrayFile]:
    """The arrays of each split, where the names have it: x_train or train_x."""
    found: dict[str, dict[str, Any]] = {}

    def add(split: str, known: str, name: str) -> None:
        other = found.setdefault(split, {}).setdefault(known, name)
        if other != name:
            raise InputError(
                f"{file.path} has both {other!r} and {name!r}, the {known} of {split}: "
                "leave one of them out"
            )

    for name in file:
        low = name.lower()
        for known in (*FEATURES, *LABELS, *IDS):
            if low.startswith(f"{known}_") and len(known) + 1 < len(low):
                add(name[len(known) + 1 :], known, name)
            elif low.endswith(f"_{known}"):
                add(name[: -len(known) - 1], known, name)
    own = any(plain_names(name) & set(LABELS) for name in file)
    whole = {
        split: names
        for split, names in found.items()
        if any(one in names for one in FEATURES) and any(one in names for one in LABELS)
        # x_1 and y_1 beside labels are a point
        if not own or has_split_in(split)
    }
    return {
        split: ArrayFile(
            file.path,
            {k: file.readers[v] for k, v in names.items()},
            {k: file.written[v] for k, v in names.items() if v in file.written},
        )
        for split, names in whole.items()
    }


def _of_split(
    files: list[ArrayFile], split: str
) -> tuple[list[ArrayFile], Int[np.ndarray, " P"] | None]:
    """The part of files that is a split, and its rows, where a table tells the splits.

    Raises:
        InputError: None is of this split, or two tables differ.
    """
    told: list[tuple[ArrayFile, dict[str, Int[np.ndarray, " P"]]]] = []
    for i, file in enumerate(files):
        found = splits_by_rows(file)
        if found is not None:
            told.append((file, found.rows))
            files = [*files[:i], file.without(found.column), *files[i + 1 :]]
    if not told:
        return files, None
    first, splits = told[0]
    for file, others in told:
        if split not in others:
            raise NoSuchSplit(f"{file.path}: {unknown_name('split', split, others)}")
        if not np.array_equal(others[split], splits[split]):
            raise InputError(
                f"{first.path} and {file.path} have other rows of {split}: sort them "
                "alike"
            )
    count = sum(map(len, splits.values()))
    if len(splits[split]) == count:
        return files, None
    return [rows_in(file, splits[split], count) for file in files], splits[split]


def _read(
    files: list[ArrayFile],
    rows: Int[np.ndarray, " P"] | None,
    name: str,
    before: str,
) -> Points | Images:
    features, of_labels = files[0], files[min(1, len(files) - 1)]
    label_name = of_labels.named(LABELS)
    if label_name is None and len(files) == 1:
        raise InputError(
            f"{features.path} has no labels ({features.says()}): call them label, or "
            f"give {Arrays.place}"
        )
    named = [names_in(file) for file in files]
    columns = [None if one is None else one.column for one in named]
    label_name = _one(of_labels, label_name, "labels", columns[:2][-1])
    labels, names = classes_of(
        f"labels of {of_labels.path}", of_labels.labels(label_name)
    )
    own_label = label_name if len(files) == 1 else None
    feature_names, in_columns = _feature_names(features, {columns[0], own_label})
    points = _points(features, feature_names, in_columns)
    count = len(points)
    if count != len(labels):
        raise InputError(
            f"{count} examples in {features.path} and {len(labels)} labels in "
            f"{of_labels.path}: give one label per example"
        )
    found: list[tuple[str, ...]] = []
    if len(files) > 2:
        third = _one(files[2], columns[2], "ids")
        _check_ids(files[2], third, count)
        found.append(words_of(files[2], third))
    if len(files) > 1:
        _warn_of_other_labels(features, labels, names)
        used = Rows(features, set(feature_names)), Rows(of_labels, {label_name})
        named = _names_beside(used, named[:2], found[0] if found else None)
    if in_columns:
        column = None if named[0] is None else named[0].column
        _refuse_more(features, feature_names, {own_label, column})
    found += [
        _ids(file, one, count, before)
        for file, one in zip(files[:2], named, strict=True)
        if one is not None and _tells(one)
    ]
    in_file = range(count) if rows is None else rows.tolist()
    ids = found[0] if found else tuple(f"{before}{row}" for row in in_file)
    if not all(same_names(others, ids) for others in found):
        raise InputError(
            f"the ids in {' and '.join(str(file.path) for file in files)} are not the "
            "same in the same order: sort the files alike"
        )
    if points.ndim == 2:
        return Points(
            name, points, labels, ids, names, feature_names if in_columns else ()
        )
    if points.ndim == 3 and points.dtype == np.uint8:
        points = points[..., None]
    if points.ndim != 4 or points.dtype != np.uint8:
        raise InputError(
            f"{features.path} has {points.dtype} of shape {points.shape}: give feature "
            "vectors (P, d), or images as uint8 (P, height, width, channels)"
        )
    _refuse_channels_first(features.path, points)
    return Images(name, points, labels, ids, names)


def _warn_of_other_labels(
    file: ArrayFile, labels: Int[np.ndarray, " P"], names: tuple[str, ...]
) -> None:
    """Warn of labels beside features that are not those of the file of labels."""
    own = [name for name in file if plain_names(name) & set(LABELS)]
    cells = file.readable(own[0]) if len(own) == 1 else None
    if cells is None or cells.shape != labels.shape or cells.dtype.kind == "f":
        return
    words = cells.astype(str)
    differ = (words != np.array(names)[labels]) & (words != labels.astype(str))
    if differ.any() and not same_classes(words, labels):
        row = int(differ.argmax())
        warnings.warn(
            f"{file.path} has labels of its own, {own[0]!r}, and those of the other "
            f"file, which are taken, differ: in row {row}, {words[row]!r} here and "
            f"{names[labels[row]]!r} there; are the rows in one order?",
            DataWarning,
            stacklevel=5,
        )


def _tells(names: RowNames | None) -> bool:
    """Whether names say more than the order of the rows."""
    return names is not None and not (names.is_index and names.in_order)


def _names_beside(
    tables: tuple[Rows, Rows],
    named: list[RowNames | None],
    ids: tuple[str, ...] | None,
) -> list[RowNames | None]:
    """The names of the rows of features and labels, which are in files of their own.

    A column of one that holds the names of the other, or the ids of a third file, names
    its rows, whatever it is called.

    Raises:
        InputError: A table without names has a column that could name its rows.
    """
    if ids is None and not any(map(_tells, named)):
        common = common_names(*tables)
        named = common if any(common) else named
    telling = [one.names for one in named if one is not None and _tells(one)]
    known = next(iter(telling), None) if ids is None else ids
    of = None if known is None else _Known(known)
    found = list(named)
    for i, (rows, other) in enumerate((tables, tables[::-1])):
        if ids is None and not _tells(named[1 - i]):
            check_order(rows.file, named[i], other.file.path)
        if _tells(named[i]):
            continue
        if of is not None:
            found[i] = names_in(rows.file, of=of, taken=rows.used)
        if not _tells(found[i]):
            index = [one.column for one in (named[i],) if one is not None]
            check_columns_beside(rows.file, {*rows.used, *index}, of)
    return found


@dataclass(frozen=True)
class _Known:
    """The ids that rows are known to have."""

    ids: tuple[str, ...]


def _refuse_channels_first(path: Path, images: np.ndarray) -> None:
    """Refuse images as torch has them, which would be of few rows and many channels."""
    if images.shape[1] in _CHANNELS and images.shape[3] not in _CHANNELS:
        raise InputError(
            f"{path} has images of shape {images.shape}, channels first as in torch: "
            "give (P, height, width, channels), numpy.transpose(images, (0, 2, 3, 1))"
        )


def _one(file: ArrayFile, name: str | None, what: str, taken: str | None = None) -> str:
    """The name that is given, or the only one of an array that is not taken."""
    left = [one for one in file if one != taken]
    if name is None and len(left) == 1:
        name = left[0]
    if name is None:
        raise InputError(
            f"{file.path} {file.says()}: which are the {what}? Call them {what}, or "
            "leave the others out"
        )
    return name


def _feature_names(
    file: ArrayFile, taken: Collection[str | None]
) -> tuple[tuple[str, ...], bool]:
    """The array of feature vectors, or the columns of them, and whether it is these.

    Columns are in the order of their numbers, whatever their order in the file, so that
    two splits have the same.
    """
    name = file.named(FEATURES)
    others = [one for one in file if one not in taken]
    if name is None and len(others) == 1:
        name = others[0]
    if name is not None:
        return (name,), False
    groups: dict[str, list[str]] = {}
    for one in others:
        if said := re.fullmatch(r"(.*?)\d+", one):
            groups.setdefault(said[1], []).append(one)
    numbered = {head: names for head, names in groups.items() if len(names) > 1}
    if len(numbered) != 1:
        raise InputError(
            f"{file.path} {file.says()}: which are the feature vectors? Call them "
            "embeddings, or number the columns e0, e1, e2"
        )
    ((head, found),) = numbered.items()
    return tuple(sorted(found, key=lambda one: (int(one[len(head) :]), one))), True


def _points(file: ArrayFile, names: tuple[str, ...], columns: bool) -> np.ndarray:
    """The feature vectors of one array, or of a column each."""
    if not columns:
        return file[names[0]]
    return np.stack([_numbers(file, one) for one in names], axis=1)


def _refuse_more(
    file: ArrayFile, names: Sequence[str], taken: Collection[str | None]
) -> None:
    """Refuse numbers beside numbered columns of feature vectors."""
    others = [one for one in file if one not in names and one not in taken]
    more = [one for one in others if _is_feature(file, one)]
    if more:
        raise InputError(
            f"{file.path} has feature vectors {names[0]}, {names[1]}, ... and numbers "
            f"in {more[0]!r}: leave that column out, or number it with the others"
        )


def _is_feature(file: ArrayFile, name: str) -> bool:
    """Whether a column holds numbers, and its name says nothing else of them."""
    cells, known = file.readable(name), plain_names(name) & {*LABELS, *IDS, *ROWS}
    if cells is None or known:
        return False
    return cells.ndim == 1 and cells.dtype.kind in "iuf"


def _numbers(file: ArrayFile, name: str) -> np.ndarray:
    column = file[name]
    if column.ndim != 1 or column.dtype.kind not in "iufb":
        raise InputError(f"{file.path}: the column {name!r} does not hold numbers")
    return column


def _ids(file: ArrayFile, given: RowNames, count: int, before: str) -> tuple[str, ...]:
    """Ids of a table; the numbers of an index with the split before them."""
    _check_ids(file, given.column, count, given.is_index)
    if given.is_index and given.numbers is not None:
        if len(set(given.names)) < count:
            raise InputError(
                f"{file.path}: its index has a number twice, as of tables that were "
                "joined: number the rows anew (pandas: reset_index(drop=True))"
            )
        return tuple(f"{before}{one}" for one in given.names)
    return given.names


def _check_ids(file: ArrayFile, name: str, count: int, is_index: bool = False) -> None:
    values = file.labels(name)
    whole = "iuUf" if is_index else "iuU"  # whole floats, see named_rows
    plain = values.dtype.kind in whole or name in file.written  # as it is written
    if values.ndim != 1 or not plain:
        raise InputError(
            f"{file.path}: ids must be a list of names or whole numbers, got "
            f"{values.dtype} of shape {values.shape}"
        )
    if len(values) != count:
        raise InputError(f"{file.path}: {len(values)} ids for {count} examples")
