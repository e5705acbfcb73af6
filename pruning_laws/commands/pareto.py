"""``pruning-laws pareto``: the best fraction to keep, and what it buys."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from .. import option_groups, options, output
from ..results import Results


def pareto(
    alpha_prune: options.AlphaPrune = None,
    alpha_tot: options.AlphaTot = None,
    *,
    angle: option_groups.Angle,
    max_alpha_tot: Annotated[
        float | None,
        typer.Option(
            help="The largest pool there is, in examples per dimension. [default: no "
            "limit]"
        ),
    ] = None,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.OverTheory,
) -> None:
    """Find the fraction to keep that gives the least error.

    With --alpha-prune: the best f for each number of kept examples, whatever the size
    of the pool. With --alpha-tot: the best f for each size of the pool, as the paper
    draws its Pareto frontier.

    With a perfect probe (theta = 0), the hard rule and more than two kept examples per
    dimension, the error tends to 0 as f does: --max-alpha-tot limits the pool, so that
    the question has an answer.

    \b
    Examples:
      pruning-laws pareto --alpha-prune 1:100:20 --theta-degrees 10
      pruning-laws pareto --alpha-prune 1:10:10 --max-alpha-tot 100
      pruning-laws pareto --alpha-tot 1:300:30 --theta-degrees 20 -o pareto.nc
      pruning-laws pareto --alpha-prune 1,4 --loss logistic --ridge optimal
    """
    loads = options.loads(alpha_prune, alpha_tot)
    theta = angle.one()
    chosen = options.pruning_rule(rule)
    how = learner.given()

    from perceptron_theory.choices.pareto import frontier

    with output.working("minimising over the kept fraction"):
        found = frontier(
            **loads,
            theta=theta,
            max_alpha_tot=max_alpha_tot,
            rule=chosen,
            margin=margin,
            **how,
        )
    to.emit(
        Results(*found),
        title=f"Pareto frontier of the {learner.title}, "
        f"theta = {math.degrees(theta):.6g}°, {rule} rule, {margin} margin",
    )
