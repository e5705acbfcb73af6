"""The examples of a prediction: features, labels and scores, as options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options, vision_options

if TYPE_CHECKING:
    from simulations.experiments.prediction import Examples


@dataclass(frozen=True)
class FeaturesAndScores:
    """What predictions are made from."""

    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Features, one row per example: .npy, as `embed` writes it, .npz, "
            ".csv or .parquet; with --labels, or of the data set of --data.",
        ),
    ] = None
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The labels of these features; with --data, labels in place of those "
            "of the data set, as in `train`.",
        ),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="A data set in place of --labels, such as digits, cifar10:FOLDER or "
            "arrays:EMBEDDINGS.npy,LABELS.npy[,IDS]; without --features its own "
            "vectors or pixels are taken.",
        ),
    ] = None
    split: vision_options.Split = "train"
    score: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A score file of these examples (high = hard), as `score` writes it, "
            "or scores of your own: .npy, .csv or .parquet, FILE:COLUMN if there are "
            "several columns; give it once for each score that is to be compared.",
        ),
    ] = None
    probe: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Score by the margin (--margin) of a logistic probe that is trained "
            "on N random examples, which are then left out.",
        ),
    ] = None
    components: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Take the first K principal components of the features, which may "
            "then have constant columns.",
        ),
    ] = None

    @property
    def given(self) -> bool:
        """Whether there are any."""
        return any(x is not None for x in (self.features, self.labels, self.data))

    def read(self, *, margin: str, ridge: float, seed: int) -> Examples:
        """Read them.

        Raises:
            typer.BadParameter: Files that do not go together.
            perceptron_theory.InputError: Files that are missing or do not fit.
        """
        if not self.given:
            raise options.bad("--features", "give --features and --labels, or --data")
        if self.labels is not None and self.data is None and self.features is None:
            raise options.bad("--labels", "it goes with --features or --data")
        if self.labels is None and self.data is None:
            raise options.bad("--features", "add their --labels, or their --data")

        from simulations.experiments.prediction import read_examples

        data, labels = self.data, self.labels
        if data is not None and labels is not None:
            data = vision_options.labelled(data, str(labels), self.split)
            labels = None
        return read_examples(
            data,
            self.score or (),
            features=self.features,
            labels=labels,
            split=self.split,
            components=self.components,
            probe=self.probe,
            margin=margin,
            ridge=ridge,
            seed=seed,
        )


def strategies(text: str, windows: list[float] | None) -> dict[str, Any]:
    """What ``--strategies`` and ``--window`` name, by these names.

    Raises:
        typer.BadParameter: a window or a mixture without its parameters.
        perceptron_theory.InputError: a name that is no rule.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    names += [f"window:{lower:g}" for lower in windows or ()]
    if not names:
        raise options.bad("--strategies", "is empty: give at least one")
    return {name: options.pruning_rule(name) for name in names}


def pools(text: str | None, count: int) -> list[int]:
    """Pool sizes; by default half of the examples, all, and ten times as many.

    Raises:
        typer.BadParameter: no numbers, or a part of an example.
    """
    if text is None:
        return [max(count // 2, 1), count, 10 * count]
    found: list[int] = []
    for part in text.split(","):
        if ":" in part:  # steps of a range are rarely whole
            found += [round(one) for one in options.numbers(part, "--pool")]
        else:
            found += options.whole_numbers(part, "--pool")
    return found
