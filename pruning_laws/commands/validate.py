"""``pruning-laws validate``: theory against simulation, with a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import machine_options, option_groups, options, output

if TYPE_CHECKING:
    from simulations.perceptron import Point


def validate(
    alpha_prune: options.AlphaPrune = None,
    keep_fraction: options.Fractions = None,
    *,
    angle: option_groups.Angle,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    sizes: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help="Dimensions N: a single one, or three or more for an extrapolation to "
            "infinite N.",
        ),
    ] = "50,100,200",
    draws: Annotated[
        int | None,
        typer.Option(
            help="Number of draws for each point. [default: until it is precise enough]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of all draws.")] = 0,
    student: Annotated[
        str,
        typer.Option(
            metavar="STUDENT",
            help="One or more, separated by commas: max_margin, gibbs, bayes_point or "
            "ridge:LOSS:VALUE.",
        ),
    ] = "max_margin",
    pool: machine_options.Pool = "drawn",
    runners: machine_options.Runners,
    quick: Annotated[
        bool, typer.Option("--quick", help="Check a few points only, at N = 200.")
    ] = False,
    suite: Annotated[
        str,
        typer.Option(
            metavar="standard|large|sampled",
            help="Points to check: standard, 43 chosen ones; large, 170 over all "
            "rules, angles and trained students; sampled, 40 with students "
            "sampled from the version space.",
        ),
    ] = "standard",
    shard: machine_options.Shard = None,
    hosts: machine_options.Hosts,
    as_json: options.AsJson = False,
    picture: output.Picture,
    folder: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder of the draws and the report.",
        ),
    ] = Path("results/validation"),
) -> None:
    """Check the theory against the errors of trained perceptrons.

    Without --alpha-prune and -f, the points of a suite are checked: hard, easy, random
    and mixed rules, both margins, theta = 0, 10 and 30 degrees. The exit status is 1 if
    theory and simulation disagree; the criterion allows for the number of comparisons
    and for the finite dimension N.

    Finished draws are saved in FOLDER: after Ctrl-C the same command resumes.

    \b
    Examples:
      pruning-laws validate --quick -o validation --plot agreement.png
      pruning-laws validate --suite large --sizes 100,200,400 --workers 8
      pruning-laws validate
      pruning-laws validate --alpha-prune 2,4 -f 0.25,0.5 --theta-degrees 20
    """
    chosen = _points(
        alpha_prune,
        keep_fraction,
        angle.values(),
        rule,
        margin,
        student,
    )
    dimensions = options.whole_numbers(sizes, "--sizes")

    options.check_choice("--suite", suite, ("standard", "large", "sampled"))
    if suite != "standard" and (quick or chosen):
        raise options.bad("--suite", "has its own points: leave out --quick and -f")
    share = machine_options.shard(shard)
    reports = hosts.join()

    from simulations.perceptron import run_validation
    from simulations.perceptron.studies.large_suite import large_points, sampled_points
    from simulations.perceptron.studies.suite import DEMO_POINTS, VALIDATION_POINTS
    from simulations.perceptron.studies.validation import draw_share

    if suite == "standard":
        points = chosen or (DEMO_POINTS if quick else VALIDATION_POINTS)
    else:
        points = large_points() if suite == "large" else sampled_points()
    settings = {
        "sizes": (200,) if quick else dimensions,
        "draws": draws,
        "seed": seed,
        "pool": pool,
        "output": folder,
        "machine": runners.machine(),
    }
    if share:
        draw_share(points, share, **settings)
        if not reports:
            return
        output.note(
            f"share {shard} is drawn in {folder}; the same command "
            "without --shard gives the verdict"
        )
        return
    report = run_validation(points, **settings)
    if not reports:
        return
    if as_json:
        report.dataset.attrs["passed"] = int(report.passed)
        output.print_json(report.dataset)
    else:
        output.print_rich(report.table())
        output.say(output.paragraph(report.describe()))
    with output.working("drawing the report"):
        from figures import z_scores

        z_scores.save(report.dataset, folder / "report.png")
    output.note(f"draws and report (.csv, .nc, .png) are in {folder}")
    picture.emit_result(lambda: report.dataset)
    if not report.passed:
        raise typer.Exit(1)


def _points(
    alpha_prune: str | None,
    keep_fraction: str | None,
    thetas: list[float],
    rule: str,
    margin: str,
    student: str,
) -> list[Point]:
    """Every combination of the numbers given; none if none were."""
    if (alpha_prune is None) != (keep_fraction is None):
        raise options.bad("--alpha-prune, -f", "give both or neither")
    if alpha_prune is None or keep_fraction is None:
        plain = ("hard", "absolute", "max_margin")
        if any(thetas) or (rule, margin, student) != plain:
            raise options.bad(
                "--alpha-prune, -f",
                "theta, --rule, --margin and --student are for the points of "
                "--alpha-prune and -f",
            )
        return []
    loads = options.numbers(alpha_prune, "--alpha-prune")
    fractions = options.fractions(keep_fraction)
    return options.points(loads, fractions, thetas, rule, margin, student)
