"""``pruning-laws sensitivity``: how prototypes depend on the number of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options, output, vision_options

if TYPE_CHECKING:
    import xarray as xr


def sensitivity(
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    embeddings: vision_options.Embeddings = None,
    clusters: Annotated[
        str | None,
        typer.Option(
            metavar="K,K,...",
            help="Numbers of clusters to try. [default: from a tenth to ten times the "
            "number of classes]",
        ),
    ] = None,
    reference: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of clusters to compare with. [default: the number of classes]",
        ),
    ] = None,
    keep_fraction: options.TheFraction = 0.5,
    seeds: Annotated[
        int,
        typer.Option(min=2, help="Runs of k-means at each k, from different starts."),
    ] = 3,
    distance: Annotated[
        str, typer.Option(metavar="cosine|euclidean", help="Distance for the scores.")
    ] = "cosine",
    seed: vision_options.Seed = 0,
    *,
    to: output.Destination,
) -> None:
    """Show how prototype scores depend on the number of clusters.

    k-means is run several times, from random starts, at each number of clusters k, and
    the rank correlations of the scores are printed. ceiling: between two runs at the
    same k, which differ only in their starts. reference: with a run at the reference k.
    corrected: the same without the noise of the starts; 1 means that k changes nothing
    else. overlap: the part of the kept set that is also kept at the reference k.
    distances: between cosine and Euclidean scores. Files and --json hold every pair of
    k.

    \b
    Examples:
      pruning-laws sensitivity
      pruning-laws sensitivity --embeddings run/embeddings.npy --clusters 5,10,20
    """
    numbers = None if clusters is None else _numbers(clusters)

    import numpy as np

    from simulations.progress import progress_bar
    from simulations.vision.cluster_sensitivity import default_clusters
    from simulations.vision.cluster_sensitivity import sensitivity as compute
    from simulations.vision.data import Points, load
    from simulations.vision.data.encoded import vectors_of
    from simulations.vision.embedding_files import check_record
    from simulations.vision.scoring import read_array, warn_of_pixels

    dataset = load(data, split)
    if embeddings is None:
        points = vectors_of(dataset)
    else:
        check_record(embeddings, dataset)
        points = read_array(embeddings)
        vision_options.check_rows(embeddings, points, dataset)
    classes = len(np.unique(dataset.labels))
    ks = numbers or default_clusters(classes, len(points))
    runs = 2 * seeds * len({*ks, reference or classes})
    with progress_bar(runs, unit="runs of k-means", what="clustering") as update:
        found = compute(
            points,
            ks,
            reference=reference or classes,
            keep_fraction=keep_fraction,
            seeds=seeds,
            seed=seed,
            distance=distance,
            advance=lambda: update(1),
        )
    if embeddings is None and not isinstance(dataset, Points):
        warn_of_pixels(dataset.name)
    to.emit(
        found,
        title=f"prototypes of {dataset.name} by the number of clusters, compared with "
        f"k = {reference or classes}, keep fraction {keep_fraction:g}, {seeds} seeds",
        show=_show,
    )


def _show(found: xr.Dataset, title: str) -> None:
    """The table over k; the matrix is long."""
    output.print_tables(found.drop_dims("other"), title)


def _numbers(text: str) -> list[int]:
    """Whole numbers that commas separate.

    Raises:
        typer.BadParameter: they are none.
    """
    parts = text.split(",")
    if not all(options.is_count(part.strip()) and int(part) for part in parts):
        raise options.bad(
            "--clusters", f"{text!r} must be whole numbers of at least 1, as 5,10,20"
        )
    return [int(part) for part in parts]
