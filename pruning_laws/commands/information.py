"""``pruning-laws information``: the version space and what an example tells of it."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import option_groups, options, output
from .solve import FIELDS, grid

_STUDENTS = ("gibbs", "bayes_point")
_FIELDS = {
    "alpha_tot": FIELDS["alpha_tot"],
    "alpha_prune": FIELDS["alpha_prune"],
    "self_overlap": "overlap of two students: q, of the version space",
    "overlap": FIELDS["overlap"],
    "probe_overlap": FIELDS["probe_overlap"],
    "error": FIELDS["error"],
    "entropy": "entropy: log volume of the version space per dimension",
    "information_gain": "information: gain -d entropy/d alpha_prune at fixed f",
    "residual": FIELDS["residual"],
}


def information(
    keep_fraction: options.KeepFraction,
    alpha_prune: options.AlphaPrune = None,
    alpha_tot: options.AlphaTot = None,
    *,
    angle: option_groups.Angle,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    student: Annotated[
        str,
        typer.Option(
            metavar="|".join(_STUDENTS),
            help="Whose overlaps and error are printed: those of a random student of "
            "the version space (gibbs) or of its centre (bayes_point).",
        ),
    ] = "gibbs",
    to: output.OverTheory,
) -> None:
    """Measure what one more example tells about the teacher.

    All students without training error make up the version space; the smaller it is,
    the more is known. Printed are its entropy (the logarithm of its volume per
    dimension), the information gain (by how much one more example at the same f lowers
    the entropy, in nats), the overlap of two random students in it (self_overlap), and
    the overlaps and the error of the student asked for.

    \b
    Examples:
      pruning-laws information --alpha-prune 1 --keep-fraction 0.5
      pruning-laws information --alpha-prune 0.1:30:40 -f 0.1,1 -o gain.csv
      pruning-laws information --alpha-tot 10 -f 0.3 --student bayes_point --json
    """
    if student not in _STUDENTS:
        from perceptron_theory.errors import unknown_name

        raise unknown_name("student", student, _STUDENTS)
    results = grid(
        options.loads(alpha_prune, alpha_tot),
        options.fractions(keep_fraction),
        angle.values(),
        _FIELDS,
        rule=options.pruning_rule(rule),
        margin=margin,
        student=student,
    )
    results.attrs["rule"] = rule
    to.emit(results, title=f"version space ({student}), {rule} rule, {margin} margin")
