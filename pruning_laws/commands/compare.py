"""``pruning-laws compare``: which part of one's data to keep, and what it costs."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import machine_options, options, output, vision_options

if TYPE_CHECKING:
    from simulations.experiments.comparison import Answer, Opened

_UNITS = {"s": 1, "min": 60, "h": 3600}


def compare(
    output_folder: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Output folder; an interrupted comparison in it is resumed.",
        ),
    ],
    keep_fraction: Annotated[
        str,
        typer.Option(
            "--keep-fraction",
            "-f",
            metavar="NUMBER",
            help="Fraction of the examples to keep: 0.3, or 30%.",
        ),
    ],
    data: vision_options.Data = "digits",
    labels: vision_options.Labels = None,
    test_split: Annotated[
        str | None,
        typer.Option(
            help="The split to test on. Without a test set a fifth of the examples of "
            "each class is held out."
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Comma-separated: el2n, prototypes, supervised_prototypes, or "
            "files of your own scores (.parquet, .npy, .csv, FILE:COLUMN).",
        ),
    ] = "el2n,prototypes",
    model: Annotated[
        str | None,
        typer.Option(
            metavar="linear|NETWORK|RECIPE",
            help="What is trained: linear heads on feature vectors or pixels, a "
            "network such as resnet8, or a recipe of `train`. [default: linear for "
            "feature vectors, resnet8 for images]",
        ),
    ] = None,
    budget: Annotated[
        str, typer.Option(metavar="TIME", help="About how long it may take: 90s, 2h.")
    ] = "10min",
    seeds: Annotated[
        int | None,
        typer.Option(
            help="Repetitions, 3 or more. [default: as many as the budget allows, up "
            "to 10]"
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Features of the training set (.npy, as `embed` writes it), for "
            "linear heads in place of the pixels. Without a test set: of all examples."
        ),
    ] = None,
    test_features: Annotated[
        Path | None, typer.Option(help="Features of the test set, if there is one.")
    ] = None,
    resize: Annotated[
        int,
        typer.Option(
            min=8, help="Side, in pixels, to which images in files are resized."
        ),
    ] = 32,
    device: machine_options.Device = None,
    as_json: options.AsJson = False,
    *,
    picture: output.Picture,
) -> None:
    """Find which part of your data to keep, and what it costs.

    Trains on all examples and, with the same seeds, on the hardest, the easiest, the
    middle and random ones. FOLDER gets the answer in sentences, the ids to keep
    (keep.txt), costs.csv, classes.csv, a picture, galleries of images, and all scores
    and runs.

    \b
    Examples:
      pruning-laws compare -f 0.3 --model linear -o digits
      pruning-laws compare --data folder:PHOTOS -f 0.3 --budget 30min -o photos
      pruning-laws compare --data cifar10:FOLDER --features train.npy \\
        --test-features test.npy -f 0.3 -o cifar10
    """
    fraction, seconds = options.fraction(keep_fraction), _seconds(budget)

    from simulations.experiments.comparison import Question, opened
    from simulations.experiments.comparison import compare as ask
    from simulations.progress import progress_bar
    from simulations.vision.data import Images

    named = tuple(part.strip() for part in metrics.split(","))
    if features is None and test_features is not None:
        raise options.bad("--test-features", "they go with --features: give those, too")
    # refused, if it must be, before the data are read
    question = Question(
        keep_fraction=fraction, metrics=named, seeds=seeds, budget=seconds
    )
    if model is not None:
        question = replace(question, model=model)
    data = vision_options.labelled(data, labels)
    with output.working(f"reading {data}"):
        found = opened(data, size=resize, test_split=test_split)
    if model is None:
        linear = features is not None or not isinstance(found.train, Images)
        model = "linear" if linear else "resnet8"
    question = replace(question, model=model)

    def bar(total: int, what: str) -> AbstractContextManager[Any]:
        output.note(f"training: {total} {what}")
        return progress_bar(total, unit=what.partition(",")[0])

    with output.working("preparing the comparison", then="comparing"):
        answer = ask(
            question,
            found,
            output_folder,
            features=None if features is None else (features, test_features),
            device=device,
            say=output.note,
            bar=bar,
        )
    _draw(answer, found, output_folder, picture)
    if as_json:
        output.print_json(_dataset(answer))
    else:
        for line in answer.sentences:
            typer.echo(line)
    for line in answer.warnings:
        output.note(f"warning: {line}")
    output.note(
        f"wrote {output_folder / 'keep.txt'} and, beside it, all that it rests on"
    )


def _seconds(text: str) -> float:
    """Seconds of a time such as 90s, 10min or 2h.

    Raises:
        typer.BadParameter: It is no such time.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)\s*", text)
    if match is None:
        raise options.bad("--budget", f"{text!r} is not a time: write 90s, 10min or 2h")
    return float(match[1]) * _UNITS[match[2]]


def _draw(answer: Answer, data: Opened, folder: Path, picture: output.Picture) -> None:
    """The picture of the costs, and of images a gallery a metric."""
    from functools import partial

    import numpy as np

    from simulations.vision.data import Images

    with output.working("drawing the costs"):
        from figures import gallery, plotting, style
        from figures.saved import load_result

        plotting.save(load_result(folder), folder / "comparison.png")
    picture.emit_result(lambda: load_result(folder))
    if not isinstance(data.whole, Images):
        return
    for metric, scores in answer.scores.items():
        shown = np.unique(scores.labels)[:10].tolist()
        head = f"{style.words(metric)}, {data.whole.name}"
        draw = partial(gallery.draw_scores, head, data.whole, scores, 8, shown)
        with output.working(f"drawing the gallery of {metric}"):
            style.save(draw, folder / f"gallery_{metric}.png")


def _dataset(answer: Answer) -> Any:
    """Costs, and what they rest on, for JSON."""
    import xarray as xr

    found = xr.Dataset.from_dataframe(answer.costs)
    return found.drop_vars("index").assign_attrs(answer.about)
