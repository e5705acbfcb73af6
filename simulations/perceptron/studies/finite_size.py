r"""The threshold at alpha_prune = 2 at finite N: a collapse, and an exact law.

A perfect probe that keeps the hardest examples, f -> 0, keeps examples that lie on the
hyperplane of the teacher: their other N - 1 coordinates are Gaussian and know nothing
of the labels.  If those alone can be separated, the student does so and its error is
1/2; if not, it has to use the teacher's coordinate, of order f, and its error is of
order f.  P examples with random labels in general position in n = N - 1 dimensions can
be separated with the probability

    2^(1 - P) sum_{k < n} binomial(P - 1, k)

(Cover, IEEE Trans. Electron. Comput. 14, 326, 1965), which near alpha = P/N = 2 is
Phi((2 - alpha) sqrt(N/2)) for large N: a width N^(-1/2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import chdtrc, log_ndtr, xlogy

from perceptron_theory import ConvergenceError, InputError

from ..naming import require, whole_number
from ..running.machine import Machine
from ..running.point import Point
from ..running.progress import drawn
from ..running.sweep import Part, enough

# This error lies between the two peaks of the errors, at 1/2 and near 0.
_LOST = 0.25


def cover_probability(count: int, dimension: int) -> float:
    """Chance that randomly labelled points in general position can be separated.

    Args:
        count: number of points P.
        dimension: n, of a separating plane through the origin.
    """
    points, term, ways = int(count) - 1, 1, 0
    for k in range(min(int(dimension), points + 1)):
        ways += term
        term = term * (points - k) // (k + 1)
    return ways / 2**points


class Collapse(NamedTuple):
    """Fit of P(lost) = Phi(-scale (alpha - centre) sqrt(2/alpha) n^exponent).

    alpha = P/n and n = N - 1: the coordinate of the teacher does not separate.  The
    root, 1 at the threshold, is that of Cover's law, whose width grows as sqrt(P).
    """

    exponent: float
    scale: float
    centre: float
    exponent_error: float
    scale_error: float
    centre_error: float
    p_value: float
    """Chance of a larger deviance, were the form right."""


def fit_collapse(
    alpha_prune: Float[np.ndarray, " k"],
    sizes: Float[np.ndarray, " k"],
    lost: Float[np.ndarray, " k"],
    draws: Float[np.ndarray, " k"],
) -> Collapse:
    """Maximum-likelihood fit of the collapse to counts of lost students.

    Args:
        alpha_prune: load of each count, P/n.
        sizes: dimension n of each count.
        lost: students of an error near 1/2.
        draws: students in all.

    Raises:
        InputError: a count is not possible, or the counts do not show the fall on two
            sizes at least.
        ConvergenceError: the likelihood has no maximum at a positive exponent.
    """
    from scipy.optimize import minimize

    counts = np.stack([alpha_prune, sizes, lost, draws])
    if not np.isfinite(counts).all() or not ((0 <= lost) & (lost <= draws)).all():
        raise InputError("need finite counts with 0 <= lost <= draws")
    inside = (lost > 0) & (lost < draws)
    if inside.sum() < 4 or len(np.unique(sizes[inside])) < 2:
        raise InputError(
            "the fall of the error must be seen at two sizes N and four loads at "
            "least: choose loads nearer to 2, or more draws"
        )

    width = np.sqrt(2.0 / alpha_prune)

    def field(parameters):
        exponent, log_scale, centre = parameters
        return -math.exp(log_scale) * (alpha_prune - centre) * width * sizes**exponent

    def minus_log_likelihood(parameters):
        x = field(parameters)
        return -(lost * log_ndtr(x) + (draws - lost) * log_ndtr(-x)).sum()

    best = minimize(
        minus_log_likelihood,
        (0.4, 0.0, 2.0),
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-8, "maxiter": 4000},
    )
    exponent, log_scale, centre = best.x
    scale, x = math.exp(log_scale), field(best.x)
    # Fisher information of binomial counts, by the derivatives of the field
    slopes = np.stack([x * np.log(sizes), x, scale * width * sizes**exponent], axis=1)
    with np.errstate(divide="ignore", over="ignore"):
        weight = draws * np.exp(-(x**2) - log_ndtr(x) - log_ndtr(-x)) / (2 * np.pi)
    covariance = np.linalg.inv(slopes.T @ (np.nan_to_num(weight)[:, None] * slopes))
    errors = np.sqrt(np.abs(np.diag(covariance)))
    if not best.success or exponent <= 0 or not np.isfinite(errors).all():
        raise ConvergenceError(
            f"no collapse fits these counts (exponent {exponent:.3g}): do they fall "
            "with the load, and the faster the larger N?"
        )
    # where a count of less than one is expected, chi^2 is no measure of the fit
    likely = np.exp(np.minimum(log_ndtr(x), log_ndtr(-x))) * draws >= 1
    deviance = 2 * (
        xlogy(lost, lost / draws)
        + xlogy(draws - lost, 1 - lost / draws)
        - lost * log_ndtr(x)
        - (draws - lost) * log_ndtr(-x)
    )
    return Collapse(
        float(exponent),
        scale,
        float(centre),
        float(errors[0]),
        float(scale * errors[1]),
        float(errors[2]),
        float(chdtrc(max(int(likely.sum()) - 3, 1), deviance[likely].sum())),
    )


def threshold_collapse(
    *,
    sizes: Sequence[int] = (25, 50, 100, 200, 400),
    steps: Sequence[float] = (-3.0, -2.0, -1.25, -0.6, 0.0, 0.6, 1.25, 2.0, 3.0),
    keep_fraction: float = 1e-5,
    draws: int = 256,
    seed: int = 0,
    output: str | Path | None = None,
    machine: Machine | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Students at loads 2 + step/sqrt(N), perfect probe, hard rule, tiny f.

    Args:
        sizes: input dimensions N, two or more.
        steps: loads, as distances from 2 in units of 1/sqrt(N).
        keep_fraction: f, small; the kept examples are drawn directly.
        draws: number of draws of every load and N.
        seed: seed of all draws.
        output: folder to keep the draws in; None keeps nothing.
        machine: what to compute on.
        progress: show a bar on stderr.

    Returns:
        Dataset over ``size`` and ``step`` of alpha_prune (P/N), lost (fraction of the
        students with an error above 1/4), lost_error (its standard error), cover (the
        exact probability as f -> 0), mean and standard_error of the error, and
        z_cover; the fields of :class:`Collapse` as scalars.

    Raises:
        InputError: sizes, steps or draws are out of range, or :func:`fit_collapse`
            refuses the counts.
    """
    require(whole_number(draws, "draws") >= 2, "draws must be at least 2", draws)
    sizes = [whole_number(size, "size N") for size in sizes]
    usable = len(steps) and np.isfinite(steps).all()
    if not usable or len(sizes) < 2 or min(sizes) < 3:
        raise InputError(
            f"need two sizes N of 3 or more, and finite steps; got {sizes}, {steps}"
        )

    def part(size: int, step: float) -> Part:
        kept = round((2.0 + step / math.sqrt(size)) * size)
        return Part(Point(kept / size, keep_fraction), size, draws)

    parts = [part(size, step) for size in sizes for step in steps]
    how = {"seed": seed, "pool": "direct", "machine": machine, "progress": progress}
    with drawn(parts, output, **how) as store:
        found = [enough(part, store.load(part.point, part.size)) for part in parts]
    shape = len(sizes), len(steps)
    errors = np.array([table.error.values for table in found if table is not None])
    load = np.array([part.point.alpha_prune for part in parts])
    size = np.array([part.size for part in parts], float)
    lost = (errors > _LOST).mean(1)
    kept = np.rint(load * size).astype(int)
    cover = np.array([*map(cover_probability, kept, size.astype(int) - 1)])
    spread = np.sqrt(cover * (1 - cover) / draws)
    collapse = fit_collapse(
        load * size / (size - 1),
        size - 1,
        lost * draws,
        np.full(len(load), float(draws)),
    )

    def table(values, text):
        return ("size", "step"), values.reshape(shape), {"long_name": text}

    return xr.Dataset(
        {
            "alpha_prune": table(load, "kept load P/N"),
            "lost": table(lost, "fraction of the students with an error above 1/4"),
            "lost_error": table(spread, "its standard error"),
            "cover": table(cover, "chance to separate random labels (Cover)"),
            "z_cover": table((lost - cover) / spread, "(lost - cover)/standard error"),
            "mean": table(errors.mean(1), "mean error"),
            "standard_error": table(
                errors.std(1, ddof=1) / math.sqrt(draws), "of the mean"
            ),
            **collapse._asdict(),
        },
        {"size": list(sizes), "step": list(steps)},
        {"seed": seed, "draws": draws, "keep_fraction": keep_fraction},
    )
