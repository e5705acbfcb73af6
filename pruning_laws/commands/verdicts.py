"""``pruning-laws verdicts``: what an experiment says on the claims of the theory."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output, vision_options

if TYPE_CHECKING:
    import xarray as xr


def verdicts(
    table: vision_options.RunTable,
    resamples: Annotated[
        int,
        typer.Option(
            min=10,
            help="Number of bootstrap samples of the seeds, for errors of exponents.",
        ),
    ] = 100,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed of the resampling.")
    ] = 0,
    *,
    to: output.Destination,
) -> None:
    """Judge an experiment against the predictions of the theory.

    Each prediction is confirmed, not confirmed, or cannot be decided, by fixed rules
    and with the numbers. A verdict on a law needs at least 8 sizes, and a difference
    counts if it is at least 3 standard errors.

    \b
    Examples:
      pruning-laws verdicts digits
    """
    import xarray as xr

    from simulations.experiments import read_table
    from simulations.experiments.claims import verdicts as judge

    rows = read_table(table)
    with output.working("judging"):
        found = [asdict(one) for one in judge(rows, resamples=resamples, seed=seed)]
    names = ("claim", "metric", "verdict", "numbers")
    result = xr.Dataset(
        {name: ("place", [one[name] for one in found]) for name in names},
        attrs={"resamples": resamples, "seed": seed},
    )
    to.emit(result, title="verdicts", show=_show)


def _show(found: xr.Dataset, title: str) -> None:
    """In lines: the numbers are too long for a table."""
    columns = (found[name].values for name in ("claim", "metric", "verdict", "numbers"))
    for claim, metric, verdict, numbers in zip(*columns, strict=True):
        words = f"{claim} ({metric}): {verdict}\n    {numbers}"
        typer.echo(output.paragraph(words))
