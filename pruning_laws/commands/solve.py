"""``pruning-laws solve``: the error at points of a grid."""

from __future__ import annotations

from typing import Any

from .. import options, output
from ..results import Results

# what is printed of a solution, and what it means
FIELDS = {
    "alpha_tot": "examples per dimension before pruning",
    "alpha_prune": "kept examples per dimension",
    "error": "generalisation error arccos(overlap)/pi",
    "overlap": "overlap R of student and teacher",
    "probe_overlap": "overlap rho of student and probe",
    "margin": "margin kappa of the unit student",
    "residual": "relative residual of the saddle-point equations",
    "condition": "sum of |d ln error / d ln input|",
}


def solve(
    keep_fraction: options.KeepFraction,
    alpha_prune: options.AlphaPrune = None,
    alpha_tot: options.AlphaTot = None,
    theta: options.Theta = None,
    theta_degrees: options.ThetaDegrees = None,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    student: options.StudentName = "max_margin",
    as_json: options.AsJson = False,
    output_file: options.Output = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Error of a student over a grid.

    The grid is every combination of the numbers given; give the kept examples
    (--alpha-prune) or the examples before pruning (--alpha-tot).

    \b
    Examples:
      pruning-laws solve --alpha-prune 3 --keep-fraction 0.1
      pruning-laws solve --alpha-tot 30 -f 0.1,0.3,1 --theta-degrees 0,10,30
      pruning-laws solve --alpha-prune 1:100:50 -f 0.5 --rule easy -o easy.csv
      pruning-laws solve --alpha-prune 2 -f 0.5 --rule window:0.3125 --json
    """
    output.check_output(output_file, overwrite)
    results = grid(
        options.loads(alpha_prune, alpha_tot),
        options.numbers(keep_fraction, "--keep-fraction"),
        options.angles(theta, theta_degrees),
        rule=options.pruning_rule(rule),
        margin=margin,
        student=student,
    )
    results.attrs["rule"] = rule
    output.emit(
        results,
        title=f"{student.replace('_', '-')} student, {rule} rule, {margin} margin",
        as_json=as_json,
        path=output_file,
        overwrite=overwrite,
    )


def grid(
    loads: dict[str, list[float]],
    fractions: list[float],
    thetas: list[float],
    fields: dict[str, str] = FIELDS,
    **how: Any,
) -> Results:
    """The ``fields`` of a solution at every combination of the numbers given."""
    import numpy as np

    import perceptron_theory as pt

    ((load, values),) = loads.items()
    axes = {load: values, "keep_fraction": fractions, "theta": thetas}
    mesh = np.meshgrid(*axes.values(), indexing="ij")
    solution = pt.solve(**dict(zip(axes, mesh, strict=True)), **how)
    variables = {
        name: (tuple(axes), np.asarray(getattr(solution, name)), {"long_name": text})
        for name, text in fields.items()
        if name not in axes
    }
    attrs = {"margin": how["margin"], "student": how["student"]}
    return Results.over(axes, variables, attrs)
