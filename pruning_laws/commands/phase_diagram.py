"""``pruning-laws phase-diagram``: whether to keep hard, easy or random examples."""

from __future__ import annotations

import math

import typer

from .. import option_groups, options, output
from ..layout import width
from ..results import Results

_ROW = "f = {:8.4g}  "


def phase_diagram(
    alpha_tot: options.Pool,
    keep_fraction: options.KeepFraction,
    *,
    angle: option_groups.Angle,
    margin: options.Margin = "absolute",
    learner: option_groups.Learner,
    to: output.OverTheory,
) -> None:
    """Map where it is best to keep hard, easy or random examples.

    For every size of the pool (--alpha-tot) and fraction kept (-f) the errors of the
    three are compared. Printed are a map of the best one, and the lines where two of
    them are equally good.

    \b
    Examples:
      pruning-laws phase-diagram --alpha-tot 1:30:25 -f 0.05:1:25
      pruning-laws phase-diagram --alpha-tot 1:30:25 -f 0.05:1:25 \\
          --theta-degrees 20 -o phases.nc
    """
    loads = options.numbers(alpha_tot, "--alpha-tot")
    fractions = options.fractions(keep_fraction)
    theta = angle.one()
    how = learner.given()

    from perceptron_theory.choices.diagram import phases

    with output.working("solving the grid and its boundaries"):
        found = phases(loads, fractions, theta=theta, margin=margin, **how)
    to.emit(
        Results(*found),
        title=f"phase diagram of the {learner.title}, "
        f"theta = {math.degrees(theta):.6g}°, {margin} margin",
        show=_show,
    )


def _show(diagram: Results, title: str) -> None:
    """The best strategy as a map of letters, then the boundaries."""
    import numpy as np

    said = "h = keep hard, e = keep easy, r = keep random, '=' = all are equally good"
    output.say(output.paragraph(f"{title}: {said}"))
    of = {name: values for name, (_, values, _) in diagram.variables.items()}
    loads, fractions = (values for _, values, _ in diagram.coords.values())
    # as many as fit beside the names of the rows
    every = -(-len(loads) // max(width() - len(_ROW.format(1.0)), 1))
    for fraction, row in zip(fractions[::-1], of["best"].T[::-1], strict=True):
        letters = "".join("=" if best == "equal" else best[0] for best in row[::every])
        typer.echo(_ROW.format(fraction) + letters)
    shown = "left to right" if every == 1 else f"left to right, one of {every} shown"
    shown = f"  alpha_tot = {loads[0]:.4g} to {loads[-1]:.4g}, {shown}"
    typer.echo(output.paragraph(shown))
    for branch in np.unique(of["boundary_branch"]):
        here = of["boundary_branch"] == branch
        kind, x, y, best = (
            of[f"boundary_{name}"][here]
            for name in ("kind", "alpha_tot", "keep_fraction", "best")
        )
        real = "" if best.any() else " (another strategy is best there)"
        found = (
            f"boundary {kind[0]}: alpha_tot {x.min():.4g} to {x.max():.4g}, "
            f"f {y.min():.4g} to {y.max():.4g}{real}"
        )
        typer.echo(output.paragraph(found))
