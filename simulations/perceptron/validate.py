r"""Theory against simulation, point by point, with a verdict.

See :mod:`simulations.perceptron.agreement` for the criterion and
:mod:`simulations.perceptron.suite` for the points.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.progress import TimeElapsedColumn as Elapsed

import perceptron_theory as pt
from perceptron_theory import InputError

from .agreement import Extrapolation, error_share, extrapolate, judge
from .experiment import Summary, chunk_draws, realisable_sizes, summarize
from .point import Point
from .report import Report
from .store import Store
from .suite import VALIDATION_POINTS

Theory = Callable[..., Any]

FINITE_SIZE_ALLOWANCE = 2.0
"""Relative difference times N expected of a single size (the slopes of the suite)."""

# Aim at a little less than the required error, which is relative to the theory.
_MARGIN = 0.97
# Below this many draws a standard error is too uncertain to stop at.
_FEWEST_DRAWS = 128


def run_validation(
    points: Sequence[Point] = VALIDATION_POINTS,
    *,
    sizes: Sequence[int] = (50, 100, 200),
    draws: int | None = None,
    seed: int = 0,
    output: str | Path,
    resume: bool = True,
    theory: Theory | None = None,
    family_level: float = 1e-3,
    allowance: float = FINITE_SIZE_ALLOWANCE,
    max_draws: int = 20_000,
    progress: bool = True,
) -> Report:
    """Simulate every point at every size and compare with the theory.

    Draws are stored in ``output`` as they are made: a run that was killed goes on
    where it stopped, and gives what an uninterrupted one gives.  The table is written
    there as report.csv and report.nc.

    Args:
        points: what to simulate; their ``precision`` is the relative standard error
            aimed at, of the difference extrapolated to infinite N.
        sizes: input dimensions N: three or more for a fit in 1/N, or a single one,
            judged with the ``allowance``.
        draws: the same number of draws for every point and size; None draws until the
            ``precision`` is reached.  (Stopping on the standard error biases a skewed
            mean by a small part of that error.)
        seed: of all draws.
        output: folder, created if need be.
        resume: continue the draws in ``output``; False refuses a folder that exists.
        theory: called as theory(alpha_prune=, keep_fraction=, theta=, rule=, margin=)
            with the realised values (no keep_fraction for a KeepProbability), returns
            an object with ``error``; by default ``perceptron_theory.solve``.
        family_level: chance that a correct theory is rejected.
        allowance: relative difference times N that finite N may cause at a single size;
            allowance/N is added to its error in quadrature.
        max_draws: most draws of a point at one size; too few draws fail the verdict.
        progress: show a bar on stderr.

    Returns:
        :class:`Report`; ``report.passed`` is the verdict.

    Raises:
        InputError: no points, a point twice, two sizes, or an ``output`` that is
            damaged or belongs to something else.
        OSError: the disk is full, or not writable.
        KeyboardInterrupt: on Ctrl-C, with what was kept.
    """
    points, sizes = tuple(points), tuple(sorted(set(sizes)))
    _check(points, sizes, draws)
    store = Store(output, seed=seed, resume=resume)
    share = error_share(sizes)
    done = 0
    summaries = []
    try:
        with _bar(progress) as bar:
            task = bar.add_task("", total=len(points) * len(sizes))
            for point in points:
                row = []
                for size in sizes:
                    bar.update(task, description=f"{point.label} N={size}")
                    aim = _MARGIN * point.precision / share
                    row.append(_sample(store, point, size, draws, aim, max_draws))
                    done += 1
                    bar.advance(task)
                summaries.append(row)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped after {done} of {len(points) * len(sizes)} parts; all finished "
            f"draws are in {store.folder}: run the same again to go on"
        ) from None
    report = _compare(
        points, sizes, summaries, theory or pt.solve, family_level, allowance
    )
    report.dataset.attrs.update(seed=seed, **_versions())
    report.save(store.folder)
    return report


def _check(points, sizes, draws) -> None:
    if not points:
        raise InputError("no points to validate")
    labels = [point.label for point in points]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise InputError(f"points given twice: {'; '.join(sorted(twice))}")
    if len(sizes) == 2 or not sizes or min(sizes) < 2:
        raise InputError(
            "give one size N, or three or more different ones for a fit in 1/N, each "
            f"at least 2; got {sizes}"
        )
    if draws is not None and draws < 2:
        raise InputError(f"draws must be at least 2, got {draws}")


def _sample(
    store: Store, point: Point, size: int, draws: int | None, aim: float, most: int
) -> Summary:
    """Draw, in stored chunks, ``draws`` times or to a relative standard error."""
    step = chunk_draws(*realisable_sizes(point, size), size)
    have = 0
    while True:
        limit = most if draws is None else draws
        have = min(have + step, limit)
        found = store.extend(point, size, have)
        if draws is None:
            # use no more than an uninterrupted run would have used: judge each prefix
            found = found.isel(draw=slice(have))
            summary = summarize(found)
            precise = summary.standard_error <= aim * summary.mean
            if have >= limit or (have >= _FEWEST_DRAWS and precise):
                return summary
        elif have >= limit:
            return summarize(found.isel(draw=slice(have)))


def _evaluate(theory: Theory, point: Point, summary: Summary) -> float:
    fraction = {"keep_fraction": summary.keep_fraction}
    solution = theory(
        alpha_prune=summary.alpha_prune,
        theta=point.theta,
        rule=point.rule,
        margin=point.margin,
        **({} if point.keep_fraction is None else fraction),
    )
    return float(solution.error)


def _compare(
    points, sizes, summaries: list[list[Summary]], theory, family_level, allowance
) -> Report:
    predicted = np.array(
        [
            [_evaluate(theory, point, summary) for summary in row]
            for point, row in zip(points, summaries, strict=True)
        ]
    )
    table = np.array(summaries)  # (point, size, field)
    column = {name: table[..., i] for i, name in enumerate(Summary._fields)}
    difference = column["mean"] / predicted - 1
    error = column["standard_error"] / predicted
    fits = [
        extrapolate(np.asarray(sizes, float), d, e, allowance)
        for d, e in zip(difference, error, strict=True)
    ]
    dataset = _dataset(points, sizes, column, predicted, fits)
    dataset.attrs.update(family_level=family_level, allowance=allowance)
    precise = [fit.error for fit in fits] if len(sizes) > 1 else error[:, 0]
    imprecise = tuple(
        f"{point.label}: standard error {found:.2%} > {point.precision:.2%}"
        for point, found in zip(points, precise, strict=True)
        if not found <= point.precision
    )
    return Report(dataset, tuple(judge(fits, family_level)), imprecise)


def _dataset(points, sizes, column, predicted, fits: list[Extrapolation]):
    def of_point(values, description, units="1"):
        return "point", values, {"long_name": description, "units": units}

    def of_size(values, description):
        return ("point", "size"), values, {"long_name": description, "units": "1"}

    fractions = [point.keep_fraction for point in points]
    realised = column["keep_fraction"][:, -1]
    fractions = [
        r if f is None else f for f, r in zip(fractions, realised, strict=True)
    ]
    return xr.Dataset(
        {
            "theory": of_size(predicted, "error at infinite N for the realised P/N"),
            "mean": of_size(column["mean"], "mean error of the draws"),
            "standard_error": of_size(column["standard_error"], "of the mean"),
            "median": of_size(column["median"], "median error of the draws"),
            "median_error": of_size(column["median_error"], "of the median"),
            "draws": of_size(column["draws"].astype(int), "number of draws"),
            "alpha_prune_realised": of_size(column["alpha_prune"], "P/N"),
            "keep_fraction_realised": of_size(column["keep_fraction"], "P/P_tot"),
            "difference": of_point(
                [fit.value for fit in fits], "simulation/theory - 1 at infinite N"
            ),
            "difference_error": of_point([fit.error for fit in fits], "its std. error"),
            "slope": of_point([fit.slope for fit in fits], "of the difference in 1/N"),
            "chi_squared": of_point([fit.chi_squared for fit in fits], "of the fit"),
            "z": of_point([f.value / f.error for f in fits], "difference/its error"),
        },
        coords={
            "size": ("size", list(sizes), {"long_name": "input dimension N"}),
            "label": of_point([point.label for point in points], "the point"),
            "alpha_prune": of_point([p.alpha_prune for p in points], "kept load"),
            "keep_fraction": of_point([p.fraction for p in points], "kept fraction f"),
            "theta": of_point([p.theta for p in points], "probe angle", "rad"),
            "rule": of_point([point.rule_name for point in points], "pruning rule"),
            "margin": of_point([point.margin for point in points], "margin convention"),
            "precision": of_point([p.precision for p in points], "required error"),
        },
    )


def _bar(show: bool) -> Progress:
    return Progress(
        BarColumn(24),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.description}", style="dim"),
        console=Console(stderr=True),
        disable=not show,
    )


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }
