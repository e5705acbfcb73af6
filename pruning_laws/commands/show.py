"""``pruning-laws show``: a saved result again, as a table, JSON or CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output


def show(
    file: Annotated[Path, typer.Argument(help="A .nc file that a command wrote.")],
    as_json: options.AsJson = False,
    output_file: options.Output = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Print a saved result, or convert it.

    \b
    Examples:
      pruning-laws show pareto.nc
      pruning-laws show pareto.nc --json
      pruning-laws show pareto.nc -o pareto.csv
    """
    output.check_output(output_file, overwrite)

    import perceptron_theory as pt

    output.emit(
        pt.load_dataset(file),
        title=str(file),
        as_json=as_json,
        path=output_file,
        overwrite=overwrite,
    )
