"""What a run leaves behind for people: metrics as CSV and TensorBoard, a bar."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from perceptron_theory import InputError

from ...csv_files import read_csv
from ...files import write_whole
from ..optional import require

Row = Mapping[str, float | int | None]


def write_metrics(path: Path, history: Sequence[Row]) -> None:
    """All rows so far as CSV, whole or not at all: one an epoch.

    Written anew each time, so that a run that was killed and resumed has every epoch
    once.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]))
    writer.writeheader()
    writer.writerows(history)
    write_whole(path, lambda part: part.write_text(text.getvalue()))


def read_metrics(path: Path) -> list[dict[str, float | int | None]]:
    """The rows that :func:`write_metrics` wrote; None where a cell is empty.

    Raises:
        InputError: no such file, or no such table.
    """
    columns = read_csv(path, "table of metrics").columns
    try:
        values = [[_value(cell) for cell in cells] for cells in columns.values()]
        rows = zip(*values, strict=True)
        return [dict(zip(columns, row, strict=True)) for row in rows]
    except ValueError as error:
        raise InputError(f"{path} is not a table of metrics ({error})") from error


def _value(cell: str) -> float | int | None:
    if not cell:
        return None
    return int(cell) if cell.isdecimal() else float(cell)


@contextmanager
def tensorboard(folder: Path | None) -> Iterator[Any]:
    """A function that adds a row of metrics to TensorBoard's events in a folder.

    Raises:
        InputError: tensorboardX is not installed.
    """
    if folder is None:
        yield lambda row: None
        return
    require("tensorboardX", "writing for TensorBoard")
    from tensorboardX import SummaryWriter  # type: ignore # of an extra

    with SummaryWriter(str(folder)) as writer:

        def add(row: Row) -> None:
            for name, value in row.items():
                if name not in ("epoch", "step") and value is not None:
                    writer.add_scalar(name, value, int(row["step"] or 0))

        yield add
