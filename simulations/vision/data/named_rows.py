"""Which examples the rows of a table are of: ids and an index are read in one way.

Features, labels and scores in files of other programs, whichever they are, name their
rows by a column of ids or by an index, as pandas writes one.  Where the names can be
read in two ways that differ, they are refused: no reading is guessed.  A column of any
other header whose cells name all examples has the ids, too.  What else may name rows is
refused, see :mod:`.beside`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Int

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning

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
    *("img_index", "img_idx"),
)
"""What an index is called: numbers of rows, or names of examples."""
_FILES = re.compile("file|path|name")  # what columns of names of files are called


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
        return numbers is not None and are_counted(numbers)


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
    left = file.without(*taken)
    columns = _usual(left)
    if of is not None:
        column = _naming(left, of, columns)
    else:
        column = columns[0] if columns else None
        if len(columns) > 1:
            _ = left.named(IDS)  # refuses two
    if column is not None:
        return RowNames(column, words_of(left, column))
    return index_of(left)


def own_names(file: ArrayFile, taken: Collection[str | None]) -> RowNames | None:
    """The ids of a table that stands for itself, in a column of text of any name.

    Args:
        file: The table, which has none of a usual name.
        taken: Columns that hold something else.

    Warns:
        DataWarning: Numbers might be the ids, and are not taken.

    Raises:
        InputError: Several columns could be the ids.
    """
    keys = [name for name in file if name not in taken and _is_key(file, name)]
    found = [name for name in keys if file[name].dtype.kind == "U"]
    if len(found) > 1:  # captions are no names of files
        found = [name for name in found if _are_files(file[name])] or found
    if len(found) > 1:
        raise InputError(
            f"{file.path}: {found[0]!r} and {found[1]!r} are other ones in each row: "
            "which are the ids? Call them id, or leave the other out"
        )
    if found:
        return RowNames(found[0], words_of(file, found[0]))
    if keys:
        warnings.warn(
            f"{file.path} has no ids, and its rows are numbered: call {keys[0]!r} id "
            "if it names them",
            DataWarning,
            stacklevel=4,
        )
    return None


def _are_files(cells: np.ndarray) -> bool:
    """Whether all cells look like names of files."""
    return all(re.search(r"[/\\]|\.[A-Za-z]{2,5}$", one) for one in cells.tolist())


def _is_key(file: ArrayFile, name: str) -> bool:
    cells = file.readable(name)
    return cells is not None and could_name(cells)


def _usual(file: ArrayFile) -> list[str]:
    """The columns with a usual name of one of ids.

    Of several, those that repeat (a name of a class), or number the lines, are none.
    """
    named = [name for name in file if plain_names(name) & set(IDS)]
    if len(named) < 2:
        return named
    keys = [name for name in named if _is_key(file, name)]
    return keys or named


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
    numbers = names.numbers
    if numbers is not None and _are_numbered(of.ids):  # 17 is test/00017
        rows = {int(last_part(one)): i for i, one in enumerate(of.ids)}
        placed = np.array([rows.get(one, -1) for one in numbers.tolist()])
        if names.in_order and len(placed) == len(known) and (placed < 0).any():
            return numbers  # of some classes of a numbered set
        return placed
    by_name = by_file_name(names.names, of, where)
    if by_name is None and numbers is None:  # each class has a 1.png
        return np.array([_place(one, known) for one in names.names])
    if numbers is not None and names.is_index and are_counted(numbers - 1):
        numbers = numbers - 1 if len(numbers) == len(known) else numbers  # as of R
    if numbers is None or max(numbers, default=0) >= len(known):
        return np.array(found) if by_name is None else by_name
    if by_name is None or np.array_equal(by_name, numbers):
        return numbers
    if not names.is_index and _FILES.search(names.column.lower()):
        return by_name
    if names.in_order and len(numbers) == len(known) and (by_name < 0).any():
        return numbers
    i = int((by_name != numbers).argmax())
    named = f"{of.ids[by_name[i]]!r}" if by_name[i] >= 0 else "no file"
    raise InputError(
        f"{where}: {shown(names.column)} may number the rows or name files: "
        f"{names.names[i]} is {of.ids[numbers[i]]!r} as a row, {named} as a name: give "
        f"whole ids, such as {of.ids[0]!r}"
    )


def _place(name: str, known: Mapping[str, int]) -> int:
    """The row of an id behind other folders, of any system; -1 of none.

    ./cat/1.png, and H/train/cat/1.png, are cat/1.png.
    """
    parts = name.replace("\\", "/").split("/")
    for start in range(len(parts) - 1):  # not the file name alone
        row = known.get("/".join(parts[start:]))
        if row is not None:
            return row
    return -1


def index_of(file: ArrayFile) -> RowNames | None:
    """The index of a table: whole numbers, or names of its rows."""
    found: list[RowNames] = []
    numbered = sum(re.fullmatch(r"column \d+", name) is not None for name in file)
    for column in file:
        known = not plain_names(column).isdisjoint(ROWS)
        if not known or (column == INDEX and numbered > 1):
            continue
        cells = whole_numbers(file[column])
        if cells.ndim == 1 and cells.dtype.kind in "iuU":
            found.append(RowNames(column, words_of(file, column)))
    other = next((one for one in found if one.names != found[0].names), None)
    if other is not None:
        raise InputError(
            f"{file.path} numbers its rows twice, by {shown(found[0].column)} and by "
            f"{shown(other.column)}: leave one of them out"
        )
    return found[0] if found else None


def _naming(file: ArrayFile, of: Named, usual: Sequence[str]) -> str | None:
    """The column that names examples, whatever it is called; of most of them.

    Args:
        file: The table.
        of: What its rows are of.
        usual: The columns with the usual name of one of ids.

    Warns:
        DataWarning: Lines are numbered in another order than their names have.

    Raises:
        InputError: Two columns name all, in other orders.
    """
    places: dict[str, np.ndarray] = {}
    for name in file:
        cells = file.readable(name)
        if name in usual or cells is None or cells.ndim != 1:
            continue
        if cells.dtype.kind == "U" or could_name(cells):
            rows = rows_of(RowNames(name, words_of(file, name)), of, file.path)
            if cells.dtype.kind == "U" or (rows >= 0).all():
                places[name] = rows
    all_ = {name: rows for name, rows in places.items() if _name_each(rows)}
    usual_rows = {
        name: rows_of(RowNames(name, words_of(file, name)), of, file.path)
        for name in usual
    }
    if all_ and usual:
        # a key of another program, or no more than the order itself
        for name, rows in list(usual_rows.items()):
            if RowNames(name, words_of(file, name)).in_order:
                _warn_of_order(file, name, next(iter(all_.items())), rows)
                del usual_rows[name]
            elif (rows < 0).all():
                del usual_rows[name]
    good = {name: rows for name, rows in usual_rows.items() if (rows >= 0).any()}
    if usual_rows:
        best: str | None = next(iter(good or usual_rows))
        places = all_ | good
    else:
        known = {name: int((found >= 0).sum()) for name, found in places.items()}
        best = max(known, key=known.__getitem__, default=None)
        if best is None or not known[best]:
            return None
    chosen = (places | usual_rows)[best]
    for name, found in places.items():
        if _name_each(found) and not np.array_equal(found, chosen):
            raise InputError(
                f"{file.path}: the columns {best} and {name} both name examples, in "
                "different orders: leave one of them"
            )
    return best


def _name_each(rows: Int[np.ndarray, " P"]) -> bool:
    """Whether rows are all known, and each is another one."""
    return bool((rows >= 0).all()) and len(set(rows.tolist())) == len(rows)


def _warn_of_order(
    file: ArrayFile,
    index: str,
    named: tuple[str, Int[np.ndarray, " P"]],
    rows: Int[np.ndarray, " P"],
) -> None:
    name, found = named
    if not np.array_equal(found, rows):
        warnings.warn(
            f"{file.path}: its lines are of the examples that {name!r} names, and not "
            f"of the rows that {index!r} counts: leave {name!r} out if that is wrong",
            DataWarning,
            stacklevel=6,
        )


def could_name(cells: np.ndarray) -> bool:
    """Whether cells are text, or whole numbers, of which all are different.

    Running numbers are no more than the order, and mixed ones may rank the rows.
    """
    cells = whole_numbers(cells)
    if cells.ndim != 1 or len(set(cells.tolist())) < max(len(cells), 2):
        return False
    if cells.dtype.kind in "iu":
        return not (are_mixed(cells) or are_counted(cells - cells[0]))
    return cells.dtype.kind in "UM"


def whole_numbers(cells: np.ndarray) -> np.ndarray:
    """Whole numbers of a table that had gaps once, and so made floats of them."""
    whole = cells.dtype.kind == "f" and np.array_equal(cells, np.rint(cells))
    return (
        cells.astype(np.int64) if whole and abs(cells).max(initial=0) < 2**53 else cells
    )


def words_of(file: ArrayFile, column: str) -> tuple[str, ...]:
    """Cells as they are written, but whole numbers as such."""
    return _as_text(whole_numbers(file.labels(column)))


def by_file_name(
    names: Sequence[str], of: Named, where: object
) -> Int[np.ndarray, " P"] | None:
    """The rows by unique file names; None if they are not unique, or none is there."""
    stems = {stem_of(one): i for i, one in enumerate(of.ids)}
    found = [stems.get(stem_of(one), -1) for one in names]
    if len(stems) < len(of.ids) or max(found, default=-1) < 0:
        return None
    folders = set().union(*map(folders_of, of.ids))
    for name, row in zip(names, found, strict=True):
        if row < 0:
            continue
        given, own = folders_of(name), folders_of(of.ids[row])
        splits = given & SPLIT_NAMES, own & SPLIT_NAMES
        if not given & folders <= own or (all(splits) and splits[0] != splits[1]):
            raise InputError(
                f"{where}: {name!r} is in another folder than the example of its file "
                f"name, {of.ids[row]!r}: give the ids as they are there"
            )
    return np.array(found)


def folders_of(path: str) -> set[str]:
    """The folders in a path of any system, in small letters."""
    return set(path.strip().lower().replace("\\", "/").split("/")[:-1]) - {""}


def _are_numbered(ids: Sequence[str]) -> bool:
    """Whether ids are numbers of rows in one split, as test/17."""
    heads = {one.rpartition("/")[0] for one in ids}
    return len(heads) == 1 and all(last_part(one).isdecimal() for one in ids)


def _as_text(ids: np.ndarray) -> tuple[str, ...]:
    return tuple(str(one) for one in ids.ravel().tolist())


def are_counted(numbers: np.ndarray) -> bool:
    """Whether these are 0, 1, 2, ..."""
    return np.array_equal(numbers, np.arange(len(numbers)))


def are_mixed(numbers: np.ndarray) -> bool:
    """Whether these are all numbers from 0 or 1 on, in another order."""
    first = min(numbers, default=2)
    return (
        first in (0, 1)
        and are_counted(np.sort(numbers) - first)
        and not are_counted(numbers - first)
    )


def some_of(numbers: np.ndarray) -> str:
    """The first few numbers, for messages."""
    return ", ".join(map(str, numbers[:4].tolist())) + ", ..." * (len(numbers) > 4)


def shown(column: str) -> str:
    """A column, for messages."""
    return "the index" if column == INDEX else f"the column {column!r}"
