"""``pruning-laws experiment``: scaling with pruning on real data, run by run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import machine_options, output, vision_options


def experiment(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME|FILE", help="A shipped experiment or a .toml."),
    ],
    output_folder: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="New, or interrupted: it goes on."
        ),
    ],
    data: vision_options.Data = "digits",
    features: Annotated[
        Path | None,
        typer.Option(help="Of the training set, .npy; without it, the pixels."),
    ] = None,
    test_features: Annotated[
        Path | None, typer.Option(help="Of the test set, by the same network.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="In place of the experiment's; 3 at least.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Say what would be run, and run nothing.")
    ] = False,
    shard: machine_options.Shard = None,
    workers: machine_options.Workers = 1,
    ray: machine_options.Ray = None,
    retries: machine_options.Retries = 2,
) -> None:
    """Train on pruned parts of real data, of many sizes: one row a run in a table.

    Random pruning and no pruning are always run. FOLDER gets results.csv.

    \b
    Examples:
      pruning-laws experiment digits_logistic -o digits
      pruning-laws laws digits
    """
    from simulations.experiments import cells_of, read_experiment, run_experiment
    from simulations.experiments.runner import Source

    changes = {} if seeds is None else {"seeds": seeds}
    chosen = read_experiment(name, **changes)
    cells = cells_of(chosen)
    examples = sum(cell.kept for cell in cells)
    output.note(
        f"{chosen.name}: {len(cells)} runs of {chosen.learner}, {chosen.seeds} seeds, "
        f"trained on {examples:,} examples in all"
    )
    if plan_only:
        return
    source = Source(
        data,
        None if features is None else str(features.absolute()),
        None if test_features is None else str(test_features.absolute()),
        test_split=vision_options.test_split(data),
    )
    with _bar(sys.stderr.isatty()) as on_cell:
        rows = run_experiment(
            chosen,
            source,
            output_folder,
            machine=machine_options.machine(None, workers, ray, retries),
            shard=machine_options.shard(shard),
            on_cell=on_cell,
        )
    output.note(f"wrote {output_folder / 'results.csv'}: {len(rows)} of {len(cells)}")


@contextmanager
def _bar(show: bool) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn()
    note = TextColumn("{task.description}", style="dim")
    with Progress(
        *columns, note, console=Console(stderr=True), disable=not show
    ) as bar:
        task = bar.add_task("")

        def on_cell(cell: Any, left: int) -> None:
            if cell is None:
                bar.update(task, total=left)
            else:
                bar.update(task, description=cell.key, advance=1)

        yield on_cell
