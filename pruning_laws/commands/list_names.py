"""``pruning-laws list``: the names that other commands take, and what each one is."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import options, output
from ..catalogue import KINDS


def list_names(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List the names that other commands take.

    Each comes with a short description. Without KIND, the kinds of names are listed.

    \b
    Examples:
      pruning-laws list
      pruning-laws list metrics
      pruning-laws list recipes --json
    """
    if kind is None:
        lines = {name: one.what for name, one in KINDS.items()}
    elif kind in KINDS:
        with output.working(f"reading the {kind}"):
            lines = KINDS[kind].lines()
    else:
        from perceptron_theory.errors import unknown_name

        raise unknown_name("kind", kind, KINDS)
    output.print_lines(lines, as_json)
