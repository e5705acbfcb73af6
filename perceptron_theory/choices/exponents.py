"""Local exponents d ln error/d ln alpha, and where a Pareto curve's power law begins.

A curve of error against alpha_prune is a power law where its exponent is constant.  At
fixed f it is -1 in the end; on the Pareto curve of an imperfect probe it is far below
-1 first, the fast decay that a perfect probe would keep up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError, InputError
from ..limits.power_law import random_coefficient
from ..limits.small_angle import check_student
from ..numerics.checks import (
    as_array,
    broadcast,
    check_load,
    check_margin,
    check_theta,
    one_number,
    refuse_other_order,
)
from ..numerics.limit_nodes import Values, root_between
from ..numerics.precision import eager_only
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..students.student import Student
from .best_ridge import Optimum
from .learner import best_ridge, has_best_ridge, resolve_learner, slopes
from .pareto import pareto_frontier

POINTS = 16  # of a scan of the Pareto curve


@eager_only
def local_exponent(
    alpha: Any, error: Any, axis: int = -1
) -> Float[np.ndarray, "*batch n"]:
    """D ln error/d ln alpha at every point of given curves, by a cubic spline in logs.

    Exact for a power law; its error falls like the third power of the spacing.

    Args:
        alpha: (n,), positive and increasing, n >= 2.
        error: any shape with n along ``axis``, positive.
        axis: the axis of ``error`` along alpha.

    Raises:
        InputError: shapes that do not fit, or values that are not positive, finite and
            (alpha) increasing.
    """
    from scipy.interpolate import CubicSpline

    refuse_other_order({"alpha": alpha, "error": error})
    alpha, error = as_array("alpha", alpha), as_array("error", error)
    check_load("alpha", alpha)
    if alpha.ndim != 1 or alpha.size < 2 or (np.diff(alpha) <= 0).any():
        raise InputError("alpha must be 1-D, of two points or more, and increasing")
    if not (isinstance(axis, int) and -error.ndim <= axis < error.ndim):
        raise InputError(f"axis must be one of the {error.ndim} of error, got {axis!r}")
    if error.shape[axis] != alpha.size:
        raise InputError(
            f"error must have {alpha.size} points along axis {axis}, got shape "
            f"{error.shape}"
        )
    if not ((error > 0) & np.isfinite(error)).all():
        raise InputError("error must be positive and finite: leave other points out")

    x = np.log(alpha)
    return CubicSpline(x, np.log(error), axis=axis)(x, 1)


@eager_only
def exponent_along(
    alpha_prune: Any,
    *,
    keep_fraction: Any = None,
    alpha_tot: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> Values:
    """D ln error/d ln alpha_prune on a curve of theory: exact, at each point.

    Implicit differentiation of :func:`.solve`.  Held fixed is ``keep_fraction`` (the
    pool grows) or ``alpha_tot`` (more of the same pool is kept, f =
    alpha_prune/alpha_tot); give one of them, for a :class:`KeepProbability` rule none.
    Arguments broadcast, and so do the parameters of the rule.  ``student`` is any of
    :func:`.solve`; or give a convex ``loss`` with its ``ridge`` (a number, held fixed,
    or "optimal", the best one at each point), ``flip_probability`` and ``label_noise``.

    Raises:
        InputError: an argument outside its range, both or neither of the two held
            fixed, or more kept than the pool has.
        ConvergenceError: a point that did not converge.

    Example:
        >>> f"{exponent_along(1e4, keep_fraction=0.5):.6f}"
        '-1.000000'
    """
    learner = resolve_learner(student, loss, ridge, flip_probability, label_noise)
    check_margin(margin)
    kind = resolve_rule(rule)
    if kind.takes_fraction:
        if (keep_fraction is None) == (alpha_tot is None):
            raise InputError("give exactly one of keep_fraction and alpha_tot")
    elif keep_fraction is not None or alpha_tot is not None:
        raise InputError(
            f"a {type(kind).__name__} rule fixes f: leave the other arguments out"
        )
    load = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", load)
    if alpha_tot is not None:
        refuse_other_order({"alpha_prune": alpha_prune, "alpha_tot": alpha_tot})
        pool = as_array("alpha_tot", alpha_tot)
        load, pool = broadcast({"alpha_prune": load, "alpha_tot": pool})
        keep_fraction = load / pool
        if (keep_fraction > 1).any():
            raise InputError(
                "alpha_prune must not exceed alpha_tot, got "
                f"{keep_fraction.max():g} of the pool"
            )
    where: dict[str, Any] = {
        "alpha_prune": load,
        "keep_fraction": keep_fraction,
        "theta": theta,
        "margin": margin,
    }
    if has_best_ridge(learner):
        best = best_ridge(learner, rule=kind, **where)
        if (np.asarray(best.kind) != Optimum.INTERIOR).any():
            raise InputError(
                "the exponent with ridge='optimal' is known where the best ridge is "
                "neither 0 nor infinite: give a number as ridge"
            )
        # which may be held fixed to first order
        learner = learner.replaced(ridge=best.ridge)
    rates, flat = slopes(learner, kind, **where)
    load, fraction = flat.arrays[:2]
    value = load * rates[:, 0]
    if alpha_tot is not None:
        value = value + fraction * rates[:, 1]
    if np.isnan(value).any():
        first = np.argmax(np.isnan(value))
        raise ConvergenceError(
            f"{np.isnan(value).sum()} of {value.size} points did not converge, the "
            f"first at alpha_prune = {load[first]:.17g}"
        )
    return value.reshape(flat.shape)[()]


@eager_only
def crossover(
    theta: Any,
    *,
    exponent: float = -1.5,
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> Values:
    """The alpha_prune where the Pareto curve of hard examples becomes a power law.

    Defined by the local exponent d ln error/d ln alpha_prune along the Pareto curve
    (the least error over f at each alpha_prune): it falls far below -1 in the fast
    decay, then rises towards -1; the crossover is the last load at which it is
    ``exponent``.  NaN where the curve is never that steep (a poor probe); a dip that
    exceeds it by less than about 0.01 may be overlooked.  As theta -> 0 the crossover
    tends to a constant, where :func:`.best_fraction_scaling` has that exponent (5.229
    for -1.5): a better probe makes the fast decay deeper, not longer.

    Args:
        theta: angle of teacher and probe in radians, (0, pi/2].
        exponent: the local exponent that separates the two, below -1.
        margin: "absolute" or "signed".
        student: "max_margin".

    Raises:
        InputError: an argument outside its range; theta = 0, whose curve falls to zero
            at alpha_prune = 2 and has no power law.
        ConvergenceError: an optimum that was not solved.
    """
    check_student(student)
    check_margin(margin)
    angle = as_array("theta", theta)
    check_theta(angle)
    if (angle == 0).any():
        raise InputError(
            "theta must be positive: with a perfect probe the Pareto error is zero "
            "from alpha_prune = 2 on and never becomes a power law"
        )
    exponent = float(one_number("exponent", exponent))
    if not -np.inf < exponent < -1:
        raise InputError(f"exponent must be a number below -1, got {exponent:g}")
    value = [_crossover(x, exponent, margin) for x in angle.flat]
    return np.array(value).reshape(angle.shape)[()]


def _crossover(theta: float, level: float, margin: str) -> float:
    from scipy.interpolate import CubicSpline

    # the law of best_fraction_scaling, of which it is a few times at most
    law = 0.25 * np.pi * random_coefficient() * (-1.0 - level) ** -1.5
    low, high = 1.0, max(30.0, 8.0 * law)
    load, excess = np.ones(2), np.ones(2)
    for _ in range(2):  # the second time between two points of the first
        load = np.geomspace(low, high, POINTS)
        f = pareto_frontier(load, theta=theta, margin=margin).f_opt.values
        # at the best f the derivative along the curve is that at fixed f
        exponent = exponent_along(load, keep_fraction=f, theta=theta, margin=margin)
        excess = np.asarray(exponent) - level
        steep = np.nonzero((excess[:-1] <= 0) & (excess[1:] > 0))[0]
        if not steep.size:
            return np.nan
        last = steep[-1]
        low, high = float(load[last]), float(load[last + 1])

    curve = CubicSpline(np.log(load), excess)
    ends = float(np.log(low)), float(np.log(high))
    return float(np.exp(root_between(lambda x: float(curve(x)), *ends, 1e-14)))
