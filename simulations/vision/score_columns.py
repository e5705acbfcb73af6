"""Columns of tables of text that may hold scores, and the numbers in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perceptron_theory import InputError

from ..csv_files import CsvTable

SCORES = ("score", "scores", "value", "values")
"""What a column of scores is called by itself, in small letters."""
EMPTY = ("", "na", "n/a", "#n/a", "null", "none")
"""Cells that hold nothing, in small letters."""
_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)


def check_filled(table: CsvTable, name: str, path: Path) -> None:
    """Refuse a column with empty cells.

    Raises:
        InputError: one is empty; the message says in which line.
    """
    cells = zip(table.lines, table.columns[name], strict=True)
    for line, cell in cells:
        if not cell.strip():
            raise InputError(f"{path}: line {line} has no {name}, the cell is empty")


def _number(cell: str) -> float:
    if "_" in cell:  # 1_000 is a number in Python only
        raise ValueError
    return float(cell)


def may_be_scores(name: str, cells: Sequence[str]) -> bool:
    """Whether a column is of numbers, some missing perhaps, and no running number."""
    cells = [cell.strip() for cell in cells if cell.strip().lower() not in EMPTY]
    try:
        values = [_number(one) for one in cells if not _COMMA.fullmatch(one)]
    except ValueError:
        return False
    if not cells or len(values) < len(cells) or not np.isfinite(values).all():
        return bool(cells)
    if name.lower() in SCORES:
        return True
    # pandas writes its index without a name, in whatever order the rows are
    in_order = sorted(values) if re.fullmatch(r"column \d+", name) else values
    first = in_order[0]
    running = np.array_equal(in_order, np.arange(first, first + len(values)))
    return not (running and first in (0, 1) and all(map(str.isdigit, cells)))


def numbers_of(table: CsvTable, column: str, path: Path) -> list[float]:
    """The numbers of a column.

    Raises:
        InputError: a cell is empty, or is none; the message says in which line.
    """
    found = []
    for line, cell in zip(table.lines, table.columns[column], strict=True):
        why = why_no_number(cell)
        if why is not None:
            raise InputError(f"{path}: line {line} of the column {column} {why}")
        found.append(_number(cell.strip()))
    return found


def why_no_number(cell: str) -> str | None:
    """Why a cell holds no score, as the end of a sentence; None if it is a number."""
    cell = cell.strip()
    if cell.lower() in EMPTY:
        return f"is empty{f' ({cell})' if cell else ''}: give every example a score"
    try:
        _number(cell)
    except ValueError:
        hint = ": write points, not commas" if _COMMA.fullmatch(cell) else ""
        return f"is {cell!r}, not a number{hint}"
    return None
