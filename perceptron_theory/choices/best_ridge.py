r"""The ridge of least error.

The error is followed over ln(lambda) with its exact slope (implicit differentiation):
each change of the slope's sign from - to + holds a local minimum, which is found to
rounding; so are the two ends counted, as the limits that they are:

- lambda -> 0: the max-margin student for losses that only fall, and fast, on clean
  labels (any rule leaves them separable: :func:`.losses.separates`), and on wrong ones
  while they can be satisfied; else the student of least norm among those of least loss,
  extrapolated from the smallest ridge of the scan where the error is linear there (else
  it is not known);
- lambda -> infinity: w is along the mean of y x (Hebb's rule), so that in units of its
  noise a = sqrt(alpha) E[y u] and b = sqrt(alpha) E[y v], u and v along T and T_perp.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from ..convex.equations import mean_example
from ..convex.losses import squared_hinge
from ..convex.student import SMALLEST_RIDGE, Convex
from ..errors import ConvergenceError
from ..kept.problem import Mode
from ..numerics.batching import Program, batched, take
from ..numerics.checks import check_margin, one_load
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import Asked, Flat, checked, found_at, solve
from ..solving.states import tabulated
from ..students.solution import Count, Value
from ..students.state import Point
from ..wording import some_of
from .ridge_path import RidgePath, along, followed
from .scans import roots_of_rows

SMALLEST = 1e-8  # of the scan; SMALLEST_RIDGE where that is not small enough
BEYOND = 1e5  # the largest, in units of 1 + alpha
STEP = 1.2  # of the scan, in ln(ridge)
FLAT = 1e-12  # relative slopes and differences of the error that count as none
SHARP = 1e-11  # of ln(ridge)
RESISTED = 1e-3  # part of the examples' response that tells separable data
NEARLY = 0.05  # one, of the exponent of the ridge that is taken for linear


class Optimum(enum.IntEnum):
    """What kind of ridge is best."""

    INTERIOR = 0
    ZERO = 1
    INFINITY = 2


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OptimalRidge:
    """The best ridge; every field has the broadcast shape of the inputs.

    Attributes:
        ridge: lambda, 0 and inf included.
        error: of the student with this ridge, or of the limit.
        kind: an :class:`Optimum`.
        slope: d ln(error)/d ln(ridge) there: what is left of it inside, 0 at the ends.
    """

    ridge: Value
    error: Value
    kind: Count
    slope: Value


@eager_only
def optimal_ridge(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    loss: Any = "logistic",
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> OptimalRidge:
    r"""The ridge in [0, inf] with which a student of a convex loss errs least.

    Arguments as in :func:`solve_convex`, eager only.  The ridge is scanned from 1e-8 to
    1e5 (1 + alpha_prune).  Where the least error lies beyond, the limit is returned and
    said to be one (``kind``), with its own error.  (Where the error falls towards 0 but
    to less than its limit there, the scan goes on to 1e-16.)

    Raises:
        InputError: as :func:`solve_convex`.
        ConvergenceError: a student on the way was not found, or the least error lies
            beyond the scan but not in the limit.

    Example:
        >>> best = optimal_ridge(alpha_prune=2.0, keep_fraction=1.0, loss="square")
        >>> f"{best.ridge:.6f}"
        '0.570796'
    """
    name, load = one_load(alpha_prune, alpha_tot)
    student = Convex(loss, 1.0, flip_probability, label_noise=label_noise)
    asked = Asked(name, resolve_rule(rule), check_margin(margin), student)
    with own_settings(x64=True):
        flat = checked((load, keep_fraction, theta), asked)
        # a point once, however often it is asked for
        table, back = np.unique(np.stack(flat.arrays), axis=1, return_inverse=True)
        once = Flat(table.shape[1:], tuple(table), flat.rule, flat.student)
        out = found_at(_best, once, asked, exact=False)[back.ravel()]
    ridge, error, kind, slope = (x.reshape(flat.shape)[()] for x in out.T)
    return OptimalRidge(ridge, error, np.asarray(kind).astype(int)[()], slope)


def _mean_of(point: Point, mode: Mode) -> tuple[Any, Any, Any]:
    """E[y u], E[y v] and the kept load."""
    student = point.student
    assert isinstance(student, Convex)
    problem, labels, _ = student.labelled_problem(point, mode)
    return *mean_example(problem, labels, mode.on_line), problem.alpha_prune


@lru_cache(maxsize=64)
def _mean_example(mode: Mode) -> Program:
    return batched(partial(_mean_of, mode=mode))


def _best(point: Point, mode: Mode) -> Float[np.ndarray, "n 4"]:
    """Ridge, error, kind and slope of each point."""
    at, here = tabulated(point, mode)
    a, b, alpha = _mean_example(here).in_batches((64,), at)
    ends = np.log(SMALLEST), np.log(BEYOND * (1.0 + alpha))
    path = followed(point, mode, _places(*ends))
    minima = [_minima(path)]
    # the limits: Hebb's rule, and no ridge
    hebb = np.arctan2(np.sqrt(1.0 / alpha + b * b), a) / np.pi
    none = _without_ridge(path)
    beyond = _falls_short(path.slope[:, -1] < -FLAT, hebb, path.error[:, -1])
    if beyond.any():
        raise ConvergenceError(
            "the least error lies beyond the scan but not at an infinite ridge for "
            + some_of(beyond.sum(), beyond.size, "point")
        )
    below = _falls_short(path.slope[:, 0] > FLAT, none, path.error[:, 0])
    if below.any():
        rest = np.nonzero(below)[0]
        start = np.full(rest.size, np.log(SMALLEST))
        path = followed(take(rest, point), mode, _places(np.log(SMALLEST_RIDGE), start))
        row, *values = _minima(path)
        minima.append((rest[row], *values))
        still = _falls_short(path.slope[:, 0] > FLAT, none[rest], path.error[:, 0])
        if still.any():
            raise ConvergenceError(
                f"the least error lies beyond a ridge of {SMALLEST_RIDGE:g} but not at "
                f"0 for {some_of(still.sum(), below.size, 'point')}"
            )
    every, zero = np.arange(alpha.size), np.zeros(alpha.size)
    minima.append((every, zero, none, zero + Optimum.ZERO, zero))
    minima.append((every, zero + np.inf, hebb, zero + Optimum.INFINITY, zero))
    row, *values = (np.concatenate(x) for x in zip(*minima, strict=True))
    table = np.stack(values)
    # of equal ones the first, which is inside
    best = [np.nonzero(row == n)[0] for n in every]
    return table[:, [i[np.argmin(table[1, i])] for i in best]].T


def _places(low: float, high: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
    """The places of the scan of each point, in ln(ridge)."""
    count = 1 + int(np.ceil((high.max() - low) / STEP))
    return low + (high - low)[:, None] * np.linspace(0.0, 1.0, count)


def _minima(path: RidgePath) -> tuple[np.ndarray, ...]:
    """Point, ridge, error, kind and slope of every local minimum inside."""
    places, slope = path.places, path.slope
    slope_at = lambda x, row: along(path, x, row)[1]  # noqa: E731
    rises = (slope[:, :-1] < 0) & (slope[:, 1:] >= 0)
    row, place = roots_of_rows(slope_at, places, slope, rises, SHARP)
    if not row.size:
        return row, *np.zeros((4, 0))
    error, left = along(path, place, row)
    return row, np.exp(place), error, np.full(row.size, int(Optimum.INTERIOR)), left


def _falls_short(
    falls: Bool[np.ndarray, " n"],
    limit: Float[np.ndarray, " n"],
    last: Float[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Where the error falls at the end of the scan, but to less than its limit."""
    return falls & (limit > last * (1.0 + 1e-9))


