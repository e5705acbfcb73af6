"""``pruning-laws advise``: what to keep of the data one has."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from perceptron_theory.choices.attributes import text

from .. import option_groups, options, output
from ..results import Results

if TYPE_CHECKING:
    from perceptron_theory.choices.advice import Advice


def advise(
    alpha_tot: Annotated[
        float, typer.Option(help="Examples per dimension of the data there are.")
    ],
    *,
    angle: option_groups.Angle,
    max_alpha_prune: Annotated[
        float | None, typer.Option(help="The most per dimension that may be kept.")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="How far above the error of all data is still as good."),
    ] = 0.05,
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.Destination,
) -> None:
    """What to keep of the data one has, and what it buys.

    Says which of hard, easy and random to keep and how much, the predicted error, how
    many unpruned examples would give the same, the fewest that are as good as all, and
    what a theta that is wrong by 2 degrees would change.

    \b
    Examples:
      pruning-laws advise --alpha-tot 10 --theta-degrees 10
      pruning-laws advise --alpha-tot 30 --theta-degrees 20 --max-alpha-prune 5
    """
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


def _results(advice: Advice) -> Results:
    """The three choices side by side; the rest as attributes."""
    choices = {
        "best": advice.best,
        "within_budget": advice.within_budget,
        "fewest": advice.fewest,
    }
    if advice.max_alpha_prune is None:
        del choices["within_budget"]
    rows = [dataclasses.asdict(choice) for choice in choices.values()]
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
    return Results.over({"choice": choices}, columns, attrs)
