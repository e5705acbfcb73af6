"""Simulated errors with error bars: tables over points and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from perceptron_theory import InputError
from perceptron_theory.choices.attributes import KEPT, PER_DIMENSION, text

from ..naming import require, whole_number
from ..running.machine import Machine
from ..running.point import Point
from ..running.progress import drawn
from ..running.sweep import Part, shard_of, summaries
from .agreement import extrapolate

# the fields of a Summary in their order
_DESCRIPTIONS = {
    "mean": "mean error of the students",
    "standard_error": "standard error of the mean",
    "median": "median error",
    "median_error": "standard error of median",
    "quantile_05": "5 % quantile of the error",
    "quantile_25": "25 % quantile of the error",
    "quantile_75": "75 % quantile of the error",
    "quantile_95": "95 % quantile of the error",
    "alpha_prune_realised": "P/N",
    "keep_fraction_realised": "P/P_tot",
    "draws": "number of draws",
}


def simulated_errors(
    points: Sequence[Point],
    *,
    sizes: Sequence[int] = (200,),
    draws: int | None = 64,
    relative_error: float = 0.01,
    max_draws: int = 20_000,
    seed: int = 0,
    pool: str = "drawn",
    output: str | Path | None = None,
    shard: tuple[int, int] | None = None,
    machine: Machine | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Errors of simulated students at a list of points, as for Fig. 1A of the paper.

    Args:
        points: the parameters; their ``precision`` is not used.
        sizes: input dimensions N; with three or more the mean is extrapolated in 1/N.
        draws: repetitions for each point and N, at least 2; None draws until the
            standard error of each mean is ``relative_error`` of it, or ``max_draws``.
        relative_error: in (0, 1).
        max_draws: at least 2.
        seed: seed of all draws.
        pool: "drawn", or "direct" as in ``simulate``.
        output: folder to keep the draws in, to go on with after an interruption; it
            may be the folder of a validation of the same seed.  None keeps nothing.
        shard: (i, n) takes the i-th of n shares of the points, i from 1: the others are
            for other machines, and all can keep their draws in one folder.
        machine: what to compute on; by default all devices of this process.
        progress: show a bar on stderr.

    Returns:
        Dataset over ``point`` and ``size`` of mean, standard_error, median,
        median_error, quantiles (errors are fractions of misclassified examples), draws,
        and the realised P/N and P/P_tot; the parameters are coordinates of ``point``.
        With three or more sizes also error_at_infinity, its standard error
        (error_at_infinity_error), and fit_p_value: the chance of a worse fit of
        a + b/N, which does not hold where it is tiny.

    Raises:
        InputError: there are no points or sizes, or fewer than 2 draws; the shard is
            bad, or the ``output`` belongs to something else.
        ConvergenceError: students failed; the draws of all others are kept.
    """
    sizes = tuple(dict.fromkeys(whole_number(size, "sizes") for size in sizes))
    seed, max_draws = whole_number(seed, "seed"), whole_number(max_draws, "max_draws")
    draws = None if draws is None else whole_number(draws, "draws")
    fewest = max_draws if draws is None else min(draws, max_draws)
    if not len(points) or not sizes or fewest < 2:
        raise InputError(
            f"need points, sizes and at least 2 draws; got {len(points)} points, "
            f"{len(sizes)} sizes, {draws if draws is not None else max_draws} draws"
        )
    good = 0 < relative_error < 1
    require(good, "relative_error must lie in (0, 1)", relative_error)
    points = shard_of(points, shard)
    if not points:
        raise InputError(f"shard {shard} has no points: there are fewer than shards")
    parts = [
        Part(point, size, draws, relative_error, max_draws)
        for point in points
        for size in sizes
    ]
    how = {"seed": seed, "pool": pool, "machine": machine, "progress": progress}
    with drawn(parts, output, **how) as store:
        table = np.array(summaries(parts, store))
    table = table.reshape(len(points), len(sizes), -1)

    def on(values: list[float], *about: str) -> tuple[str, list[float], dict[str, str]]:
        return "point", values, text(*about)

    dataset = xr.Dataset(
        {
            name: (("point", "size"), table[..., i], text(said))
            for i, (name, said) in enumerate(_DESCRIPTIONS.items())
        },
        coords={
            "size": ("size", list(sizes), text("input dimension N")),
            "alpha_prune": on([p.alpha_prune for p in points], KEPT, PER_DIMENSION),
            "keep_fraction": on([p.fraction for p in points], "kept fraction"),
            "theta": on([p.theta for p in points], "probe angle", "rad"),
            "rule": ("point", [point.rule_name for point in points]),
            "margin": ("point", [point.margin for point in points]),
            "student": ("point", [point.student_name for point in points]),
        },
        attrs={"seed": seed, "pool": pool},
    )
    dataset["draws"] = dataset["draws"].astype(int)
    return dataset if len(set(sizes)) < 3 else _extrapolated(dataset)


def _extrapolated(dataset: xr.Dataset) -> xr.Dataset:
    """Add the mean error at infinite N, by a fit of a + b/N for each point."""
    sizes = dataset["size"].values.astype(float)
    rows = zip(dataset["mean"].values, dataset["standard_error"].values, strict=True)
    fits = [extrapolate(sizes, *row, 0.0) for row in rows]
    return dataset.assign(
        error_at_infinity=(
            "point",
            [fit.value for fit in fits],
            text("mean error at infinite N"),
        ),
        error_at_infinity_error=(
            "point",
            [fit.error for fit in fits],
            text("its standard error"),
        ),
        fit_p_value=(
            "point",
            [fit.p_value for fit in fits],
            text("p value of the fit in 1/N"),
        ),
    )


def threshold_scan(
    alpha_prune: Sequence[float] = (1.0, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 3.0),
    *,
    keep_fraction: float = 0.01,
    sizes: Sequence[int] = (50, 100, 200),
    draws: int = 64,
    seed: int = 0,
    output: str | Path | None = None,
) -> xr.Dataset:
    """Errors around the threshold at alpha_prune = 2: theta = 0, hard, small f.

    As f -> 0 the error of the theory tends to 1/2 below alpha_prune = 2 and to zero
    above.  Finite N smears the step and skews the errors of single draws: read the
    median beside the mean.

    Returns:
        Dataset over ``alpha_prune`` and ``size`` with the variables of
        :func:`simulated_errors`.

    Raises:
        InputError: :func:`simulated_errors` refuses its arguments.
    """
    points = [Point(float(alpha), keep_fraction) for alpha in alpha_prune]
    dataset = simulated_errors(
        points, sizes=sizes, draws=draws, seed=seed, output=output
    )
    dataset = dataset.swap_dims(point="alpha_prune")
    dataset = dataset.drop_vars(["keep_fraction", "theta", "rule", "margin", "student"])
    dataset.alpha_prune.attrs["long_name"] = "kept load P/N"
    dataset.attrs["keep_fraction"] = keep_fraction
    return dataset
