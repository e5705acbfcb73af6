"""Options that the commands on real data share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, targets

if TYPE_CHECKING:
    from simulations.vision.score_files import Scores

_DATA = (
    "digits (built in), mnist:FOLDER, fashion_mnist:FOLDER, cifar10:FOLDER, "
    "cifar100:FOLDER, svhn:FOLDER, imagenet:FOLDER, folder:FOLDER (one sub-folder per "
    "class) or arrays:EMBEDDINGS.npy,LABELS.npy[,IDS]. DATA#1,7 takes the classes"
    " 1 and 7 only, DATA#natural sorts classes by the numbers in their "
    "names, DATA#FILE.txt as the file lists them, DATA#labels=FILE has "
    "the labels of a file. A source of your own "
    "is package.module:Name[:PATH]"
)
Data = Annotated[str, typer.Option(metavar="DATA", help=f"Data set: {_DATA}.")]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE[#NAME]",
        help="Labels of the training set in place of its own: .npy, .npz, .csv, "
        ".parquet or .txt, matched by ids if it has them; with several arrays or "
        "columns, the one called NAME. cifar10n:FILE#worse takes those of CIFAR-10N, "
        "in the official order of CIFAR-10. Test sets keep their own labels.",
    ),
]
CheckedData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help=f"Check that the scores are of this data set: {_DATA}.",
    ),
]
ScoreFile = Annotated[
    Path,
    typer.Argument(
        metavar="SCORES",
        help="A score file (.parquet), as `score` writes it, or scores of your own: "
        ".npy, .csv or .parquet, FILE:COLUMN if there are several columns.",
    ),
]
ClassFloor = Annotated[
    float,
    typer.Option(
        help="Every class keeps at least this part of an equal share of the kept "
        "examples; the paper uses 0.5."
    ),
]
RunFolder = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Output folder; an interrupted run in it is resumed.",
    ),
]
Decoders = Annotated[
    int,
    typer.Option(
        min=0, help="Number of processes that decode images, for large data sets."
    ),
]
RunTable = Annotated[
    Path,
    typer.Argument(
        metavar="RESULTS", help="The folder of an experiment, or its results.csv."
    ),
]
Split = Annotated[
    str, typer.Option(help="Part of the data set: train, test or another that it has.")
]
Embeddings = Annotated[
    Path | None,
    typer.Option(
        help="A .npy file with one row per example, as `embed` writes it; without it "
        "the pixels are used."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Random seed.")]


def check_picture(path: Path | None, overwrite: bool, option: str) -> None:
    """Refuse, before any work is done, a picture that could not be written.

    Raises:
        typer.BadParameter: another suffix than those of ``targets.PICTURES``.
        OSError: as :func:`.targets.check_new`.
    """
    if path is None:
        return
    if path.suffix not in targets.PICTURES:
        raise options.bad(
            option, f"{path.name!r} must end in {', '.join(targets.PICTURES)}"
        )
    targets.check_new(path, overwrite)


def check_data(data: Any) -> None:
    """Refuse the text of no data set, before anything else is done.

    Raises:
        perceptron_theory.InputError: It is of no known form, or its class is no source.
    """
    if isinstance(data, str) and data != "digits":
        from simulations.vision.data import source_of

        source_of(data)


def labelled(data: str, labels: str | None, split: str = "train") -> str:
    """The text of a data set with the labels of a file, if there is one.

    Raises:
        typer.BadParameter: another split than the one that has them.
        perceptron_theory.InputError: no data set.
    """
    if labels is None:
        return data
    if split != "train":
        raise options.bad("--labels", f"they are of the split train, not {split}")

    from simulations.vision.data import source_text, with_labels

    return source_text(with_labels(data, labels))


def test_split(data: str) -> str:
    """The split that a data set is evaluated on; "none" where it may have none."""
    from simulations.vision.data import source_of

    return getattr(source_of(data), "test_split", "test") or "none"


def check_rows(path: Path, points: Any, dataset: Any) -> None:
    """Refuse embeddings that are not one an example.

    Raises:
        perceptron_theory.InputError: another number of them.
    """
    from perceptron_theory import InputError

    if points.ndim != 2 or len(points) != len(dataset):
        raise InputError(
            f"{path} has shape {points.shape}: {dataset.name} needs ({len(dataset)}, d)"
        )


def scores_from(file: Any, data: str | None, split: str) -> Scores:
    """The scores of a file, verified to be of ``data`` if that is given."""
    from simulations.vision.data import load
    from simulations.vision.own_scores import scores_in

    return scores_in(file, load(data, split) if data is not None else None)


def same_examples(files: list[Path], data: str | None, split: str) -> dict[str, Scores]:
    """Scores of one data set by several metrics, by name: the file's where two agree.

    Raises:
        perceptron_theory.InputError: no score files, or of different data sets.
    """
    from perceptron_theory import InputError
    from simulations.vision.data import load
    from simulations.vision.own_scores import scores_in
    from simulations.vision.score_files import is_score_file

    of: Any = load(data, split) if data is not None else None
    ours = [f for f in files if f.suffix == ".parquet" and is_score_file(f)]
    if of is None and ours:  # which those of one's own are matched to
        of = scores_in(ours[0])
    found: dict[str, Scores] = {}
    first = of if data is None else None
    for file in files:
        scores = scores_in(file, None if file in ours and data is None else of)
        of, first = of if of is not None else scores, first or scores
        if scores.fingerprint != first.fingerprint:
            raise InputError(
                f"{file} has scores of {scores.dataset}, {(ours or files)[0]} of "
                f"{first.dataset}: other examples, or another order"
            )
        found[scores.metric if scores.metric not in found else str(file)] = scores
    return found


def selection_rule(text: str) -> Any:
    """The rule that ``--rule`` names: of the theory, stratified[:DROP], or outside.

    Raises:
        typer.BadParameter: Parameters are missing, or no numbers.
    """
    from simulations.vision.selection import Stratified

    name, *parameters = text.split(":")
    if name == "stratified" and len(parameters) == 1:
        (drop,) = options.numbers(parameters[0], "--rule")
        return Stratified(drop_hardest=drop)
    if name in ("window", "mixture"):
        return options.pruning_rule(text)
    return text
