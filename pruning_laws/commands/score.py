"""``pruning-laws score``: a metric of a data set, into a score file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import output, vision_options


def score(
    metric: Annotated[
        str,
        typer.Argument(
            help="prototypes, supervised_prototypes (from embeddings); el2n, "
            "active_learning (from logits); forgetting, ddd (from correct); "
            "memorization, influence (from correct and member); grand (from a run); "
            "random."
        ),
    ],
    output_file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .parquet file.")
    ],
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    embeddings: vision_options.Embeddings = None,
    logits: Annotated[
        Path | None, typer.Option(help="A .npy file (P, C) or (models, P, C).")
    ] = None,
    correct: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file of booleans (models, P); for forgetting (presentations, "
            "P) or (runs, presentations, P); for influence (models, test examples)."
        ),
    ] = None,
    member: Annotated[
        Path | None,
        typer.Option(help="A .npy file (models, P): who was in the training set."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Of `train`: one network, or many."),
    ] = None,
    initial: Annotated[
        bool, typer.Option("--initial", help="Networks of --run before training.")
    ] = False,
    variant: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="influence: max, sum_abs, max_abs; ddd: wrong, classes, disagreement; "
            "active_learning: entropy, mutual_information, variation_ratio; "
            "forgetting: presentations, zero, infinity. [default: the first]",
        ),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            help="Standard error that memorization or influence is wanted to have."
        ),
    ] = 0.05,
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

    Arrays are in the order of the data set. Nothing is trained here: `train` leaves
    what the metrics read. Of memorization and influence, standard errors, the rank
    correlation of two halves of the models, and how many models --precision takes are
    printed and go into the file.

    \b
    Examples:
      pruning-laws score prototypes -o prototypes.parquet
      pruning-laws score el2n --logits logits.npy --data cifar10:PATH -o el2n.parquet
      pruning-laws score memorization --correct ensemble/correct.npy \\
        --member ensemble/member.npy -o memorization.parquet
      pruning-laws score grand --run ensemble --initial -o grand.parquet
    """
    output.check_output(output_file, overwrite, (".parquet",))

    from simulations.vision.data import load
    from simulations.vision.embedding_files import check_record
    from simulations.vision.score_files import write_scores
    from simulations.vision.scoring import VARIANT, read_array, score_dataset

    files = {
        "embeddings": embeddings,
        "logits": logits,
        "correct": correct,
        "member": member,
    }
    if metric == "forgetting" and correct is not None:
        _check_presentations(correct)
    arrays = {name: read_array(path) for name, path in files.items() if path}
    options = {
        "n_clusters": clusters,
        "distance": distance,
        VARIANT.get(metric, "variant"): variant,
        "run": run,
        "initial": initial or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    vision_options.check_options(metric, given)
    with output.working("scoring"):
        dataset, sources = load(data, split), {}
        if embeddings is not None and (found := check_record(embeddings, dataset)):
            sources["embeddings"] = found
        if metric == "grand":
            scores = _grand(dataset, run, initial, arrays)
        else:
            scores = score_dataset(
                dataset,
                metric,
                arrays,
                seed=seed,
                precision=precision,
                sources=sources,
                **given,
            )
    write_scores(output_file, scores, overwrite=overwrite)
    output.note(f"wrote {output_file}: {metric} of {scores.dataset}")
    if "reliability" in scores.recipe:
        _print_reliability(scores.recipe["reliability"])


def _grand(dataset: Any, run: Path | None, initial: bool, arrays: Any) -> Any:
    from simulations.vision.grand_of_runs import score_grand

    if run is None or arrays:
        raise typer.BadParameter(
            "grand needs the folder of a run, and nothing else", param_hint="--run"
        )
    return score_grand(dataset, run, initial=initial)


def _check_presentations(path: Path) -> None:
    """Refuse the file of an ensemble that has models where presentations should be.

    Raises:
        typer.BadParameter: it is that.
    """
    presentations = path.with_name("presentations.npy")
    if path.name == "correct.npy" and (path.parent / "models").is_dir():
        raise typer.BadParameter(
            f"{path} is of models after training; what they got right at each "
            f"presentation is in {presentations.name}, where all were trained on all",
            param_hint="--correct",
        )


def _print_reliability(found: dict[str, Any]) -> None:
    """What the models say of the scores, on stdout."""
    rows = {
        "models": str(found["models"]),
        "mean standard error": _shown(found["mean_standard_error"]),
        "split-half rank correlation": _shown(found["split_half_correlation"]),
        "of all models (Spearman-Brown)": _shown(found["correlation_of_all"]),
        f"models for a mean standard error of {found['precision']:g}": str(
            found["models_for_precision"]
        ),
    }
    width = max(map(len, rows))
    for name, value in rows.items():
        typer.echo(f"{name:{width}}  {value}")


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g}"
