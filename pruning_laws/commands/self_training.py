"""``pruning-laws self-training``: students that label for their successors."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from .. import option_groups, options, output


def self_training(
    keep_fraction: options.OneFraction = None,
    alpha_prune: options.OneLoad = None,
    alpha_tot: options.OnePool = None,
    rounds: options.Rounds = 10,
    label_degrees: Annotated[
        float,
        typer.Option(
            min=0,
            max=180,
            help="Angle, in degrees, between the labels of the first pool and the "
            "truth.",
        ),
    ] = 30.0,
    probe_degrees: Annotated[
        float,
        typer.Option(
            min=0, max=180, help="Angle between the probe and the truth, in degrees."
        ),
    ] = 20.0,
    between_degrees: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=90,
            help="Angle, in degrees, between the labels of the first pool and the "
            "probe. [default: as if their errors had nothing to do with each other]",
        ),
    ] = None,
    *,
    rule: options.RuleName = "random",
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    at_rest: options.AtRest = False,
    to: output.Destination,
) -> None:
    """Let students label the next student's pool, round by round.

    In every round a fresh pool is labelled by the student of the round before, and
    pruned by the same probe. Printed are the error against the truth and the cosines
    with truth and probe; label_error is the error against the labels of the round.
    Without pruning (-f 1) all is forgotten in the end. With --rule agreeing:easy only
    examples are kept on which the probe agrees with the label, and of these the easy
    ones.

    With --at-rest: where the rounds end, whatever the first labels were; rest is
    stable where the slope is below 1 in size.

    \b
    Examples:
      pruning-laws self-training --alpha-tot 5 -f 1
      pruning-laws self-training --alpha-tot 5 -f 0.2 --rule agreeing:easy
      pruning-laws self-training --alpha-tot 5 -f 0.2 --rule easy --at-rest
    """
    how: dict[str, Any] = {
        "alpha_prune": alpha_prune,
        "alpha_tot": alpha_tot,
        "keep_fraction": keep_fraction,
        "rule": options.pruning_rule(rule),
        "margin": margin,
    }
    if keep_fraction is None:
        raise options.bad("--keep-fraction", "is missing: 1 keeps all")

    import perceptron_theory as pt

    how["student"] = learner.student_object()
    label, probe = math.radians(label_degrees), math.radians(probe_degrees)
    if at_rest:
        with output.working("searching where the rounds end"):
            found = pt.self_training_fixed_points(probe_angle=probe, **how)
    else:
        between = math.acos(math.cos(label) * math.cos(probe))
        if between_degrees is not None:
            between = math.radians(between_degrees)
        three = pt.ThreeDirections(label, probe, between)
        with output.working("solving round by round"):
            found = pt.self_training(three, rounds=rounds, **how)
    what = "self-training at rest" if at_rest else "self-training"
    to.emit(found, title=f"{what}, {learner.title}, {rule} rule, {margin} margin")
