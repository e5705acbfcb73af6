"""Tables of text from other programs: CSV with commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import NamedTuple

from perceptron_theory import InputError
from perceptron_theory.text_files import read_text

_DELIMITERS = ",;\t"
_SAMPLE = 20  # lines that tell the delimiter


class CsvTable(NamedTuple):
    """The cells of a table as text, by column."""

    columns: dict[str, list[str]]
    lines: list[int]
    """Where each row ends in the file, from 1 on."""


def read_csv(path: Path, what: str) -> CsvTable:
    """Read a table with a header; a column without a name is called by its number.

    Args:
        path: of the file.
        what: it should be, for messages: "CSV file of scores".

    Raises:
        InputError: no such file, no text, no rows, columns of one name, or a row of
            another length than the header.
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
    return CsvTable(columns, [line for line, _ in rows[1:]])


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
