"""``pruning-laws active-rounds``: students that select for their successors."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from .. import option_groups, options, output


def active_rounds(
    keep_fraction: Annotated[
        str,
        typer.Option(
            "--keep-fraction",
            "-f",
            metavar="NUMBERS|best",
            help="The fraction f of each pool that is kept, one for all rounds or a "
            "list of one for each; best takes the f with the least error in every "
            "round.",
        ),
    ],
    alpha_prune: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Labels bought per dimension, one number for all rounds or a list of "
            "one for each.",
        ),
    ] = None,
    alpha_tot: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Examples in each pool, per dimension: a number, or a list.",
        ),
    ] = None,
    rounds: options.Rounds = 10,
    first_degrees: Annotated[
        float,
        typer.Option(
            min=0,
            max=90,
            help="Angle between the first probe and the teacher in degrees; at 90 it "
            "knows nothing.",
        ),
    ] = 90.0,
    *,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    max_alpha_tot: Annotated[
        float | None,
        typer.Option(
            help="The largest pool there is, in examples per dimension, with -f best. "
            "[default: no limit]"
        ),
    ] = None,
    all_labels: Annotated[
        bool,
        typer.Option(
            "--all-labels",
            help="Train each student on the labels of all rounds so far, not of its "
            "own alone; for --loss square.",
        ),
    ] = False,
    at_rest: options.AtRest = False,
    to: output.Destination,
) -> None:
    """Let students choose the next student's examples.

    This is active learning: in every round a fresh pool is scored by the student of
    the round before, a part of it is labelled, and the next student is trained on it.
    Beside each error stand those of as many random labels (random_error: as many as
    in this round; random_all_error: as all rounds have bought) and of a perfect probe
    (perfect_error); gain is the error before the round over that after it.

    With --at-rest: the errors at which nothing changes any more. slope is what a round
    leaves of a small distance from there; where it is below 1 in size, rest is stable.

    \b
    Examples:
      pruning-laws active-rounds --alpha-prune 4 -f best
      pruning-laws active-rounds --alpha-prune 4 -f 0.2 --at-rest
      pruning-laws active-rounds --rounds 3 --alpha-prune 2,4,4 -f 1,0.5,0.3
      pruning-laws active-rounds --alpha-prune 1.5 -f 0.3 --loss square \\
          --ridge 0.2 --all-labels
    """
    best = keep_fraction.strip() == "best"
    how: dict[str, Any] = {
        name: _few(values)
        for name, values in options.loads(alpha_prune, alpha_tot).items()
    }
    how["keep_fraction"] = "best" if best else _few(options.fractions(keep_fraction))
    how |= {"rule": options.pruning_rule(rule), "margin": margin}

    import perceptron_theory as pt

    how["student"] = learner.student_object()
    if at_rest:
        if best or max_alpha_tot is not None or all_labels or first_degrees != 90:
            raise options.bad(
                "--at-rest",
                "it takes one number for -f, and neither --max-alpha-tot, --all-labels "
                "nor --first-degrees",
            )
        with output.working("searching where the rounds end"):
            found = pt.selection_fixed_points(**how)
    else:
        with output.working("solving round by round"):
            found = pt.selection_rounds(
                rounds=rounds,
                first_theta=math.radians(first_degrees),
                max_alpha_tot=max_alpha_tot,
                all_labels=all_labels,
                **how,
            )
    what = "rounds of selection at rest" if at_rest else "rounds of selection"
    to.emit(found, title=f"{what}, {learner.title}, {rule} rule, {margin} margin")


def _few(values: list[float]) -> float | list[float]:
    """One number as one, a list as a list."""
    return values[0] if len(values) == 1 else values
