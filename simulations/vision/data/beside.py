"""What a table must agree on with what its rows are put beside, in their order.

Rows are taken in their order only where nothing in their table could say otherwise.
Beside a data set, or another table, these could:

- a column of text, or of whole numbers, that are all different, and name no example;
- numbers of all rows in another order than 0, 1, 2, ...;
- names of files that are there several times, each in the folder of another class;
- a column that two tables both have, with other cells.

They are refused, and nothing is guessed.  A column whose name has the word rank, of
numbers, ranks the rows.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from perceptron_theory import InputError

from ...csv_files import stem_of
from .array_files import ArrayFile
from .named_rows import (
    Named,
    RowNames,
    are_counted,
    are_mixed,
    by_file_name,
    could_name,
    index_of,
    shown,
    some_of,
    whole_numbers,
    words_of,
)


@dataclass(frozen=True)
class Rows:
    """Rows of a table that are put beside those of another one."""

    file: ArrayFile
    used: Collection[str | None]
    """Columns that hold features or labels."""

    def all_left(self) -> dict[str, np.ndarray]:
        """The other columns that can be read, one cell a row."""
        names = [name for name in self.file if name not in self.used]
        found = {name: self.file.readable(name) for name in names}
        return {n: x for n, x in found.items() if x is not None and x.ndim == 1}

    def left(self) -> dict[str, np.ndarray]:
        """Those of text, whole numbers or dates."""
        cells = {name: whole_numbers(one) for name, one in self.all_left().items()}
        return {name: one for name, one in cells.items() if one.dtype.kind in "iuUM"}


def common_names(one: Rows, other: Rows) -> list[RowNames | None]:
    """The names of the rows of two tables by a column that could name those of both.

    Raises:
        InputError: A column that both have, or that names rows in both, has others.
    """
    for name in one.all_left().keys() & other.all_left().keys():
        _check_same(one.file, other.file, name)
    ours, theirs = one.left(), other.left()
    pairs = [(name, name) for name in ours if name in theirs]
    pairs += [(a, b) for a in ours for b in theirs if a != b]
    for a, b in pairs:
        found = RowNames(a, words_of(one.file, a)), RowNames(b, words_of(other.file, b))
        keys = [[_key(name) for name in names.names] for names in found]
        sets = [set(words) for words in keys]
        if all(_number_all(cells) for cells in (ours[a], theirs[b])):
            continue
        if any(len(s) < len(f.names) for s, f in zip(sets, found, strict=True)):
            _check_groups(one.file, other.file, (a, b), keys)
            continue
        if sets[0] == sets[1]:
            return list(found)
        if theirs[b].dtype.kind == "U" and 2 * len(sets[0] & sets[1]) >= len(sets[0]):
            only = min(sets[0] ^ sets[1])
            raise InputError(
                f"{one.file.path} and {other.file.path} name rows by {shown(a)} and "
                f"{shown(b)}, and {only!r} is in one of them only: give both the same "
                "rows in the same order"
            )
    return [None, None]


def _key(name: str) -> str:
    """What is alike of two spellings of a name: d1/IM3.png and im3, 0017 and 17."""
    stem = stem_of(name.strip()).lower()
    return str(int(stem)) if stem.isdecimal() else stem


def same_names(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether names are of the same rows in the same order, however spelled."""
    if list(one) == list(other):
        return True
    keys = [[_key(name) for name in names] for names in (one, other)]
    return keys[0] == keys[1] and len(set(keys[0])) == len(one)


def _check_groups(
    one: ArrayFile, other: ArrayFile, names: tuple[str, str], keys: list[list[str]]
) -> None:
    """Refuse groups of rows, such as patients, that two tables have in two orders.

    Raises:
        InputError: The same words, three or more, as often each, in another order.
    """
    few = len(set(keys[0])) < 3 or all(word.isdecimal() for word in keys[0])
    if keys[0] != keys[1] and not few and Counter(keys[0]) == Counter(keys[1]):
        raise InputError(
            f"{shown(names[0])} of {one.path} and {shown(names[1])} of {other.path} "
            "have the same words in another order: sort the files alike, or leave one "
            "of them out"
        )


def _check_same(one: ArrayFile, other: ArrayFile, name: str) -> None:
    """Refuse a column of two tables that is another one in each.

    Raises:
        InputError: It is, and holds not just the same names in another order.
    """
    ours, theirs = words_of(one, name), words_of(other, name)
    if len(ours) != len(theirs) or ours == theirs:  # counts are compared elsewhere
        return
    keys = len(set(ours)) == len(ours) and set(ours) == set(theirs)
    if keys and whole_numbers(one[name]).dtype.kind in "iuUM":
        return
    row = next(i for i, cell in enumerate(ours) if cell != theirs[i])
    raise InputError(
        f"{one.path} and {other.path} both have {shown(name)}, which differs in row "
        f"{row}, {ours[row]!r} and {theirs[row]!r}: sort the files alike, or leave "
        "that column out of one"
    )


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
    for one in (names, index_of(file)):
        numbers = None if one is None else one.numbers
        if one is not None and numbers is not None and are_mixed(numbers):
            raise InputError(
                f"{file.path}: its rows are numbered {some_of(numbers)} "
                f"({shown(one.column)}), and those of {beside} have no names: write "
                "it in the order of the rows, without that column (pandas: sort_index()"
                " if the numbers are rows, then to_csv(index=False))"
            )


def check_columns_beside(
    file: ArrayFile, used: Collection[str | None], of: Named | None = None
) -> None:
    """Refuse a table without names of rows that has them in some column all the same.

    Args:
        file: The table.
        used: Columns that hold something else.
        of: What the rows would be taken in the order of, if it has names.

    Raises:
        InputError: A column that is used for nothing else could name the rows.
    """
    if len(file) < 2:
        return
    for name, cells in Rows(file, used).left().items():
        if cells.dtype.kind != "U" and "rank" in re.split(r"[^a-z]+", name.lower()):
            continue
        if of is not None and could_name(cells):
            raise InputError(
                f"{file.path} has no ids, and {name!r} is another one in each row, as "
                f"{str(cells[0])!r}, which names no example (their ids look like "
                f"{of.ids[0]!r}): leave that column out if the rows are in order, or "
                "write the ids there"
            )
        if cells.dtype.kind in "iu" and are_mixed(cells):
            raise InputError(
                f"{file.path} has no ids, and {name!r} holds the numbers "
                f"{some_of(cells)}, all rows in another order: call it index if it "
                "says which examples they are, or leave it out"
            )
        if of is not None and _name_files(RowNames(name, words_of(file, name)), of):
            raise InputError(
                f"{file.path} has no ids, and {name!r} holds names of files, as "
                f"{str(cells[0])!r}, in another order than the examples, or of "
                f"several examples each: write whole ids there, such as {of.ids[0]!r}, "
                "or leave it out"
            )


def _name_files(names: RowNames, of: Named) -> bool:
    """Whether cells that name no one example each are names of files all the same."""
    rows = by_file_name(names.names, of, "")
    if rows is not None and (rows >= 0).all():
        return not are_counted(rows)
    files, cells = Counter(map(stem_of, of.ids)), Counter(map(stem_of, names.names))
    if names.numbers is not None:
        return max(cells.values()) > 1 and cells == files
    return 2 * sum(n for one, n in cells.items() if one in files) > len(names.names)


def _number_all(cells: np.ndarray) -> bool:
    """Whether these are the numbers of all rows, in any order."""
    if cells.dtype.kind not in "iu":
        return False
    return are_mixed(cells) or any(are_counted(cells - first) for first in (0, 1))