def _without_ridge(path: RidgePath) -> Float[np.ndarray, " n"]:
    """The error as the ridge goes to 0; inf where it cannot be told.

    Where it is not known it is extrapolated, if the end of the path is linear there.
    """
    point, mode, *_ = path
    student = point.student
    assert isinstance(student, Convex)
    separates = student.loss.separates()
    if student.wrong_labels or not separates:
        limit = _extrapolated(path)
        rest = np.nonzero(np.isinf(limit) & (path.slope[:, 0] > FLAT))[0]
        if rest.size and separates:
            limit[rest] = _separated(take(rest, point), mode)
        return limit
    load: dict[str, Any] = {
        "alpha_tot" if mode.total else "alpha_prune": point.inputs.alpha
    }
    if point.rule.takes_fraction:
        load["keep_fraction"] = point.inputs.keep_fraction
    theta = 0.0 if mode.on_line else point.inputs.theta
    return np.asarray(
        solve(theta=theta, rule=point.rule, margin=mode.margin, **load).error
    )


def _extrapolated(path: RidgePath) -> Float[np.ndarray, " n"]:
    """The error at no ridge where it is linear at the end of the path, else inf."""
    slope, step = path.slope[:, :2].T, np.diff(path.places[:, :2])[:, 0]
    with np.errstate(all="ignore"):
        power = np.log(slope[1] / slope[0]) / step
    linear = (np.abs(slope[0]) <= FLAT) | (np.abs(power - 1.0) < NEARLY)
    return np.where(linear, path.error[:, 0] * (1.0 - slope[0]), np.inf)


def _separated(point: Point, mode: Mode) -> Float[np.ndarray, " n"]:
    """The error of the max-margin student on wrong labels; inf if there is none.

    It is the squared hinge's, at first order in the ridge.  What the ridge resists,
    lambda V, vanishes with the ridge unless the labels can all be satisfied.
    """
    places = np.log(SMALLEST) + np.array([[0.0, STEP]])
    places = np.repeat(places, len(point.inputs.alpha), axis=0)
    hinge = point._replace(student=point.student.replaced(loss=squared_hinge))
    path = followed(hinge, mode, places)
    resisted = SMALLEST * np.exp(path.found.value[:, 0, 3])
    return np.where(resisted > RESISTED, _extrapolated(path), np.inf)
