"""What a run leaves behind for people: metrics as CSV and TensorBoard, a bar."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ...files import write_whole
from ..optional import require

Row = Mapping[str, float | int | None]


@runtime_checkable
class Advance(Protocol):
    """Told of steps (or what is counted) that were done, and how it goes."""

    def __call__(self, count: int, text: str = "") -> None: ...


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


@contextmanager
def progress_bar(total: int, show: bool, unit: str = "steps") -> Iterator[Advance]:
    """A function that moves a bar on stderr and says how it goes."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = BarColumn(24), MofNCompleteColumn(), TextColumn(unit), Remaining()
    says = TextColumn("{task.description}", style="dim")
    with Progress(
        *columns, says, console=Console(stderr=True), disable=not show
    ) as bar:
        task = bar.add_task("", total=total)

        def update(count: int, text: str = "") -> None:
            bar.update(task, advance=count, description=text)

        yield update
