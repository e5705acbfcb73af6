"""``pruning-laws laws``: what law do the errors of an experiment follow?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options, output, vision_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_NAMES = {
    "kept": "kept examples",
    "presentations": "examples seen in training",
    "flops": "operations of the training",
    "seconds": "seconds of a run",
}


def laws(
    table: vision_options.RunTable,
    model: Annotated[
        str,
        typer.Option(
            help="The law whose exponent is printed: power, or power_floor (a power of "
            "the data plus a constant)."
        ),
    ] = "power_floor",
    against: Annotated[
        str,
        typer.Option(
            metavar="kept|presentations|flops|seconds",
            help="What the error is plotted against: examples kept, examples seen in "
            "training, operations, or seconds.",
        ),
    ] = "kept",
    resamples: Annotated[
        int,
        typer.Option(
            min=10, help="Number of bootstrap samples of the seeds, for 95 % intervals."
        ),
    ] = 100,
    seed: Annotated[
        int, typer.Option(min=0, help="Random seed of the resampling.")
    ] = 0,
    *,
    to: output.Destination,
) -> None:
    """Fit how the errors of an experiment fall with the data.

    Prints the exponent of the error at each kept fraction, and which law (a power, a
    power with a floor, an exponential) fits the best errors over all fractions, the
    Pareto envelope. A verdict on the law needs at least 8 sizes.

    \b
    Examples:
      pruning-laws laws digits --model power
      pruning-laws laws digits -o laws.png
    """
    import xarray as xr

    from simulations.experiments import read_table
    from simulations.experiments.laws import (
        COSTS,
        ENOUGH_SEEDS,
        by_cost,
        compare_laws,
        envelope,
        exponents,
        means,
    )

    options.check_choice("--model", model, ("power", "power_floor"))
    options.check_choice("--against", against, tuple(COSTS))
    found_rows = read_table(table)
    rows = by_cost(found_rows, against)
    with output.working("fitting"):
        found = exponents(rows, model, resamples=resamples, seed=seed)
        whole = rows["strategy"].to_numpy() == "unpruned"
        unpruned = means(rows.loc[whole], ["size"])
        curves = {"unpruned": unpruned}
        if len(set(rows["seed"])) >= ENOUGH_SEEDS:
            curves["envelope"] = envelope(rows)
        sizes = len(set(rows["size"]))
        compared = {name: compare_laws(one, sizes) for name, one in curves.items()}
    result = xr.Dataset(
        {name: ("curve", found[name].to_numpy()) for name in found.columns}
    )
    for name, each in compared.items():
        for column in each.columns:
            result[f"{name}_{column}"] = (f"law_of_{name}", each[column].to_numpy())
    if "envelope" in curves:
        for column in curves["envelope"].columns:
            values = curves["envelope"][column].to_numpy()
            result[f"envelope_at_{column}"] = ("place", values)
    else:
        output.note(
            f"fewer than {ENOUGH_SEEDS} seeds, of which half choose an "
            "envelope, so none "
            "is given"
        )
    result.attrs = {
        "exponents_of": model,
        "kept_stands_for": against,
        "resamples": resamples,
        "seed": seed,
    }

    def draw() -> Figure:
        from figures import scaling

        points = scaling.points_of(found_rows, against)
        return scaling.draw(points, _NAMES[against])

    to.emit(result, title=f"error against {_NAMES[against]}, {model}", draw=draw)
