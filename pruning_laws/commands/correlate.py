"""``pruning-laws correlate``: how alike metrics rank the same examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output, vision_options


def correlate(
    score_files: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCORES", help="Two or more score files of the same data set."
        ),
    ],
    resamples: Annotated[
        int, typer.Option(min=1, help="Number of bootstrap samples.")
    ] = 200,
    level: Annotated[
        float, typer.Option(help="Confidence level of the intervals, between 0 and 1.")
    ] = 0.95,
    seed: vision_options.Seed = 0,
    data: vision_options.CheckedData = None,
    split: vision_options.Split = "train",
    *,
    to: output.Destination,
) -> None:
    """Compare how several metrics rank the same examples.

    Prints Spearman's rank correlation of every pair of metrics (1: the same order, 0:
    unrelated) with bootstrap intervals.

    \b
    Examples:
      pruning-laws correlate el2n.parquet prototypes.parquet -o matrix.png
    """
    from simulations.vision.correlation import spearman_matrix

    found = vision_options.same_examples(score_files, data, split)
    columns = {name: scores.scores for name, scores in found.items()}
    with output.working("correlating the ranks"):
        matrix = spearman_matrix(columns, key=seed, resamples=resamples, level=level)
    to.emit(matrix, title=f"Spearman's correlation, {level:.0%} intervals")
