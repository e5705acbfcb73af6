"""``pruning-laws experiment``: scaling with pruning on real data, run by run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perceptron_theory.wording import counted

from .. import machine_options, output, vision_options

if TYPE_CHECKING:
    import xarray as xr


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="An experiment by its name (see `list experiments`), or a .toml file.",
        ),
    ],
    output_folder: vision_options.RunFolder,
    data: vision_options.Data = "digits",
    labels: vision_options.Labels = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Embeddings of the training set, a .npy file; without it the pixels"
            " are used."
        ),
    ] = None,
    test_features: Annotated[
        Path | None,
        typer.Option(help="Embeddings of the test set, by the same network."),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="cpu|gpu|gpu20|paper",
            help="Size of an experiment that comes in several.",
        ),
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder of the score files, METRIC.parquet."
        ),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(metavar="RUN|FILE", help="Fine-tune networks from these weights."),
    ] = None,
    downstream: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Data set that pre-trained networks are fine-tuned on."
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Number of repetitions with other seeds, at least 3. [default: the "
            "experiment's]"
        ),
    ] = None,
    plan_only: Annotated[
        bool,
        typer.Option(
            "--plan", help="Print what would be run and what it costs, and run nothing."
        ),
    ] = False,
    shard: machine_options.Shard = None,
    workers: machine_options.Workers = 1,
    ray: machine_options.Ray = None,
    retries: machine_options.Retries = 2,
    device: machine_options.Device = None,
    cpu_devices: machine_options.CpuDevices = None,
    decoders: vision_options.Decoders = 0,
    *,
    picture: output.Picture,
) -> None:
    """Train on pruned parts of real data, of many sizes.

    Random pruning and no pruning are always included. FOLDER gets results.csv, with one
    row per training run. Before it starts, the cost is measured on small trials and
    printed; with --plan nothing else is done.

    \b
    Examples:
      pruning-laws experiment digits_logistic -o digits --plot digits.png
      pruning-laws laws digits
      pruning-laws experiment scaling --scale gpu --data cifar10:FOLDER \\
        --scores scores -o scaling --plan
    """
    from simulations.experiments import (
        Cell,
        Source,
        cells_of,
        forecast,
        read_experiment,
        run_experiment,
    )
    from simulations.progress import progress_bar

    changes = {} if seeds is None else {"seeds": seeds}
    chosen = read_experiment(name, scale, **changes)
    if chosen.learner == "network" and workers == 1 and ray is None:
        from simulations.vision.training import read_recipe

        batch = read_recipe(chosen.recipe).batch_size
        machine_options.cut_cpu(cpu_devices, batch, output_folder)
    data = vision_options.labelled(data, labels)
    source = Source(
        data,
        *(
            None if path is None else str(path.absolute())
            for path in (features, test_features, scores)
        ),
        device=device,
        workers=decoders,
        initial=None if initial is None else str(initial.absolute()),
        downstream=downstream,
    )
    machine = machine_options.Runners(workers, device, ray, retries).machine()
    share = machine_options.shard(shard)
    cells = cells_of(chosen)
    with output.working("measuring what it will cost"):
        count, cost = forecast(chosen, source, output_folder, share)
    output.note(
        f"{chosen.name}: {counted(len(cells), 'run')} of {chosen.learner}, "
        f"{counted(chosen.seeds, 'seed')}; "
        + (f"{count} to make: {cost.says(workers)}" if cost else "all are made")
    )
    if plan_only:
        return
    with progress_bar(len(cells), unit="runs", what="starting") as advance:

        def on_cell(cell: Cell | None, left: int) -> None:
            if cell is None:
                advance(len(cells) - left)  # done before, or of other shares
            else:
                advance(1, cell.key)

        rows = run_experiment(
            chosen,
            source,
            output_folder,
            machine=machine,
            shard=share,
            on_cell=on_cell,
        )
    output.note(
        f"wrote {output_folder / 'results.csv'}: {len(rows)} of "
        f"{counted(len(cells), 'run')}"
    )
    if len(rows) < len(cells):
        if picture.draws:
            output.note("the picture is drawn when all runs are made")
    else:
        picture.emit_result(lambda: _result(output_folder))


def _result(folder: Path) -> xr.Dataset:
    """What the picture of an experiment shows."""
    from figures.saved import load_result

    return load_result(folder)
