r"""Theory against simulation, point by point, with a verdict.

See :mod:`simulations.perceptron.studies.agreement` for the criterion and
:mod:`simulations.perceptron.studies.suite` for the points.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from perceptron_theory import InputError, resolve_rule
from perceptron_theory.paths import expanded

from ..data.pool import realised_rule
from ..naming import whole_number
from ..running.machine import Machine
from ..running.point import Point
from ..running.progress import drawn
from ..running.summary import Summary
from ..running.sweep import Part, shard_of, summaries
from ..students.catalog import resolve_student
from .agreement import Extrapolation, error_share, extrapolate, judge
from .predictions import Case, known_theory, predict
from .report import Report
from .suite import VALIDATION_POINTS

Theory = Callable[..., Any]

FINITE_SIZE_ALLOWANCE = 2.0
"""Relative difference times N expected of a single size (the slopes of the suite)."""

# A t-distribution of fewer has visibly wider tails than the normal one of the tests.
_FEWEST_DRAWS = 32
# Aim at a little less than the required error, which is relative to the theory.
_MARGIN = 0.97


def run_validation(
    points: Sequence[Point] = VALIDATION_POINTS,
    *,
    sizes: Sequence[int] = (50, 100, 200),
    draws: int | None = None,
    seed: int = 0,
    output: str | Path,
    pool: str = "drawn",
    resume: bool = True,
    machine: Machine | None = None,
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
        draws: the same number of draws for every point and size, at least 32; None
            draws until the ``precision`` is reached.  (Stopping on the standard error
            biases a skewed mean by a small part of that error.)
        seed: seed of all draws.
        output: folder, created if need be.
        pool: "drawn", or "direct" as in ``simulate``.
        resume: continue the draws in ``output``; False refuses a folder that exists.
        machine: what to compute on; by default all devices of this process.
        theory: called as theory(alpha_prune=, keep_fraction=, theta=, rule=, margin=)
            with the realised values (no keep_fraction for a KeepProbability), returns
            an object with ``error``; by default each student's own ``theory``.
        family_level: chance that a correct theory is rejected.
        allowance: relative difference times N that finite N may cause at a single size;
            allowance/N is added to its error in quadrature.
        max_draws: most draws of a point at one size; too few draws fail the verdict.
        progress: show a bar on stderr.

    Returns:
        :class:`Report`; ``report.passed`` is the verdict.

    Raises:
        InputError: there are no points, a point comes twice, there are two sizes or
            fewer than 32 draws, a level or allowance is out of range, a student has no
            theory, or the ``output`` is damaged or belongs to something else.
        OSError: the disk is full, or not writable.
        KeyboardInterrupt: Ctrl-C was pressed; the message says what was kept.
    """
    points, sizes = tuple(points), _sizes(sizes)
    parts = _parts(points, sizes, draws, max_draws, theory)
    if not 0 < family_level < 1 or not 0 <= allowance < math.inf:
        raise InputError(
            "family_level must lie in (0, 1) and allowance be 0 or more; got "
            f"{family_level!r}, {allowance!r}"
        )
    how = {"seed": seed, "pool": pool, "machine": machine, "progress": progress}
    with drawn(parts, output, resume=resume, **how) as store:
        found = summaries(parts, store)
    rows = [found[i : i + len(sizes)] for i in range(0, len(found), len(sizes))]
    report = _compare(points, sizes, rows, theory, family_level, allowance)
    report.dataset.attrs.update(seed=seed, pool=pool, **_versions())
    if jax.process_index() == 0:
        report.save(expanded(output))
    return report


def draw_share(
    points: Sequence[Point],
    shard: tuple[int, int],
    *,
    sizes: Sequence[int],
    output: str | Path,
    draws: int | None = None,
    seed: int = 0,
    pool: str = "drawn",
    machine: Machine | None = None,
    max_draws: int = 20_000,
    progress: bool = True,
) -> None:
    """Draw the i-th of n shares of what :func:`run_validation` compares, i from 1.

    All shares may go into one folder, at the same time and from several machines; a
    validation of the same points in that folder has then nothing left to draw.

    Raises:
        InputError: the shard is not one of n, or :func:`run_validation` refuses its
            arguments.
    """
    parts = _parts(tuple(points), _sizes(sizes), draws, max_draws, theory=None)
    parts = shard_of(parts, shard)
    if not parts:
        raise InputError(f"shard {shard} has nothing to draw: there are more shards")
    how = {"seed": seed, "pool": pool, "machine": machine, "progress": progress}
    with drawn(parts, output, **how):
        pass  # they are in the folder


def _sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({whole_number(size, "size N") for size in sizes}))


