"""A bar on stderr for a sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

from .sweep import Part


@contextmanager
def progress_bar(total: int, show: bool) -> Iterator[Callable[[Part, bool], None]]:
    """What ``run_sweep`` calls as its parts begin and end, drawn as a bar."""
    bar = Progress(
        BarColumn(24),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.description}", style="dim"),
        console=Console(stderr=True),
        disable=not show,
    )
    with bar:
        task = bar.add_task("", total=total)

        def on_part(part: Part, ended: bool) -> None:
            bar.update(task, description=part.title, advance=int(ended))

        yield on_part
