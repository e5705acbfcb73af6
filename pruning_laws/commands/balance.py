"""``pruning-laws balance``: class sizes before and after pruning by each metric."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options, output, vision_options

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


def balance(
    score_files: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCORES", help="One or more score files of the same data set."
        ),
    ],
    keep_fraction: Annotated[
        str,
        typer.Option(
            "--keep-fraction",
            "-f",
            metavar="NUMBERS",
            help="Fractions that are kept, separated by commas.",
        ),
    ] = "0.1,0.2,0.3,0.5,0.7,1",
    rule: Annotated[str, typer.Option(metavar="RULE", help="As in `select`.")] = "hard",
    class_floor: vision_options.ClassFloor = 0.0,
    data: vision_options.CheckedData = None,
    split: vision_options.Split = "train",
    seed: vision_options.Seed = 0,
    *,
    to: output.Destination,
) -> None:
    """Show how pruning changes the balance of the classes.

    The balance is the size of the smallest class divided by that of the largest. For
    comparison, "by chance" is the balance of random selections of the same size, with
    the standard deviation of a single one.

    \b
    Examples:
      pruning-laws balance el2n.parquet prototypes.parquet -o balance.png
    """
    fractions = options.fractions(keep_fraction)
    chosen = vision_options.selection_rule(rule)

    from simulations.vision.balance import class_balance

    found = vision_options.same_examples(score_files, data, split)
    labels = next(iter(found.values())).labels
    values = {name: scores.scores for name, scores in found.items()}
    with output.working("selecting"):
        result = class_balance(
            values, labels, fractions, seed=seed, rule=chosen, class_floor=class_floor
        )

    def draw() -> Figure:
        from figures import class_balance as figure
        from figures import style

        names = _names(data, split, int(labels.max()) + 1)
        drawn = figure.draw(result, names, size=to.size)
        style.title(drawn, f"{next(iter(found.values())).dataset}: {rule} rule")
        return drawn

    to.emit(result, title=f"class balance, {rule}", show=_show, draw=draw)


def _show(found: xr.Dataset, title: str) -> None:
    """A row a metric; counts of the classes are in JSON and files."""
    from rich.table import Table

    table = Table(box=None)
    table.add_column("balance")
    for f in found["keep_fraction"].values:
        table.add_column(f"f = {f:g}", justify="right")
    rows = {
        str(one): found["balance"].sel(metric=one) for one in found["metric"].values
    }
    rows["by chance"] = found["balance_by_chance"]
    rows["  +-"] = found["chance_error"]
    for name, values in rows.items():
        table.add_row(name, *(f"{value:.3f}" for value in values.values))
    before = float(found["balance_before"])
    output.say(output.paragraph(f"{title}; {before:.3f} before pruning"))
    output.print_rich(table)


def _names(data: str | None, split: str, count: int) -> list[str]:
    """The names of the classes if the data set is given, else their numbers."""
    if data is None:
        return [str(one) for one in range(count)]
    from simulations.vision.data import load

    return list(load(data, split).class_names)
