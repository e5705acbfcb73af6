"""``pruning-laws correlate``: how alike metrics rank the same examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output, vision_options


def correlate(
    score_files: Annotated[
        list[Path], typer.Argument(metavar="SCORES...", help="Two or more score files.")
    ],
    resamples: Annotated[
        int, typer.Option(min=1, help="Bootstrap draws of the examples.")
    ] = 200,
    level: Annotated[float, typer.Option(help="Of the intervals, in (0, 1).")] = 0.95,
    seed: vision_options.Seed = 0,
    data: vision_options.CheckedData = None,
    split: vision_options.Split = "train",
    as_json: options.AsJson = False,
    output_file: options.Output = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Spearman's correlation of every pair of metrics, with bootstrap intervals.

    \b
    Examples:
      pruning-laws correlate el2n.parquet prototypes.parquet forgetting.parquet
    """
    output.check_output(output_file, overwrite)

    from perceptron_theory import InputError
    from simulations.vision.correlation import spearman_matrix

    columns = {}
    first = None
    for file in score_files:
        scores = vision_options.scores_from(file, data, split)
        first = first or scores
        if scores.fingerprint != first.fingerprint:
            raise InputError(
                f"{file} has scores of {scores.dataset}, {score_files[0]} of "
                f"{first.dataset}: other examples, or another order"
            )
        name = scores.metric if scores.metric not in columns else str(file)
        columns[name] = scores.scores
    matrix = spearman_matrix(columns, key=seed, resamples=resamples, level=level)
    output.emit(
        matrix,
        title=f"Spearman's correlation, {level:.0%} intervals",
        as_json=as_json,
        path=output_file,
        overwrite=overwrite,
    )
