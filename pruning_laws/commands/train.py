"""``pruning-laws train``: a network on a data set, whole or pruned, into a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import machine_options, output, vision_options


def train(
    output_folder: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="New, or interrupted: it goes on."
        ),
    ],
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    test_split: Annotated[
        str | None,
        typer.Option(help="To evaluate on; none: do not. [default: test, or val]"),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="A shipped recipe or a .toml file."),
    ] = "digits_resnet8",
    fixed_epochs: Annotated[
        int | None,
        typer.Option(help="The budget in epochs, in place of the recipe's."),
    ] = None,
    fixed_steps: Annotated[
        int | None,
        typer.Option(help="The budget in steps, as many on a pruned set."),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="IDS", help="Train on these only: a file of `select --ids`."
        ),
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs; without it the run goes on."),
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option(min=1, help="Epochs between checkpoints.")
    ] = 1,
    workers: Annotated[
        int, typer.Option(min=0, help="Processes that decode; for ImageNet.")
    ] = 0,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write events for it, too.")
    ] = False,
    device: machine_options.Device = None,
    coordinator: machine_options.Coordinator = None,
    processes: machine_options.Processes = None,
    process: machine_options.Process = None,
    seed: vision_options.Seed = 0,
) -> None:
    """Train a network; the same command goes on where it was interrupted.

    FOLDER holds checkpoints, metrics.csv and, in the end, logits.npy (for el2n) and
    correct.npy (for forgetting); without labels (digits_simclr and the like),
    embeddings.npy (for prototypes). The budget is the recipe's, or one of
    --fixed-epochs and --fixed-steps: on a pruned set they differ.

    \b
    Examples:
      pruning-laws train -o run
      pruning-laws score el2n --logits run/logits.npy -o el2n.parquet
      pruning-laws score forgetting --correct run/correct.npy -o forgetting.parquet
      pruning-laws select el2n.parquet -f 0.5 -o kept.txt --ids
      pruning-laws train --keep kept.txt --fixed-steps 220 -o pruned
    """
    reports = machine_options.join(coordinator, processes, process)

    from simulations.vision.data import load
    from simulations.vision.training import Plan, placement, read_recipe
    from simulations.vision.training import train as run

    budget = {"fixed_epochs": fixed_epochs, "fixed_steps": fixed_steps}
    given = {name: value for name, value in budget.items() if value is not None}
    chosen = read_recipe(recipe, **given)
    if test_split is None:
        test_split = vision_options.test_split(data)
    plan = Plan(
        load(data, split),
        chosen,
        seed,
        placement(device),
        test=None if test_split == "none" else load(data, test_split),
        ids=None if keep is None else _ids(keep),
        workers=workers,
    )
    done = run(
        plan,
        output_folder,
        stop_after=stop_after,
        checkpoint_every=checkpoint_every,
        board=tensorboard,
        progress=reports and sys.stderr.isatty(),
    )
    if not reports:
        return
    last = done.history[-1]
    tested = last["test_accuracy"]
    said = f", of the test set {tested:.4f}" if tested is not None else ""
    output.note(
        f"wrote {output_folder}: {last['epoch']} epochs, {last['step']} steps; "
        f"accuracy in training {last['train_accuracy']:.4f}{said}"
    )


def _ids(path: Path) -> list[str]:
    """The ids in a file, one a line."""
    if path.suffix != ".txt":
        raise typer.BadParameter(
            f"{path.name!r} must be ids, one a line, in .txt: `select --ids -o` writes "
            "them",
            param_hint="--keep",
        )
    return [line for line in path.read_text().split("\n") if line]
