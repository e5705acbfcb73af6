"""``pruning-laws demo``: the main job in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where everything goes."),
    ] = Path("demo"),
) -> None:
    """A Pareto frontier, a phase diagram and a validation at N = 200.

    Numbers and pictures are put into FOLDER; one that exists is brought up to date.
    """
    from ..demo import run_demo

    for words in run_demo(folder):
        typer.echo(words + "\n")
    pictures = ", ".join(str(path) for path in sorted(folder.glob("*.png")))
    typer.echo(f"Pictures: {pictures}")
