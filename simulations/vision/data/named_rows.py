"""Which examples the rows of a table are of: ids and an index are read in one way.

Features, labels and scores in files of other programs, whichever they are, name their
rows by a column of ids or by an index, as pandas writes one.  Where the names can be
read in two ways that differ, they are refused: no reading is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError

from ...csv_files import last_part, stem_of
from .array_files import INDEX, ArrayFile, plain_names
from .folder_splits import SPLIT_NAMES

IDS = (
    *("ids", "id", "example_id", "example_ids", "image_id", "names", "name"),
    *("paths", "path", "filenames", "filename", "file_name", "arr_2"),
    *("files", "file", "file_path", "filepath", "image_path", "image_name"),
    *("sample_id", "sample_ids", "sample_name", "example_name", "image_ids"),
    *("img_id", "img_name", "img_path", "image_file", "uid", "uuid"),
)
"""What a column of ids is called, in small letters."""
ROWS = (
    *("index", "idx", "row", "rows", "unnamed: 0", INDEX),
    *("row_id", "row_number", "sample_index", "sample_idx"),
    *("example_index", "example_idx", "image_index", "image_idx"),
)
"""What an index is called: numbers of rows, or names of examples."""
_FILES = re.compile("file|path|img|image|name")  # what columns of files are called
_SPLIT = "split"
_SPLITS = (_SPLIT, "subset", "partition", "set")


class Named(Protocol):
    """What has ids: a data set, or scores of one."""

    @property
    def ids(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class RowNames:
    """The names of the rows of a table, and the column that they stand in."""

    column: str
    names: tuple[str, ...]

    @property
    def is_index(self) -> bool:
        """Whether they are an index, not ids."""
        return not plain_names(self.column).isdisjoint(ROWS)

    @property
    def numbers(self) -> Int[np.ndarray, " P"] | None:
        """The names as numbers of rows; None if one is another name, such as 007."""
        if not all(one.isdecimal() and str(int(one)) == one for one in self.names):
            return None
        return np.array([int(one) for one in self.names])

    @property
    def in_order(self) -> bool:
        """Whether they are 0, 1, 2, ...: no more than the order itself."""
        numbers = self.numbers
        return numbers is not None and _are_counted(numbers)


def names_in(
    file: ArrayFile,
    *,
    of: Named | None = None,
    taken: Collection[str | None] = (),
) -> RowNames | None:
    """The names of the rows of a file: its ids, else its index; None without them.

    Args:
        file: The table.
        of: What its rows are of; then ids may be in a column of any name, if most of
            its cells are ids of that.
        taken: Columns that hold something else.

    Raises:
        InputError: Several columns may be the ids.
    """
    if len(file) < 2:  # no more than the values themselves
        return None
    left = ArrayFile(
        file.path, {name: file.readers[name] for name in file if name not in taken}
    )
    column = left.named(IDS) or (None if of is None else _naming(left, of))
    if column is not None:
        return RowNames(column, _as_text(file[column]))
    return _index_of(left)


def check_order(file: ArrayFile, names: RowNames | None, beside: object) -> None:
    """Refuse rows that an index puts in another order, beside rows without names.

    Whether the other rows are in the order of the index or in that of the file, nothing
    tells.

    Args:
        file: The table.
        names: Of its rows.
        beside: The file, or the data set, whose rows have no names.

    Raises:
        InputError: The names are the numbers of all rows, from 0 or 1 on, in another
            order.
    """
    for one in (names, _index_of(file)):
        numbers = None if one is None else one.numbers
        if numbers is not None and _are_mixed(numbers):
            raise InputError(
                f"{file.path}: its rows are numbered {_some(numbers)} "
                f"({_shown(one.column)}), and those of {beside} have no names: write "  # type: ignore[union-attr] # it has numbers
                "it in the order of the rows, without that column (pandas: sort_index()"
                " if the numbers are rows, then to_csv(index=False))"
            )


def check_columns_beside(file: ArrayFile, used: Collection[str | None]) -> None:
    """Refuse a table without names of rows that has their numbers in some column.

    Raises:
        InputError: A column that is used for nothing else holds the numbers of all
            rows in another order; one that ranks them is none.
    """
    for name in file:
        if len(file) < 2 or name in used or "rank" in name.lower():
            continue
        column = file[name]
        if column.ndim == 1 and column.dtype.kind in "iu" and _are_mixed(column):
            raise InputError(
                f"{file.path} has no ids, and {name!r} holds the numbers "
                f"{_some(column)}, all rows in another order: call it index if it says "
                "which examples they are, or leave it out"
            )


def rows_of(names: RowNames, of: Named, where: object) -> Int[np.ndarray, " P"]:
    """The rows that names stand for; -1 of foreign ones.

    They are found by id, with folders of any system, else by file name, where every one
    is there once, else as numbers of rows.

    Args:
        names: Of the rows of a table.
        of: What has the ids.
        where: The table, for messages.

    Raises:
        InputError: They are numbers of rows and names of files, of other examples each;
            or a file of the same name is in the folder of another class or split.
    """
    known = {one: i for i, one in enumerate(of.ids)}
    found = [
        known.get(one, known.get(one.replace("\\", "/"), -1)) for one in names.names
    ]
    if max(found, default=-1) >= 0:
        return np.array(found)
    by_name = _by_file_name(names.names, of, where)
    numbers = names.numbers
    if numbers is None or max(numbers, default=0) >= len(known):
        return np.array(found) if by_name is None else by_name
    if by_name is None or np.array_equal(by_name, numbers):
        return numbers
    if _are_numbered(of.ids) or _FILES.search(names.column.lower()):
        return by_name
    i = int((by_name != numbers).argmax())
    named = f"{of.ids[by_name[i]]!r}" if by_name[i] >= 0 else "no file"
    raise InputError(
        f"{where}: {_shown(names.column)} may number the rows or name files: "
        f"{names.names[i]} is {of.ids[numbers[i]]!r} as a row, {named} as a name: give "
        f"whole ids, such as {of.ids[0]!r}"
    )


def splits_by_rows(file: ArrayFile) -> dict[str, np.ndarray]:
    """The rows of each split, where a column says of which one each row is."""
    for name in file:
        if name.lower() not in _SPLITS:
            continue
        cells = file[name]
        if cells.ndim != 1 or cells.dtype.kind not in "iuU":
            continue
        words = cells.astype(str)
        known = SPLIT_NAMES.intersection(map(str.lower, np.unique(words).tolist()))
        if name.lower() == _SPLIT or known:
            return {str(one): np.flatnonzero(words == one) for one in np.unique(words)}
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


def _index_of(file: ArrayFile) -> RowNames | None:
    """The index of a table: whole numbers, or names of its rows."""
    found: list[RowNames] = []
    numbered = sum(re.fullmatch(r"column \d+", name) is not None for name in file)
    for column in file:
        known = not plain_names(column).isdisjoint(ROWS)
        if not known or (column == INDEX and numbered > 1):
            continue
        cells = file[column]
        if cells.dtype.kind == "f" and np.array_equal(cells, np.rint(cells)):
            cells = cells.astype(np.int64)  # of a table that had gaps once
        if cells.ndim == 1 and cells.dtype.kind in "iuU":
            found.append(RowNames(column, _as_text(cells)))
    other = next((one for one in found if one.names != found[0].names), None)
    if other is not None:
        raise InputError(
            f"{file.path} numbers its rows twice, by {_shown(found[0].column)} and by "
            f"{_shown(other.column)}: leave one of them out"
        )
    return found[0] if found else None


def _naming(file: ArrayFile, of: Named) -> str | None:
    """A column of text that names examples, whatever it is called; of most of them.

    Raises:
        InputError: Two columns name all, in other orders.
    """
    places: dict[str, np.ndarray] = {}
    for name in file:
        cells = file[name]
        if cells.dtype.kind == "U" and cells.ndim == 1 and cells.size:
            places[name] = rows_of(RowNames(name, _as_text(cells)), of, file.path)
    known = {name: int((found >= 0).sum()) for name, found in places.items()}
    best = max(known, key=known.__getitem__, default=None)
    if best is None or not known[best]:
        return None
    for name, found in places.items():
        if known[name] == len(found) and not np.array_equal(found, places[best]):
            raise InputError(
                f"{file.path}: the columns {best} and {name} both name examples, in "
                "different orders: leave one of them"
            )
    return best


def _by_file_name(
    names: Sequence[str], of: Named, where: object
) -> Int[np.ndarray, " P"] | None:
    """The rows by unique file names; None if they are not unique, or none is there."""
    stems = {stem_of(one): i for i, one in enumerate(of.ids)}
    found = [stems.get(stem_of(one), -1) for one in names]
    if len(stems) < len(of.ids) or max(found, default=-1) < 0:
        return None
    folders = set(map(_folder, of.ids)) - {""}
    for name, row in zip(names, found, strict=True):
        given, own = _folder(name), _folder(of.ids[row]) if row >= 0 else ""
        splits = {given.lower(), own.lower()} <= SPLIT_NAMES
        if row >= 0 and given != own and (given in folders or splits):
            raise InputError(
                f"{where}: {name!r} is in another folder than the example of its file "
                f"name, {of.ids[row]!r}: give the ids as they are there"
            )
    return np.array(found)


def _folder(path: str) -> str:
    """The last folder of a path of any system; "" without one."""
    path = path.strip()
    return last_part(path[: -len(last_part(path)) - 1])


def _are_numbered(ids: Sequence[str]) -> bool:
    """Whether ids are numbers of rows in one split, as test/17."""
    heads = {one.rpartition("/")[0] for one in ids}
    return len(heads) == 1 and all(last_part(one).isdecimal() for one in ids)


def _as_text(ids: np.ndarray) -> tuple[str, ...]:
    return tuple(str(one) for one in ids.ravel().tolist())


def _are_counted(numbers: np.ndarray) -> bool:
    return np.array_equal(numbers, np.arange(len(numbers)))


def _are_mixed(numbers: np.ndarray) -> bool:
    """Whether these are all numbers from 0 or 1 on, in another order."""
    first = min(numbers, default=2)
    return (
        first in (0, 1)
        and _are_counted(np.sort(numbers) - first)
        and not _are_counted(numbers - first)
    )


def _some(numbers: np.ndarray) -> str:
    return ", ".join(map(str, numbers[:4].tolist())) + ", ..." * (len(numbers) > 4)


def _shown(column: str) -> str:
    return "the index" if column == INDEX else f"the column {column!r}"
