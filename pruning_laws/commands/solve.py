"""``pruning-laws solve``: the error at points of a grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from perceptron_theory.choices.attributes import text

from .. import option_groups, options, output, targets
from ..results import INPUTS, Results

# what is printed of a solution, and what it means: a name, and what there is to add
FIELDS = {
    "alpha_tot": "pool examples",
    "alpha_prune": "kept examples",
    "error": "generalisation error: arccos(overlap)/pi",
    "overlap": "overlap with the teacher: R",
    "probe_overlap": "overlap with the probe: rho",
    "margin": "margin: kappa, of the unit student",
    "residual": "relative residual: of the saddle-point equations",
    "condition": "condition: sum of |d ln error / d ln input|",
}

UNITS = {"entropy": "nats", "information_gain": "nats/example"}

Problem = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Solve again the one point that --save-problem wrote to this file.",
    ),
]
SaveProblem = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the first point that cannot be solved to this file, to report it.",
    ),
]


def solve(
    keep_fraction: options.Fractions = None,
    alpha_prune: options.AlphaPrune = None,
    alpha_tot: options.AlphaTot = None,
    *,
    angle: option_groups.Angle,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    problem: Problem = None,
    save_problem: SaveProblem = None,
    to: output.OverTheory,
) -> None:
    """Compute the error of a student, at a point or over a grid.

    Give the fraction that is kept (-f) and either the examples kept per dimension
    (--alpha-prune) or those in the pool (--alpha-tot). The grid is every combination
    of the numbers given. The theory is that of infinitely many dimensions.

    Printed beside the error: overlap, the cosine between student and teacher;
    probe_overlap, that between student and probe; margin, the least distance of a kept
    example from the student's boundary; condition, which says how much rounding may
    matter (the relative error of `error` is about 1e-16 times condition).

    \b
    Examples:
      pruning-laws solve --alpha-prune 3 --keep-fraction 0.1
      pruning-laws solve --alpha-tot 30 -f 0.1,0.3,1 --theta-degrees 0,10,30
      pruning-laws solve --alpha-prune 1:100:50 -f 0.5 --rule easy -o easy.csv
      pruning-laws solve --alpha-prune 2 -f 0.5 --rule window:0.3125 --json
      pruning-laws solve --alpha-prune 2 -f 0.5 --loss logistic --ridge 0.1
    """
    targets.check_new(save_problem, to.overwrite)
    if problem is not None:
        _repeat(problem, to)
        return
    if keep_fraction is None:
        raise options.bad("--keep-fraction", "is missing")
    student = learner.student_object()
    with _kept_problem(save_problem, to.overwrite):
        results = grid(
            options.loads(alpha_prune, alpha_tot),
            options.fractions(keep_fraction),
            angle.values(),
            rule=options.pruning_rule(rule),
            margin=margin,
            student=student,
        )
    results.attrs["rule"] = rule
    to.emit(results, title=f"{learner.title}, {rule} rule, {margin} margin")


@contextmanager
def _kept_problem(path: Path | None, overwrite: bool) -> Iterator[None]:
    """Write the point that fails to a file, or say that this is possible."""
    from perceptron_theory import ConvergenceError

    try:
        yield
    except ConvergenceError as error:
        if path is None:
            raise ConvergenceError(
                f"{error}; --save-problem FILE writes the point to a file for a report"
            ) from error
        from perceptron_theory import save_problem

        save_problem(error, path, overwrite)
        output.note(f"wrote {path}: pruning-laws solve --problem {path} repeats it")
        raise


def _repeat(path: Path, to: output.OverTheory) -> None:
    """Solve the point of a problem file."""
    from perceptron_theory import load_problem

    given = load_problem(path)
    load = "alpha_tot" if "alpha_tot" in given else "alpha_prune"
    axes = [given.pop(name, None) for name in (load, "keep_fraction", "theta")]
    if axes[1] is None:
        raise options.bad("--problem", "holds no keep fraction")
    results = grid({load: [axes[0]]}, [axes[1]], [axes[2] or 0.0], **given)
    results.attrs["rule"] = given["rule"].text
    to.emit(
        results,
        title=f"the problem of {path}: {given['student'].name}, {given['rule'].text}",
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
    with output.working("solving"):
        solution = pt.solve(**dict(zip(axes, mesh, strict=True)), **how)
    variables = {
        name: (tuple(axes), np.asarray(getattr(solution, name)), about(name, fields))
        for name in fields
        if name not in axes
    }
    student = how["student"]
    attrs = {"margin": how["margin"], "student": getattr(student, "name", student)}
    return Results.over(axes, variables, attrs)


def about(name: str, fields: dict[str, str]) -> dict[str, str]:
    """What a file says of a variable."""
    if name in INPUTS:
        return INPUTS[name]
    long_name, _, more = fields[name].partition(": ")
    return text(long_name, UNITS.get(name, "1"), more)
