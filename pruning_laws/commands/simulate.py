"""``pruning-laws simulate``: errors of trained students, with error bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import machine_options, option_groups, options, output

if TYPE_CHECKING:
    import xarray as xr

# in files and JSON only
HIDDEN = [f"quantile_{part}" for part in ("05", "25", "75", "95")]
HIDDEN += ["alpha_prune_realised", "keep_fraction_realised"]

NAMES = (
    "max_margin, perceptron, min_over, sgd, adam, gibbs, bayes_point, or "
    "ridge:LOSS:VALUE (a convex loss with ridge, as ridge:logistic:0.1)"
)


def simulate(
    alpha_prune: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help=f"Examples kept, per dimension. {options.NUMBERS_HELP}",
        ),
    ],
    keep_fraction: options.KeepFraction,
    *,
    angle: option_groups.Angle,
    rule: options.RuleName = "hard",
    margin: options.Margin = "absolute",
    student: Annotated[
        str,
        typer.Option(
            metavar="STUDENT", help=f"One or more, separated by commas: {NAMES}."
        ),
    ] = "max_margin",
    sizes: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help="Dimensions N; with three or more, errors are also extrapolated to "
            "infinite N.",
        ),
    ] = "200",
    draws: Annotated[
        int | None,
        typer.Option(help="Number of draws for each point and N. [default: 64]"),
    ] = None,
    relative_error: Annotated[
        float | None,
        typer.Option(
            help="Draw until the standard error is this fraction of the mean."
        ),
    ] = None,
    max_draws: Annotated[
        int, typer.Option(help="The most draws that --relative-error may take.")
    ] = 20_000,
    seed: Annotated[int, typer.Option(help="Random seed of all draws.")] = 0,
    pool: machine_options.Pool = "drawn",
    runners: machine_options.Runners,
    shard: machine_options.Shard = None,
    hosts: machine_options.Hosts,
    as_json: options.AsJson = False,
    table: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Write the table, as .nc or .csv, or its picture, as .png, .pdf or "
            ".svg; give it once for each file.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    plot: options.Plot = False,
    plot_files: options.PlotFiles = None,
    title: options.Title = None,
    size: options.Size = "slide",
    folder: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the draws."),
    ] = Path("results/simulation"),
) -> None:
    """Train students on pruned data and measure their errors.

    A draw is one pool with one student trained on what is kept of it. Finished draws
    are saved in FOLDER: after Ctrl-C or a crash the same command resumes, and several
    runs may share a folder. A draw is the same on whichever machine it is made.

    \b
    Examples:
      pruning-laws simulate --alpha-prune 1:8:4 -f 0.1,1 --workers 2
      pruning-laws simulate --alpha-prune 3 -f 1e-5 --pool direct --sizes 1000
      pruning-laws simulate --alpha-prune 3 -f 0.3 --student perceptron,max_margin
    """
    if draws is not None and relative_error is not None:
        raise options.bad("--draws", "give --draws or --relative-error, not both")
    drawn = plot, plot_files, title, size
    to = output.Destination(as_json, table, overwrite, *drawn)
    share = machine_options.shard(shard)
    thetas = angle.values()
    loads = options.numbers(alpha_prune, "--alpha-prune")
    fractions = options.fractions(keep_fraction)
    dimensions = options.whole_numbers(sizes, "--sizes")
    reports = hosts.join()

    from simulations.perceptron import simulated_errors

    dataset = simulated_errors(
        options.points(loads, fractions, thetas, rule, margin, student),
        sizes=dimensions,
        draws=64 if draws is None and relative_error is None else draws,
        relative_error=0.01 if relative_error is None else relative_error,
        max_draws=max_draws,
        seed=seed,
        pool=pool,
        output=folder,
        shard=share,
        machine=runners.machine(),
        progress=True,
    )
    if not reports:
        return
    to.emit(dataset, f"errors of trained students, seed {seed}", _show)
    output.note(f"draws are in {folder}")


def _show(dataset: xr.Dataset, title: str) -> None:
    output.print_tables(dataset.drop_vars(HIDDEN), title)
