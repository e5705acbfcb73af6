"""``pruning-laws demo``: the main job in a few minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output


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

    parts = run_demo(folder)
    for what in ("the Pareto frontier", "the phase diagram", "the validation"):
        with output.working(f"computing {what}"):
            words = next(parts)
        output.say(output.paragraph(words) + "\n")
    pictures = ", ".join(str(path) for path in sorted(folder.glob("*.png")))
    output.say(f"Pictures: {pictures}")
