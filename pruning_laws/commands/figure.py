"""``pruning-laws figure``: the figures of the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output
from ..catalogue import KINDS


def figure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of the figure; list shows the names, all makes every one.",
        ),
    ],
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the files."),
    ] = Path("results/figures"),
    redraw: Annotated[
        bool,
        typer.Option("--redraw", help="Draw the saved data again; compute nothing."),
    ] = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Make a figure: its data, and the picture as PDF and PNG.

    Figures named fig... are those of the paper (Sorscher et al. 2022).

    \b
    Examples:
      pruning-laws figure list
      pruning-laws figure fig1a
      pruning-laws figure all --output my-figures
    """
    import figures
    from perceptron_theory.errors import unknown_name

    if name == "list":
        output.print_lines(KINDS["figures"].lines())
        return
    if name != "all" and name not in figures.FIGURES:
        raise unknown_name("figure", name, [*figures.FIGURES, "all", "list"])
    for each in figures.FIGURES if name == "all" else [name]:
        with output.working(f"making {each}"):
            paths = figures.make(each, folder, overwrite=overwrite, redraw=redraw)
        for path in paths:
            output.say(str(path))
