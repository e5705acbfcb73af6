"""``pruning-laws show``: a saved result again, as a table, JSON or CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output


def show(
    file: Annotated[Path, typer.Argument(help="A .nc file that a command wrote.")],
    to: output.OverTheory,
) -> None:
    """Print a saved result, or convert it to JSON or CSV.

    \b
    Examples:
      pruning-laws show pareto.nc
      pruning-laws show pareto.nc --json
      pruning-laws show pareto.nc -o pareto.csv
    """
    import perceptron_theory as pt

    to.emit(pt.load_dataset(file), title=str(file))
