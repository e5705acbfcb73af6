"""``pruning-laws experiment``: scaling with pruning on real data, run by run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

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
    from simulations.experiments import (
        Cell,
        cells_of,
        read_experiment,
        run_experiment,
    )
    from simulations.experiments.runner import Source
    from simulations.vision.training.records import progress_bar

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
    with progress_bar(len(cells), sys.stderr.isatty(), unit="runs") as advance:

        def on_cell(cell: Cell | None, left: int) -> None:
            if cell is None:
                advance(len(cells) - left)  # done before, or of other shares
            else:
                advance(1, cell.key)

        rows = run_experiment(
            chosen,
            source,
            output_folder,
            machine=machine_options.machine(None, workers, ray, retries),
            shard=machine_options.shard(shard),
            on_cell=on_cell,
        )
    output.note(f"wrote {output_folder / 'results.csv'}: {len(rows)} of {len(cells)}")
