"""``pruning-laws pareto``: the best fraction to keep, and what it buys."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import option_groups, options, output


def pareto(
    alpha_prune: options.AlphaPrune = None,
    alpha_tot: options.AlphaTot = None,
    *,
    angle: option_groups.Angle,
    max_alpha_tot: Annotated[
        float | None,
        typer.Option(help="The largest pool there is; without it any f is allowed."),
    ] = None,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.OverTheory,
) -> None:
    """The kept fraction with the least error (Pareto).

    With --alpha-prune, the best f for each number of kept examples. With
    --alpha-tot, the envelope as the paper draws it: f and the kept examples as
    functions of the pool.

    With a perfect probe (theta = 0) and more than two kept examples per dimension
    the best f is 0 and the error with it: --max-alpha-tot makes the question finite.

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

    import perceptron_theory as pt

    with output.working("minimising over the kept fraction"):
        frontier = pt.pareto_frontier(
            **loads,
            theta=theta,
            max_alpha_tot=max_alpha_tot,
            rule=chosen,
            margin=margin,
            **how,
        )
    to.emit(
        frontier,
        title=f"Pareto frontier of the {learner.title}, "
        f"theta = {theta:.6g}, {rule} rule, {margin} margin",
    )
