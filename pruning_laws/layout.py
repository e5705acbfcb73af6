"""Tables that fit the terminal: turned on their side or cut into blocks if they do not.

A pipe has no width; a table for it is as wide as COLUMNS says, or 80.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

GAP = 2  # between two columns


class Column(NamedTuple):
    """What a table has in one column, and how it is set."""

    name: str
    cells: list[str]
    justify: str

    @property
    def width(self) -> int:
        """The widest of all that is in it."""
        return max(map(len, [self.name, *self.cells]))


def width() -> int:
    """The width of the terminal, in characters."""
    return shutil.get_terminal_size((80, 24)).columns


def paragraph(text: str) -> str:
    """A text in lines that fit the terminal; what is set in stays set in."""

    def filled(line: str) -> str:
        margin = line[: len(line) - len(line.lstrip())]
        return textwrap.fill(
            line, width(), subsequent_indent=margin + "  " * bool(margin)
        )

    return "\n".join(filled(line) for line in text.split("\n"))


def print_fitted(table: Table) -> None:
    """A table on stdout, nothing of which is cut off."""
    from rich.console import Console

    # names of classes and files are text: "[b]" is no markup there, ":x:" no emoji
    console = Console(
        file=sys.stdout, width=width(), highlight=False, markup=False, emoji=False
    )
    if table.title:
        console.print(paragraph(str(table.title)))
        table.title = None
    for i, one in enumerate(fitted(table, console)):
        if i:
            console.print()
        console.print(one)


def fitted(table: Table, console: Console) -> list[Table]:
    """The table, or others with all that is in it, that are no wider than the console.

    A table of a name and a text stays: its text is broken into lines.
    """
    within = console.options.update(max_width=100_000)
    if console.measure(table, options=within).maximum <= console.width:
        return [table]
    columns = [
        Column(str(one.header), [str(cell) for cell in one.cells], one.justify)
        for one in table.columns
    ]
    if len(columns) <= 2:
        return [table]
    rows = [Column(*_row(columns, i)) for i in range(len(columns[0].cells))]
    names = Column("", [one.name for one in columns], "left")
    if _total([names, *rows]) <= console.width:
        return [_table([names, *rows], headers=False)]
    parts = _blocks(columns, console.width)
    return [_table(part, headers=table.show_header) for part in parts]


def _row(columns: list[Column], i: int) -> tuple[str, list[str], str]:
    return "", [one.cells[i] for one in columns], "right"


def _total(columns: list[Column]) -> int:
    return sum(one.width + GAP for one in columns)


def _blocks(columns: list[Column], most: int) -> list[list[Column]]:
    """The columns in parts that fit, each with those in front that tell rows apart."""
    count = next(
        (
            n
            for n in range(1, len(columns))
            if len(set(zip(*(one.cells for one in columns[:n]), strict=True)))
            == len(columns[0].cells)
        ),
        1,
    )
    if _total(columns[:count]) > most // 2:
        count = 1
    key, parts = columns[:count], [columns[:count]]
    for one in columns[count:]:
        if len(parts[-1]) > count and _total([*parts[-1], one]) > most:
            parts.append(list(key))
        parts[-1] = [*parts[-1], one]
    return parts


def _table(columns: list[Column], headers: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=headers, padding=(0, 1))
    for one in columns:
        # the justification comes from a table of rich's
        table.add_column(one.name, justify=one.justify, overflow="fold")  # pyright: ignore[reportArgumentType]
    for row in zip(*(one.cells for one in columns), strict=True):
        table.add_row(*row)
    return table
