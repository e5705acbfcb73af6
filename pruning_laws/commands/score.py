"""``pruning-laws score``: a metric of a data set, into a score file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perceptron_theory.paths import expanded

from .. import options, output, targets, vision_options

if TYPE_CHECKING:
    import xarray as xr

    from simulations.vision.metrics import Metric
    from simulations.vision.score_files import Scores


def score(
    metric: Annotated[
        str,
        typer.Argument(
            metavar="METRIC",
            help="How examples are scored (see `list metrics`): prototypes, "
            "supervised_prototypes (both need embeddings); el2n, active_learning "
            "(logits); forgetting, ddd (correct); memorization, influence (correct and "
            "member); grand (a run); random. Options may follow, as in "
            "prototypes:n_clusters=20. A metric of your own is package.module:Name.",
        ),
    ],
    output_file: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The score file, .parquet."
        ),
    ],
    data: vision_options.Data = "digits",
    labels: vision_options.Labels = None,
    split: vision_options.Split = "train",
    embeddings: vision_options.Embeddings = None,
    logits: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file of shape (examples, classes), or (models, examples, "
            "classes)."
        ),
    ] = None,
    correct: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file that says which predictions are right, of shape (models, "
            "examples); for forgetting (presentations, examples) or (runs, "
            "presentations, examples); for influence (models, test examples)."
        ),
    ] = None,
    member: Annotated[
        Path | None,
        typer.Option(
            help="A .npy file that says which model was trained on which example, of "
            "shape (models, examples)."
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder that `train` wrote, of one network or of an ensemble.",
        ),
    ] = None,
    initial: Annotated[
        bool,
        typer.Option("--initial", help="Take the networks of --run before training."),
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
    array: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Any other array that a metric needs, as a .npy file.",
        ),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            help="Standard error that memorization or influence should have. "
            "[default: 0.05]"
        ),
    ] = None,
    clusters: Annotated[
        int | None,
        typer.Option(
            help="Number of clusters for prototypes. [default: the number of classes]"
        ),
    ] = None,
    distance: Annotated[
        str | None,
        typer.Option(
            metavar="cosine|euclidean",
            help="Distance for prototypes of either kind. [default: cosine]",
        ),
    ] = None,
    seed: vision_options.Seed = 0,
    overwrite: options.Overwrite = False,
    plot: options.PlotBeside = False,
    plot_files: options.PlotFiles = None,
    title: options.Title = None,
    size: options.Size = "slide",
) -> None:
    """Score how hard each example is: high = hard = keep.

    Nothing is trained here; the metrics read the arrays that `train` and `embed` write,
    in the order of the data set. For memorization and influence, which are estimated
    from an ensemble, the standard errors, the rank correlation between two halves of
    the models, and how many models --precision takes are printed and written as well.

    \b
    Examples:
      pruning-laws score prototypes -o prototypes.parquet --plot prototypes.png
      pruning-laws score el2n --logits logits.npy --data cifar10:FOLDER -o el2n.parquet
      pruning-laws score memorization --correct ensemble/correct.npy \\
        --member ensemble/member.npy -o memorization.parquet
      pruning-laws score grand --run ensemble --initial -o grand.parquet
    """
    targets.check_output(output_file, overwrite, (".parquet",))
    picture = output.Picture(plot, plot_files, title, size, overwrite)

    from simulations.vision.data import load
    from simulations.vision.embedding_files import check_record
    from simulations.vision.metrics import metric_of
    from simulations.vision.score_files import write_scores
    from simulations.vision.scoring import score_dataset

    fields = {
        "--clusters": clusters,
        "--distance": distance,
        "--precision": precision,
        "--initial": initial or None,
        "--variant": variant,
    }
    chosen = _with_options(metric_of(metric), fields)
    files = {
        "embeddings": embeddings,
        "logits": logits,
        "correct": correct,
        "member": member,
        "run": run,
    }
    arrays = _arrays(chosen, files, array or [])
    data = vision_options.labelled(data, labels, split)
    with output.working("scoring"):
        dataset, sources = load(data, split), {}
        if embeddings is not None and (found := check_record(embeddings, dataset)):
            sources["embeddings"] = found
        scores = score_dataset(dataset, chosen, arrays, seed=seed, sources=sources)
    write_scores(output_file, scores, overwrite=overwrite)
    output.note(f"wrote {output_file}: {chosen.name} of {scores.dataset}")
    picture.emit_result(lambda: _dataset(scores))
    if "reliability" in scores.recipe:
        _print_reliability(scores.recipe["reliability"])


def _dataset(scores: Scores) -> xr.Dataset:
    """What the picture of scores shows."""
    from figures.results.scores import scores_dataset

    return scores_dataset(scores)


_FIELDS = {
    "--clusters": "n_clusters",
    "--distance": "distance",
    "--precision": "precision",
    "--initial": "initial",
}


def _with_options(metric: Metric, values: dict[str, Any]) -> Metric:
    """The metric with the options that were given on the command line.

    Raises:
        typer.BadParameter: It does not have one of them.
    """
    from simulations.vision.contracts import option_names
    from simulations.vision.metrics import METRICS

    def field(kind: Any, option: str) -> str | None:
        if option == "--variant":
            return getattr(kind, "variant_option", None)
        return _FIELDS[option] if _FIELDS[option] in option_names(kind) else None

    given = {name: value for name, value in values.items() if value is not None}
    for option in given:
        if field(metric, option) is None:
            of = [name for name, kind in METRICS.items() if field(kind, option)]
            raise options.bad(
                option,
                f"{metric.name} has no such option: it is for {' and '.join(of)}",
            )
    changes = {str(field(metric, name)): value for name, value in given.items()}
    return replace(metric, **changes) if changes else metric  # type: ignore[type-var] # it has fields


_MADE = "`train` writes such files, and other programs may"


def _arrays(
    metric: Metric, files: dict[str, Path | None], more: list[str]
) -> dict[str, Any]:
    """What the metric is computed from: arrays that are read, and folders of runs.

    Raises:
        typer.BadParameter: The metric needs no such thing, or a file of something else.
        perceptron_theory.InputError: It is not a .npy file.
    """
    from perceptron_theory import InputError
    from simulations.vision.metrics import METRICS
    from simulations.vision.scoring import read_array

    given = {name: path for name, path in files.items() if path is not None}
    hints = {name: f"--{name}" for name in given}
    for text in more:
        name, equals, path = text.partition("=")
        if not (equals and name and path):
            raise options.bad("--array", f"{text!r} must be NAME=FILE")
        if name in given:
            raise options.bad("--array", f"{name} is given twice: leave one out")
        given[name], hints[name] = expanded(path), "--array"
    needs = {one.name: one for one in metric.needs}
    for name, path in given.items():
        if name not in needs:
            of = [n for n, m in METRICS.items() if name in {o.name for o in m.needs}]
            known = f": it is for {' and '.join(of)}" if of else ""
            raise options.bad(hints[name], f"{metric.name} takes no {name}{known}")
        if (check := needs[name].check_file) is not None:
            try:
                check(path)
            except InputError as error:
                raise options.bad(hints[name], str(error)) from error
    for name, need in needs.items():
        if name not in given and need.otherwise is None:
            option = f"--{name}" if name in files else f"--array {name}=FILE"
            raise options.bad(option, f"{metric.name} needs {need.says}: {_MADE}")
    return {
        name: read_array(path) if needs[name].is_array else path
        for name, path in given.items()
    }


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
