"""``pruning-laws figure``: the figures of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output


def figure(
    name: Annotated[
        str, typer.Argument(help="Which figure: fig1a, say, or all; list names them.")
    ],
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where they are put."),
    ] = Path("results/figures"),
    overwrite: options.Overwrite = False,
) -> None:
    """Draw a figure of the paper, as PDF and PNG.

    \b
    Examples:
      pruning-laws figure list
      pruning-laws figure fig1a
      pruning-laws figure all --output my-figures
    """
    from figures import FIGURES
    from perceptron_theory.errors import unknown_name

    if name == "list":
        typer.echo("\n".join(FIGURES))
        return
    if name not in FIGURES and name != "all":
        raise unknown_name("figure", name, [*FIGURES, "all", "list"])
    chosen = list(FIGURES) if name == "all" else [name]
    for each in chosen:  # all of them before the first is drawn
        for path in folder.glob(f"{each}.*"):
            if not overwrite:
                raise FileExistsError(0, "exists; --overwrite replaces it", str(path))
    folder.mkdir(parents=True, exist_ok=True)
    for each in chosen:
        with output.working(f"drawing {each}"):
            paths = FIGURES[each](folder)
        for path in paths:
            typer.echo(path)
