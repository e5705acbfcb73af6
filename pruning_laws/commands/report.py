"""``pruning-laws report``: a folder of results as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output


def report(
    result: Annotated[
        Path, typer.Argument(help="A folder that a command wrote, or one file.")
    ],
    output_file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .html file.")
    ],
    overwrite: options.Overwrite = False,
) -> None:
    """Show results as one HTML page that needs no other file and no network.

    Pictures, tables that sort by a click, and all that the files say of themselves:
    settings, seeds, versions. A file that cannot be read is named with its reason.

    \b
    Examples:
      pruning-laws report demo -o demo.html
      pruning-laws report scores.parquet -o scores.html
    """
    output.check_output(output_file, overwrite, (".html",))

    from simulations.files import write_whole

    from ..report import read, render

    with output.working("reading"):
        sections = read(result)
        page = render(str(result), sections)
    write_whole(output_file, lambda part: part.write_text(page, "utf-8"))
    failed = [one for one in sections if one.failure]
    for one in failed:
        output.note(f"{one.name}: {one.failure}")
    output.note(f"wrote {output_file}: {len(sections) - len(failed)} files shown")
