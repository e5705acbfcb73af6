"""``pruning-laws advise``: what to keep of the data one has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from perceptron_theory.choices.attributes import text

from .. import option_groups, options, output
from ..example_options import FeaturesAndScores
from ..results import Results

if TYPE_CHECKING:
    from perceptron_theory.choices.advice import Advice


def advise(
    alpha_tot: options.OnePool = None,
    *,
    examples: FeaturesAndScores,
    angle: option_groups.Angle,
    max_alpha_prune: Annotated[
        float | None,
        typer.Option(
            help="The most examples per dimension that may be kept. [default: all]"
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            help="How far above the error of the whole pool still counts as equally "
            "good, as a fraction of that error."
        ),
    ] = 0.05,
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.Destination,
) -> None:
    """Advise what to keep of a pool, and say what that buys.

    The answer names which examples to keep (hard, easy or random) and how many, the
    predicted error, how many unpruned examples would give the same error, the fewest
    that are as good as all of them, and what changes if theta is wrong by 2 degrees.

    With features, labels and a score in place of --alpha-tot and an angle, it says
    which is best of keeping the hardest or the easiest 10 to 70 %, as `predict` does.

    \b
    Examples:
      pruning-laws advise --alpha-tot 10 --theta-degrees 10
      pruning-laws advise --alpha-tot 30 --theta-degrees 20 --max-alpha-prune 5
      pruning-laws advise --features x.npy --labels y.npy --score el2n.parquet
    """
    if examples.given:
        if alpha_tot is not None or angle != option_groups.Angle():
            raise options.bad(
                "--alpha-tot", "leave it and the angle out: the data have their own"
            )
        _of_examples(examples, learner, margin, to)
        return
    if alpha_tot is None:
        raise options.bad("--alpha-tot", "is missing; or give --features and --labels")
    theta = angle.one()
    how = learner.given()

    from perceptron_theory.choices.advice import advise as ask

    with output.working("comparing the rules"):
        advice = ask(
            alpha_tot=alpha_tot,
            theta=theta,
            margin=margin,
            max_alpha_prune=max_alpha_prune,
            tolerance=tolerance,
            **how,
        )
    to.emit(_results(advice), title=advice.text)


_FRACTIONS = (0.1, 0.2, 0.3, 0.5, 0.7)


def _of_examples(
    examples: FeaturesAndScores,
    learner: option_groups.Learner,
    margin: str,
    to: output.Destination,
) -> None:
    """The advice on one's own examples."""
    if examples.probe is None and not examples.score:
        raise options.bad("--score", "is missing: give a score file, or --probe N")
    loss = "logistic" if learner.loss is None else learner.loss
    ridge = 0.01 if learner.ridge is None else learner.given()["ridge"]
    if ridge == "optimal" or learner.flip_probability:
        raise options.bad(
            "--ridge", "for examples of your own give a number, and no flips"
        )

    from simulations.experiments.prediction import Question, advice_on, predictions
    from simulations.progress import progress_bar

    with output.working("reading the examples"):
        found = examples.read(margin=margin, ridge=ridge, seed=0)
    question = Question(
        pools=[found.law.size],
        keep_fractions=_FRACTIONS,
        strategies={"hard": "hard", "easy": "easy"},
        loss=loss,
        ridge=ridge,
    )
    result = predictions(
        found, question, bar=lambda total, what: progress_bar(total, unit=what)
    )
    text = advice_on(result)
    to.emit(result.assign_attrs(advice=text), title=text)


def _results(advice: Advice) -> Results:
    """The three choices side by side; the rest as attributes."""
    rows = [dataclasses.asdict(choice) for choice in advice.choices.values()]
    attrs = {
        "alpha_tot": advice.alpha_tot,
        "theta": advice.theta,
        "margin": advice.margin,
        "pool_error": advice.pool_error,
        "tolerance": advice.tolerance,
        "advice": advice.text,
    }
    if advice.max_alpha_prune is not None:
        attrs["max_alpha_prune"] = advice.max_alpha_prune
    columns = {
        name: (("choice",), [row[name] for row in rows], text(name.replace("_", " ")))
        for name in rows[0]
    }
    return Results.over({"choice": advice.choices}, columns, attrs)