def _parts(points, sizes, draws, max_draws, theory) -> list[Part]:
    """What is to be drawn, if a validation can be made of it."""
    if not points:
        raise InputError("no points to validate")
    labels = [point.title for point in points]
    twice = {label for label in labels if labels.count(label) > 1}
    if twice:
        raise InputError(f"points given twice: {'; '.join(sorted(twice))}")
    for point in points if theory is None else ():
        known_theory(resolve_student(point.student))
    if len(sizes) == 2 or not sizes or min(sizes) < 2:
        raise InputError(
            "give one size N, or three or more different ones for a fit in 1/N, each "
            f"at least 2; got {sizes}"
        )
    given = max_draws if draws is None else draws
    fewest = whole_number(given, "max_draws" if draws is None else "draws")
    if fewest < _FEWEST_DRAWS:
        raise InputError(
            f"a verdict takes standard errors for exact, which needs {_FEWEST_DRAWS} "
            f"draws of a point at least, got {fewest}: for fewer use simulate"
        )
    share = error_share(sizes)
    return [
        Part(point, size, draws, _MARGIN * point.precision / share, max_draws)
        for point in points
        for size in sizes
    ]


def _realised(point: Point, size: int, summary: Summary) -> Case:
    """What whole examples leave of a point at finite N."""
    if point.keep_fraction is None:
        return Case(point, summary.alpha_prune, None, point.rule)
    total, kept = point.pool_sizes(size)
    asked = resolve_rule(point.rule)
    rule = realised_rule(asked, point.fraction, total, kept)
    given = point.rule if rule is asked else rule
    return Case(point, summary.alpha_prune, summary.keep_fraction, given)


def _evaluate(theory: Theory, case: Case) -> float:
    """Evaluate a theory that is not the student's own at one case."""
    loads: dict[str, Any] = {"alpha_prune": case.alpha_prune, "rule": case.rule}
    if case.keep_fraction is not None:
        loads["keep_fraction"] = case.keep_fraction
    point = case.point
    return float(theory(theta=point.theta, margin=point.margin, **loads).error)


def _compare(
    points, sizes, summaries: list[list[Summary]], theory, family_level, allowance
) -> Report:
    cases = [
        _realised(point, size, summary)
        for point, row in zip(points, summaries, strict=True)
        for size, summary in zip(sizes, row, strict=True)
    ]
    if theory is None:
        errors = predict(cases)
    else:
        errors = np.array([_evaluate(theory, case) for case in cases])
    predicted = errors.reshape(len(points), len(sizes))
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
        f"{point.title}: standard error {100 * found:.3g} % > "
        f"{100 * point.precision:.3g} %"
        for point, found in zip(points, precise, strict=True)
        if not found <= point.precision
    )
    lack = [
        found / point.precision for point, found in zip(points, precise, strict=True)
    ]
    more = column["draws"].min() * max(lack) ** 2  # the error falls as 1/sqrt(draws)
    enough = _two_digits(1.1 * more) if imprecise else 0
    return Report(dataset, tuple(judge(fits, family_level)), imprecise, enough)


def _two_digits(number: float) -> int:
    """A whole number of two digits and zeros that is not smaller."""
    unit = 10 ** max(len(str(int(number))) - 2, 0)
    return -int(-number // unit) * unit


def _dataset(points, sizes, column, predicted, fits: list[Extrapolation]):
    def of_point(values, description, units="1"):
        return "point", values, {"long_name": description, "units": units}

    def of_size(values, description):
        return ("point", "size"), values, {"long_name": description, "units": "1"}

    return xr.Dataset(
        {
            "theory": of_size(predicted, "error of the theory"),
            "mean": of_size(column["mean"], "mean error of the draws"),
            "standard_error": of_size(column["standard_error"], "of the mean"),
            "median": of_size(column["median"], "median error of the draws"),
            "median_error": of_size(column["median_error"], "of the median"),
            "draws": of_size(column["draws"].astype(int), "number of draws"),
            "alpha_prune_realised": of_size(column["alpha_prune"], "P/N"),
            "keep_fraction_realised": of_size(column["keep_fraction"], "P/P_tot"),
            "difference": of_point(
                [fit.value for fit in fits], "simulation / theory - 1"
            ),
            "difference_error": of_point([fit.error for fit in fits], "its std. error"),
            "slope": of_point([fit.slope for fit in fits], "slope in 1/N"),
            "chi_squared": of_point([fit.chi_squared for fit in fits], "of the fit"),
            "fit_p_value": of_point(
                [fit.p_value for fit in fits], "p value of the fit in 1/N"
            ),
            "z": of_point([f.value / f.error for f in fits], "difference/its error"),
        },
        coords={
            "size": ("size", list(sizes), {"long_name": "input dimension N"}),
            "label": of_point([point.title for point in points], "the point"),
            "student": of_point([p.student_name for p in points], "what is trained"),
            "alpha_prune": of_point([p.alpha_prune for p in points], "kept load"),
            "keep_fraction": of_point([p.fraction for p in points], "kept fraction f"),
            "theta": of_point([p.theta for p in points], "probe angle", "rad"),
            "rule": of_point([point.rule_name for point in points], "pruning rule"),
            "margin": of_point([point.margin for point in points], "margin convention"),
            "precision": of_point([p.precision for p in points], "required error"),
        },
    )


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }
