"""``pruning-laws figure``: the figures of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output


def figure(
    name: Annotated[
        str, typer.Argument(help="Which figure; list names them, all makes all.")
    ],
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where it is put."),
    ] = Path("results/figures"),
    redraw: Annotated[
        bool, typer.Option("--redraw", help="Draw saved data again, compute nothing.")
    ] = False,
    overwrite: options.Overwrite = False,
) -> None:
    """A figure of the paper: its data, and the picture as PDF and PNG.

    \b
    Examples:
      pruning-laws figure list
      pruning-laws figure fig1a
      pruning-laws figure all --output my-figures
    """
    import figures

    if name == "list":
        for each in figures.FIGURES.values():
            typer.echo(f"{each.name:10} {each.caption.partition('. ')[0]}")
        return
    for each in figures.FIGURES if name == "all" else [name]:
        with output.working(f"making {each}"):
            paths = figures.make(each, folder, overwrite=overwrite, redraw=redraw)
        for path in paths:
            typer.echo(path)
