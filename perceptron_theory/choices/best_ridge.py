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
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from ..convex.equations import Setting, mean_example
from ..convex.front_door import checked, checked_loss, split
from ..convex.losses import Loss, separates, squared_hinge
from ..convex.noisy_pieces import noisy_problem
from ..convex.path import Point
from ..errors import ConvergenceError, InputError
from ..numerics.bracketing import bracketed_roots
from ..numerics.compilation import batched
from ..numerics.precision import eager_only
from ..rules.inputs import SMALLEST_RIDGE
from ..rules.rule import Rule, check_margin, resolve_rule
from ..solving.batches import _in_batches, _take
from ..solving.front_door import solve
from ..solving.saddle_point import Mode
from ..solving.solution import Count, Value
from .ridge_path import RidgePath, along, ridge_path

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
    loss: str | Loss = "logistic",
    flip_probability: Any = 0.0,
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
    rule = resolve_rule(rule)
    mode = Mode(check_margin(margin), False, alpha_prune is None)
    function = checked_loss(loss)
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    load = alpha_tot if mode.total else alpha_prune
    with jax.enable_x64(True):
        values = load, keep_fraction, theta, 1.0, flip_probability
        shape, flat, tree = checked(values, rule, mode)
        # a point once, however often it is asked for
        table, back = np.unique(np.stack(flat), axis=1, return_inverse=True)
        out = np.empty((4, table.shape[1]))
        for here, point, setting in split(list(table), tree, function, mode):
            out[:, here] = _best(point, setting)
    ridge, error, kind, slope = (x[back.ravel()].reshape(shape)[()] for x in out)
    return OptimalRidge(ridge, error, np.asarray(kind).astype(int)[()], slope)


@lru_cache(maxsize=64)
def _mean_example(setting: Setting) -> Any:
    def one(point):
        inputs, _, flipped, rule = point
        mode, noisy = setting.mode, setting.noisy
        problem, labels, _ = noisy_problem(inputs, rule, flipped, mode, noisy)
        a, b = mean_example(problem, labels, mode.on_line)
        # the kept load too
        return a, b, problem.alpha_prune

    return batched(one)


def _best(point: Point, setting: Setting) -> Float[np.ndarray, "4 n"]:
    """Ridge, error, kind and slope of each point."""
    a, b, alpha = _in_batches(_mean_example(setting), (1, 64), point)
    ends = np.log(SMALLEST), np.log(BEYOND * (1.0 + alpha))
    path = ridge_path(point, setting, _places(*ends))
    minima = [_minima(path)]
    # the limits: Hebb's rule, and no ridge
    hebb = np.arctan2(np.sqrt(1.0 / alpha + b * b), a) / np.pi
    none = _without_ridge(path)
    beyond = _falls_short(path.slope[:, -1] < -FLAT, hebb, path.error[:, -1])
    if beyond.any():
        raise ConvergenceError(
            "the least error lies beyond the scan but not at an infinite ridge for "
            f"{beyond.sum()} of {beyond.size} points"
        )
    below = _falls_short(path.slope[:, 0] > FLAT, none, path.error[:, 0])
    if below.any():
        rest = np.nonzero(below)[0]
        start = np.full(rest.size, np.log(SMALLEST))
        path = ridge_path(
            _take(rest, point), setting, _places(np.log(SMALLEST_RIDGE), start)
        )
        row, *values = _minima(path)
        minima.append((rest[row], *values))
        still = _falls_short(path.slope[:, 0] > FLAT, none[rest], path.error[:, 0])
        if still.any():
            raise ConvergenceError(
                f"the least error lies beyond a ridge of {SMALLEST_RIDGE:g} but not at "
                f"0 for {still.sum()} of {below.size} points"
            )
    every, zero = np.arange(alpha.size), np.zeros(alpha.size)
    minima.append((every, zero, none, zero + Optimum.ZERO, zero))
    minima.append((every, zero + np.inf, hebb, zero + Optimum.INFINITY, zero))
    row, *values = (np.concatenate(x) for x in zip(*minima, strict=True))
    table = np.stack(values)
    # of equal ones the first, which is inside
    best = [np.nonzero(row == n)[0] for n in every]
    return table[:, [i[np.argmin(table[1, i])] for i in best]]


def _places(low: float, high: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
    """Of the scan of each point, in ln(ridge)."""
    count = 1 + int(np.ceil((high.max() - low) / STEP))
    return low + (high - low)[:, None] * np.linspace(0.0, 1.0, count)


def _minima(path: RidgePath) -> tuple[np.ndarray, ...]:
    """Point, ridge, error, kind and slope of every local minimum inside."""
    places, slope = path.places, path.slope
    row, column = np.nonzero((slope[:, :-1] < 0) & (slope[:, 1:] >= 0))
    if not row.size:
        return row, *np.zeros((4, 0))
    place = bracketed_roots(
        lambda x, bracket: along(path, x, row[bracket])[1],
        places[row, column],
        places[row, column + 1],
        slope[row, column],
        slope[row, column + 1],
        SHARP,
    )
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
    point, setting, *_ = path
    if setting.noisy or not separates(setting.loss):
        limit = _extrapolated(path)
        rest = np.nonzero(np.isinf(limit) & (path.slope[:, 0] > FLAT))[0]
        if rest.size and separates(setting.loss):
            limit[rest] = _separated(_take(rest, point), setting)
        return limit
    name = "alpha_tot" if setting.mode.total else "alpha_prune"
    load: dict[str, Any] = {name: point.inputs.alpha}
    if jax.tree.leaves(point.rule) or hasattr(point.rule, "cells"):
        load["keep_fraction"] = point.inputs.keep_fraction
    theta = 0.0 if setting.mode.on_line else point.inputs.theta
    limit = solve(theta=theta, rule=point.rule, margin=setting.mode.margin, **load)
    return np.asarray(limit.error)


def _extrapolated(path: RidgePath) -> Float[np.ndarray, " n"]:
    """The error at no ridge where it is linear at the end of the path, else inf."""
    slope, step = path.slope[:, :2].T, np.diff(path.places[:, :2])[:, 0]
    with np.errstate(all="ignore"):
        power = np.log(slope[1] / slope[0]) / step
    linear = (np.abs(slope[0]) <= FLAT) | (np.abs(power - 1.0) < NEARLY)
    return np.where(linear, path.error[:, 0] * (1.0 - slope[0]), np.inf)


def _separated(point: Point, setting: Setting) -> Float[np.ndarray, " n"]:
    """The error of the max-margin student on wrong labels; inf if there is none.

    It is the squared hinge's, at first order in the ridge.  What the ridge resists,
    lambda V, vanishes with the ridge unless the labels can all be satisfied.
    """
    places = np.log(SMALLEST) + np.array([[0.0, STEP]])
    places = np.repeat(places, len(point.ridge), axis=0)
    path = ridge_path(point, setting._replace(loss=squared_hinge), places)
    resisted = SMALLEST * np.exp(path.found.value[:, 0, 3])
    return np.where(resisted > RESISTED, _extrapolated(path), np.inf)
