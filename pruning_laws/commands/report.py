"""``pruning-laws report``: a folder of results as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from perceptron_theory.wording import counted

from .. import options, output, targets


def report(
    result: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT", help="A folder that a command wrote, or a single file."
        ),
    ],
    output_file: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="The page, a .html file."),
    ],
    overwrite: options.Overwrite = False,
) -> None:
    """Put results on one HTML page, to share or to print.

    The page needs no other file and no network. It has the pictures, the tables (a
    click on a column sorts by it) and what the files say about themselves: settings,
    seeds, versions. A file that cannot be read is named, with the reason.

    \b
    Examples:
      pruning-laws report demo -o demo.html
      pruning-laws report scores.parquet -o scores.html
    """
    targets.check_output(output_file, overwrite, (".html",))

    from simulations.files import write_whole

    from ..report import read, render

    with output.working("reading"):
        sections = read(result)
        page = render(str(result), sections)
    text = page.encode("utf-8", "backslashreplace")  # paths may be of any bytes
    write_whole(output_file, lambda part: part.write_bytes(text))
    failed = [one for one in sections if one.failure]
    for one in failed:
        output.note(f"{one.name}: {one.failure}")
    output.note(
        f"wrote {output_file}: {counted(len(sections) - len(failed), 'file')} shown"
    )
