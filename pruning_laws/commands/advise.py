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
        float, typer.Option(help="Examples in the pool, per dimension.")
    ],
    *,
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
