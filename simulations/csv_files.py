"""Tables of text from other programs: CSV with commas, semicolons, tabs or bars."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from typing import NamedTuple

from perceptron_theory import InputError
from perceptron_theory.errors import DataWarning
from perceptron_theory.text_files import read_text

_DELIMITERS = ",;\t|"
_SAMPLE = 20  # lines that tell the delimiter


class CsvTable(NamedTuple):
    """The cells of a table as text, by column."""

    columns: dict[str, list[str]]
    lines: list[int]
    """Where each row ends in the file, from 1 on."""


def read_csv(path: Path, what: str) -> CsvTable:
    """Read a table with a header; a column without a name is called by its number.

    A last column without a name and without a cell, as of lines that end in a
    separator, is none.

    Args:
        path: of the file.
        what: it should be, for messages: "CSV file of scores".

    Raises:
        InputError: no such file, no text, no rows, columns of one name, a row of
            another length than the header, or numbers in place of a header.
    """
    try:
        text = read_text(path)
    except (OSError, InputError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path} is not a {what} ({why})") from error
    said = re.match(r"sep=(.)\n", text)  # the first line where Excel wrote it
    text = text[said.end() :] if said else text
    reader = csv.reader(
        io.StringIO(text),
        delimiter=said[1] if said else delimiter_of(text),
        strict=True,
    )
    skipped = 1 if said else 0
    try:
        rows = [(reader.line_num + skipped, row) for row in reader if row]
    except csv.Error as error:
        raise InputError(
            f"{path} is not a {what} (line {reader.line_num + skipped}: {error})"
        ) from error
    if len(rows) < 2:
        raise InputError(f"{path} is not a {what}: it has no rows below a header")
    if _all_end_empty([row for _, row in rows]):
        rows = [(line, row[:-1]) for line, row in rows]
    header = [name.strip() or f"column {i}" for i, name in enumerate(rows[0][1])]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise InputError(
            f"{path} has {header.count(twice)} columns called {twice!r}: rename them, "
            "or remove those that are not meant"
        )
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(
                f"{path}: line {line} has {len(row)} cells, the header {len(header)}: "
                "is it truncated?"
            )
    cells = zip(*(row for _, row in rows[1:]), strict=True)
    columns = dict(zip(header, map(list, cells), strict=True))
    _check_header(path, columns)
    return CsvTable(columns, [line for line, _ in rows[1:]])


def _all_end_empty(rows: list[list[str]]) -> bool:
    alike = len({len(row) for row in rows}) == 1 < len(rows[0])
    return alike and not any(row[-1].strip() for row in rows)


def _check_header(path: Path, columns: dict[str, list[str]]) -> None:
    """Refuse a first line that is a row like all others, and would be lost.

    Names that are numbers are those of pandas, 0, 1, 2, ..., or stand over words.

    Warns:
        DataWarning: 0, 1, 2, ... over whole numbers, or 0 over others, could be either.
    """
    numeric = [name for name, cells in columns.items() if all(map(_is_number, cells))]
    ours = [name for name in numeric if re.fullmatch(r"column \d+", name) is None]
    counted = all(name == str(i) for i, name in enumerate(ours))
    if ours and not counted and all(map(_is_number, ours)):
        raise InputError(
            f"{path} has no header: its first line has numbers like all others "
            f"({', '.join(ours[:3])}); write a line with the names of the columns "
            "above it"
        )
    whole = all(cell.isdecimal() for name in ours for cell in columns[name])
    # two numbers may be a first row of fractions as well, more of them are a header
    if counted and 0 < len(ours) == len(columns) and (whole or len(ours) <= 2):
        warnings.warn(
            f"{path}: the first line, {','.join(ours[:3])}, is taken for the names of "
            "the columns, as pandas writes them: if it is the first row, write a line "
            "with names above it",
            DataWarning,
            stacklevel=4,
        )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def delimiter_of(text: str) -> str:
    """What cuts all of the first lines into equally many cells, the most of them."""
    sample = text.split("\n", _SAMPLE)[:_SAMPLE]

    def cells(delimiter: str) -> tuple[bool, int]:
        try:
            rows = [row for row in csv.reader(sample, delimiter=delimiter) if row]
        except csv.Error:
            rows = []
        first = len(rows[0]) if rows else 0
        return first > 1 and all(len(row) == first for row in rows), first

    return max(_DELIMITERS, key=cells)


def last_part(path: str) -> str:
    """The file name of a path as text, of any system."""
    return re.split(r"[/\\]", path.strip())[-1]


def stem_of(name: str) -> str:
    """The file name without folders and suffix."""
    name = last_part(name)
    head, dot, tail = name.rpartition(".")
    return head if dot and tail.isalpha() else name
