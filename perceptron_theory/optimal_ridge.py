r"""The ridge of least error.

The error is followed over ln(lambda) with its exact slope (implicit differentiation):
each change of the slope's sign from - to + holds a local minimum, which is found to
rounding; so are the two ends counted, as the limits that they are:

- lambda -> 0: the max-margin student for losses that only fall, on clean labels (any
  rule leaves them separable; for the logistic loss: Rosset, Zhu, Hastie, NIPS 2003);
  else the student of least norm among those of least loss, extrapolated from the
  smallest ridge of the scan;
- lambda -> infinity: w is along the mean of y x (Hebb's rule), so that in units of its
  noise a = sqrt(alpha) E[y u] and b = sqrt(alpha) E[y v], u and v along T and T_perp.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .batches import _in_batches
from .bracketing import bracketed_roots
from .compilation import batched
from .convex import checked, checked_loss, split
from .convex_batches import find_many
from .convex_equations import Setting, mean_example
from .convex_point import Found, Point
from .errors import ConvergenceError, InputError
from .inputs import SMALLEST_RIDGE
from .losses import Loss, ends
from .noisy_pieces import noisy_problem
from .precision import eager_only
from .rules import Rule, check_margin, resolve_rule
from .saddle_point import Mode
from .solution import Count, Value
from .solve import solve

SMALLEST = 1e-8  # of the scan; SMALLEST_RIDGE where that is not small enough
BEYOND = 1e5  # the largest, in units of 1 + alpha
STEP = 1.2  # of the scan, in ln(ridge)
FLAT = 1e-12  # relative slopes and differences of the error that count as none
SHARP = 1e-11  # of ln(ridge)


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
        out = np.empty((4, flat[0].size))
        for here, point, setting in split(flat, tree, function, mode):
            out[:, here] = _best(point, setting)
    ridge, error, kind, slope = (x.reshape(shape)[()] for x in out)
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
    best, bad = _scanned(point, setting, SMALLEST)
    if bad.any():
        some = jax.tree.map(lambda x: x[bad], point)
        best[:, bad], still = _scanned(some, setting, SMALLEST_RIDGE)
        if still.any():
            raise ConvergenceError(
                f"the least error lies beyond a ridge of {SMALLEST_RIDGE:g} but not at "
                f"0 for {still.sum()} of {bad.size} points"
            )
    return best


def _scanned(
    point: Point, setting: Setting, smallest: float
) -> tuple[Float[np.ndarray, "4 n"], Bool[np.ndarray, " n"]]:
    """Ridge, error, kind and slope, and where there is a better ridge below the scan.

    There the error falls towards 0 at its end, but to less than the limit.
    """
    a, b, alpha = _in_batches(_mean_example(setting), (1, 64), point)
    low, high = np.log(smallest), np.log(BEYOND * (1.0 + alpha))
    count = 1 + int(np.ceil((high.max() - low) / STEP))
    grid = low + (high - low)[:, None] * np.linspace(0.0, 1.0, count)
    rows = np.broadcast_to(np.arange(alpha.size)[:, None], grid.shape)
    error, slope = _followed(grid.ravel(), rows.ravel(), point, setting)
    error, slope = error.reshape(grid.shape), slope.reshape(grid.shape)
    row, column = np.nonzero((slope[:, :-1] < 0) & (slope[:, 1:] >= 0))
    place = bracketed_roots(
        lambda x, bracket: _followed(x, row[bracket], point, setting)[1],
        grid[row, column],
        grid[row, column + 1],
        slope[row, column],
        slope[row, column + 1],
        SHARP,
    )
    inside, left = np.zeros((2, row.size))
    if row.size:
        inside, left = _followed(place, row, point, setting)
    ridge, kinds = np.exp(place), np.full(row.size, int(Optimum.INTERIOR))
    # the limits: Hebb's rule, and no ridge
    hebb = np.arctan2(np.sqrt(1.0 / alpha + b * b), a) / np.pi
    none = _without_ridge(point, setting, error[:, 0], slope[:, 0])
    below = _falls_short(slope[:, 0] > FLAT, none, error[:, 0])
    beyond = _falls_short(slope[:, -1] < -FLAT, hebb, error[:, -1])
    if beyond.any():
        raise ConvergenceError(
            "the least error lies beyond the scan but not at an infinite ridge for "
            f"{beyond.sum()} of {beyond.size} points"
        )
    every = np.arange(alpha.size)
    zero = np.zeros(alpha.size)
    row = np.concatenate([row, every, every])
    found = np.concatenate([inside, none, hebb])
    table = np.stack(
        [
            np.concatenate([ridge, zero, zero + np.inf]),
            found,
            np.concatenate([kinds, zero + Optimum.ZERO, zero + Optimum.INFINITY]),
            np.concatenate([left, zero, zero]),
        ]
    )
    # of equal ones the first, which is inside
    best = [np.nonzero(row == n)[0] for n in every]
    return table[:, [i[np.argmin(found[i])] for i in best]], below


def _falls_short(
    falls: Bool[np.ndarray, " n"],
    limit: Float[np.ndarray, " n"],
    last: Float[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Where the error falls at the end of the scan, but to less than its limit."""
    return falls & (limit > last * (1.0 + 1e-9))


def _without_ridge(
    point: Point,
    setting: Setting,
    error: Float[np.ndarray, " n"],
    slope: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """The error as the ridge goes to 0."""
    if setting.noisy or not ends(setting.loss):
        return error * (1.0 - slope)  # linear in the ridge
    name = "alpha_tot" if setting.mode.total else "alpha_prune"
    load: dict[str, Any] = {name: point.inputs.alpha}
    if jax.tree.leaves(point.rule) or hasattr(point.rule, "cells"):
        load["keep_fraction"] = point.inputs.keep_fraction
    theta = 0.0 if setting.mode.on_line else point.inputs.theta
    limit = solve(theta=theta, rule=point.rule, margin=setting.mode.margin, **load)
    return np.asarray(limit.error)


def _followed(
    log_ridge: Float[np.ndarray, " k"],
    rows: np.ndarray,
    point: Point,
    setting: Setting,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The error of some rows at some ridges, and d ln(error)/d ln(ridge)."""
    some = jax.tree.map(lambda x: x[rows], point)._replace(ridge=np.exp(log_ridge))
    found = find_many(some, setting)
    if not found.found.all():
        i = int(np.argmin(found.found))
        raise ConvergenceError(
            f"{(~found.found).sum()} of {rows.size} students were not found, the first "
            f"at ridge = {some.ridge[i]:.6g} of point {rows[i]}"
        )
    return _in_batches(_error_and_slope, (1, 64), found, some.ridge)


@batched
def _error_and_slope(
    found: Found, ridge: Float[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    def angle(x):
        return jnp.arctan2(jnp.sqrt(1.0 + x[2] ** 2), jnp.sinh(x[1]))

    value, by = angle(found.value), jax.grad(angle)(found.value)
    return value / jnp.pi, ridge * jnp.dot(by, found.rates[:, 3]) / value
