"""``pruning-laws predict``: what pruning would do to a head, before it is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer

from .. import options, output, vision_options
from ..example_options import FeaturesAndScores, pools, strategies


def predict(
    keep_fraction: options.KeepFraction,
    *,
    examples: FeaturesAndScores,
    pool: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Examples before pruning, which may be more than there are: 4000, a "
            "list, or a range 1000:64000:7. [default: half of the examples, all, and "
            "ten times as many]",
        ),
    ] = None,
    strategies_asked: Annotated[
        str,
        typer.Option(
            "--strategies",
            metavar="RULES",
            help="Comma-separated: hard, easy, random (which is always there), "
            "window:LOWER, or mixture:SHARE:hard|easy.",
        ),
    ] = "hard,easy,random",
    window: Annotated[
        list[float] | None,
        typer.Option(
            metavar="LOWER",
            help="Also keep the fraction f from this quantile on, where 0 is the "
            "hardest; may be given several times.",
        ),
    ] = None,
    margin: options.Margin = "absolute",
    loss: Annotated[
        str,
        typer.Option(
            metavar="LOSS",
            help="The loss that the head minimises: logistic or square; for two "
            "classes also hinge or squared_hinge.",
        ),
    ] = "logistic",
    ridge: Annotated[
        float,
        typer.Option(
            help="Strength lambda of the weight decay: (N lambda/2) |w|^2 beside the "
            "sum of the losses, for N features that are centred and scaled so that "
            "the trace of their covariance is N."
        ),
    ] = 0.01,
    intercept: Annotated[
        bool, typer.Option("--intercept", help="Heads have a constant term.")
    ] = False,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Keep the same fraction of every class.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Train heads on pruned random pools of the examples, test them on "
            "the others, and print both side by side.",
        ),
    ] = False,
    repeats: Annotated[
        int, typer.Option(min=2, help="Pools of --check, for each prediction.")
    ] = 20,
    seed: vision_options.Seed = 0,
    to: output.Destination,
) -> None:
    """Predict what pruning does to a linear head.

    From features, labels and scores: the error of a head that is trained on the hard,
    the easy, random examples or a window, at each pool size and kept fraction, with a
    standard error; which is best; and how many random examples would give the same
    error (unpruned), and how many times the kept ones that is (saving). Several
    --score files are ranked. Nothing is trained or fitted: the equations average over
    the examples themselves.

    \b
    Examples:
      pruning-laws predict --data digits --components 30 --probe 300 -f 0.3
      pruning-laws predict --features x.npy --labels y.npy --score el2n.parquet \\
        --score margin.npy -f 0.1,0.3 --pool 5000,50000 --window 0.1
      pruning-laws predict --data digits --components 30 --probe 300 -f 0.3,0.5 \\
        --pool 800 --check -o digits.nc -o digits.png
    """
    fractions = options.fractions(keep_fraction)
    wanted = strategies(strategies_asked, window)
    if pool is not None:
        pools(pool, 0)  # refused, if it must be, before the data are read

    from simulations.experiments.prediction import (
        Question,
        predictions,
        sentences_on,
    )
    from simulations.progress import progress_bar

    with output.working("reading the examples"):
        found = examples.read(margin=margin, ridge=ridge, seed=seed)
    if not found.scores:
        wanted = _without_score(wanted)
    question = Question(
        pools=pools(pool, found.law.size),
        keep_fractions=fractions,
        strategies=wanted,
        loss=loss,
        ridge=ridge,
        intercept=intercept,
        per_class=per_class,
        repeats=repeats if check else 0,
        seed=seed,
    )

    def bar(total: int, what: str) -> AbstractContextManager[Any]:
        return progress_bar(total, unit=what, what="predicting")

    result = predictions(found, question, bar=bar)
    answer = "\n".join(sentences_on(result))
    to.emit(result.assign_attrs(answer=answer), title=answer)
    if (to.plot or to.output_files) and not to.as_json:  # in place of the table
        output.say(output.paragraph(answer))


def _without_score(wanted: dict[str, Any]) -> dict[str, Any]:
    """Random only, where nothing else was asked for."""
    if set(wanted) != {"hard", "easy", "random"}:
        return wanted
    output.note("no --score and no --probe: only random pruning is predicted")
    return {"random": wanted["random"]}
