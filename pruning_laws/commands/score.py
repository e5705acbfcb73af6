"""``pruning-laws score``: a metric of a data set, into a score file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import output, vision_options


def score(
    metric: Annotated[
        str,
        typer.Argument(
            help="prototypes, supervised_prototypes (from embeddings); el2n, "
            "active_learning (from logits); forgetting, ddd (from correct); "
            "memorization, influence (from correct and member); random."
        ),
    ],
    output_file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .parquet file.")
    ],
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    embeddings: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file (P, d), such as of `embed`; without it, the pixels are "
            "taken."
        ),
    ] = None,
    logits: Annotated[
        Path | None, typer.Option(help="A .npy file (P, C) or (models, P, C).")
    ] = None,
    correct: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file of booleans (models or presentations, P); for influence, "
            "(models, test examples)."
        ),
    ] = None,
    member: Annotated[
        Path | None,
        typer.Option(help="A .npy file (models, P): who was in the training set."),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(help="Of prototypes; the number of classes if not given."),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(metavar="cosine|euclidean", help="Of either kind of prototypes."),
    ] = None,
    seed: vision_options.Seed = 0,
    overwrite: vision_options.Overwrite = False,
) -> None:
    """Score the examples of a data set: high = keep.

    Arrays are in the order of the data set. Nothing is trained here.

    \b
    Examples:
      pruning-laws score prototypes -o prototypes.parquet
      pruning-laws score el2n --logits logits.npy --data cifar10:PATH -o el2n.parquet
    """
    vision_options.check_new(output_file, overwrite)

    from simulations.vision.data import load
    from simulations.vision.embedding_files import check_record
    from simulations.vision.score_files import write_scores
    from simulations.vision.scoring import read_array, score_dataset

    files = {
        "embeddings": embeddings,
        "logits": logits,
        "correct": correct,
        "member": member,
    }
    arrays = {name: read_array(path) for name, path in files.items() if path}
    options = {"n_clusters": clusters, "distance": distance}
    given = {name: value for name, value in options.items() if value is not None}
    vision_options.check_options(metric, given)
    with output.working("scoring"):
        dataset, sources = load(data, split), {}
        if embeddings is not None and (found := check_record(embeddings, dataset)):
            sources["embeddings"] = found
        scores = score_dataset(
            dataset, metric, arrays, seed=seed, sources=sources, **given
        )
    write_scores(output_file, scores, overwrite=overwrite)
    output.note(f"wrote {output_file}: {metric} of {scores.dataset}")
