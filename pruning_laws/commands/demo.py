"""``pruning-laws demo``: the main job in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the files."),
    ] = Path("demo"),
) -> None:
    """Make a Pareto frontier, a phase diagram and a validation.

    The numbers and the pictures are written to FOLDER, and what they show is said in
    words. It takes a few minutes.
    """
    from ..demo import run_demo

    for words in run_demo(folder):
        typer.echo(words + "\n")
    pictures = ", ".join(str(path) for path in sorted(folder.glob("*.png")))
    typer.echo(f"Pictures: {pictures}")
