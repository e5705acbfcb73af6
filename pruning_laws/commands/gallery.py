"""``pruning-laws gallery``: the easiest and hardest images of each class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import options, output, vision_options


def gallery(
    scores_file: vision_options.ScoreFile,
    output_file: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture: a .png, .pdf or .svg file.",
        ),
    ],
    data: vision_options.Data = "digits",
    split: vision_options.Split = "train",
    per_class: Annotated[
        int, typer.Option(min=1, help="Number of images of each class on either side.")
    ] = 8,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Classes to draw, separated by commas. [default: the first ten]",
        ),
    ] = None,
    size: Annotated[
        int,
        typer.Option(min=8, help="Pixels per side that large images are shrunk to."),
    ] = 96,
    title: options.Title = None,
    seed: vision_options.Seed = 0,
    overwrite: options.Overwrite = False,
) -> None:
    """Draw the easiest and the hardest images of each class.

    The easiest ones are on the left, the hardest on the right. Where only some of the
    images have scores, they are matched by their ids.

    \b
    Examples:
      pruning-laws gallery prototypes.parquet -o gallery.png
      pruning-laws gallery el2n.parquet --data cifar10:FOLDER --classes cat,dog -o e.png
      pruning-laws gallery answer/scores/el2n.parquet --data folder:PHOTOS -o g.png
    """
    vision_options.check_picture(output_file, overwrite, "--output")

    from figures import gallery as figure
    from figures import style
    from simulations.vision.data import load
    from simulations.vision.scored_part import scores_and_part

    with output.working("reading the images"):
        dataset = load(data, split)
    scores, part = scores_and_part(scores_file, dataset)
    if len(part) < len(dataset):
        output.note(
            f"{len(dataset) - len(part):,} of the {len(dataset):,} images of "
            f"{dataset.name} have no score in {scores_file.name} and are not shown"
        )
    chosen = _classes(classes, dataset.class_names, scores.labels)
    said = title or f"{scores.metric.replace('_', ' ')}, {scores.dataset}"
    with output.working("drawing the images"):
        style.save(
            lambda: figure.draw_scores(
                said, part, scores, per_class, chosen, seed=seed, size=size
            ),
            output_file,
        )
    output.note(f"wrote {output_file}")


def _classes(text: str | None, names, labels) -> list[int]:
    """Numbers of the classes that were named; of the first ten that have examples."""
    import numpy as np

    from perceptron_theory.errors import unknown_name

    if text is None:
        return np.unique(labels)[:10].tolist()
    place = {name: i for i, name in enumerate(names)}
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in place:
            raise unknown_name("class", name, place)
    return [place[name] for name in dict.fromkeys(wanted)]
