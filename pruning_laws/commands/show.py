"""``pruning-laws show``: a saved result again, as a table, a picture, JSON or CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output

if TYPE_CHECKING:
    import xarray as xr

REPORT = "report.nc"  # in the folder of `validate`
_ENDS = 5  # scores at either end that a table has


def show(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT",
            help="A file that a command wrote (.nc), a table of scores (.parquet, "
            ".csv, .npy), or the folder of `train`, `experiment`, `compare` or "
            "`validate`.",
        ),
    ],
    to: output.OverTheory,
) -> None:
    """Print or draw a saved result, or convert it to JSON or CSV.

    Of scores the table shows the easiest and the hardest; JSON and CSV hold all.

    \b
    Examples:
      pruning-laws show pareto.nc
      pruning-laws show pareto.nc --json
      pruning-laws show pareto.nc -o pareto.csv -o pareto.pdf
      pruning-laws show scores.parquet -o scores.png
      pruning-laws show run --plot
    """
    to.emit(_read(file), title=str(file), show=_show)


def _read(file: Path) -> xr.Dataset:
    netcdf = file / REPORT if (file / REPORT).is_file() else file
    if netcdf.suffix == ".nc" and not netcdf.is_dir():  # without waiting for pictures
        import perceptron_theory as pt

        return pt.load_dataset(netcdf)
    from figures.saved import load_result

    return load_result(file)


def _show(dataset: xr.Dataset, title: str) -> None:
    if "example_id" in dataset.coords and dataset.sizes["example"] > 2 * _ENDS:
        order = dataset["score"].argsort(kind="stable").values
        ends = [*order[:_ENDS], *order[-_ENDS:]]
        dataset = dataset.isel(example=ends)
        title += f": the easiest and the hardest of {len(order):,} examples"
    output.print_tables(dataset, title)
