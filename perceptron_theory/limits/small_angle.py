r"""The limit theta -> 0 of the max-margin student on hard examples, |P.x| < gamma.

Kept margins and angle shrink together: with f = g theta and Gamma = gamma/theta =
g sqrt(pi/2) the kept examples are u = theta U, U flat on U > 0, v normal, |U + v| <
Gamma; a = h/theta, and the equations of :mod:`.max_margin` become, with the slack
t = tau - h U - b v and E the average over those (U, v),

    alpha E[G_0(t)] = 1,    E[G_2(t) - G_0(t)] = 0,    E[v G_1(t)] = 0,

error/theta -> sqrt(1 + b^2)/(pi h), a function of alpha and g only.  h falls to zero
at a threshold, where tau = 0: there E[v G_1(-b v)] = 0 and alpha_c = 1/E[Phi(-b v)], v
weighted by phi(v) times the length of its U interval.  Below it the error tends to 1/2.

At large alpha h = alpha/(pi C) and, with Gamma and 1/(h Gamma) small, the unequal ends
of the kept region in v tilt the student by b = -3/(2 h Gamma^2), so that

    alpha error/theta = C (1 + Gamma^2/6 + b^2/2 + ...),

least at Gamma^6 = 27/(2 h^2): the best g falls like alpha^(-1/3), the error above its
law C theta/alpha like alpha^(-2/3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from ..errors import ConvergenceError, InputError
from ..numerics.checks import (
    as_array,
    broadcast,
    check_load,
    refuse,
    refuse_other_order,
)
from ..numerics.gaussian import SQRT_2PI
from ..numerics.limit_nodes import (
    Nodes,
    Values,
    nodes_between,
    rectified_moments,
    root_between,
)
from ..numerics.minima import minimise
from ..numerics.precision import eager_only
from ..students.max_margin import MaxMargin
from ..students.names import resolve_student
from ..students.student import Student
from .power_law import random_coefficient

EDGE = float(np.sqrt(np.pi / 2.0))  # Gamma/g
LEAST_STRETCH = 1e-4  # h (1 + Gamma) this small is the threshold, to 1e-8 of alpha
LEAST_LOAD = 2.0 + 1e-4  # of the best fraction
BROAD = 9.0  # v beyond carries no weight


@dataclass(frozen=True)
class SmallAngle:
    """The limit theta -> 0 at fixed alpha_prune and g = f/theta (hard, absolute).

    Attributes:
        limit: of the error: 0 above the threshold, 1/2 below it.
        error_over_theta: lim error/theta; inf at and below the threshold.
        tilt: b of the student, its weight against the probe's tilt over its noise.
        threshold: the load alpha_c(g) from which on the error tends to 0.
    """

    limit: Values
    error_over_theta: Values
    tilt: Values
    threshold: Values


@dataclass(frozen=True)
class BestFraction:
    """The best f as theta -> 0 at fixed alpha_prune (hard, absolute).

    Attributes:
        f_over_theta: the g = f/theta of least error.
        error_over_theta: lim error/theta there.
        exponent: d ln error/d ln alpha_prune along this curve.
    """

    f_over_theta: Values
    error_over_theta: Values
    exponent: Values


def _positive(name: str, value: Any) -> np.ndarray:
    array = as_array(name, value)
    refuse(name, array, ~(array > 0) | np.isinf(array), "positive and finite")
    return array


def check_student(student: str | Student) -> None:
    """Refuse a student whose limit of small angles has not been derived."""
    kind = resolve_student(student)
    if not isinstance(kind, MaxMargin):
        raise kind.no_limit("theta -> 0")


def _nodes(edge: float, h: float) -> tuple[Nodes, Nodes, Nodes, Nodes]:
    """v, its weight phi(v) dv, and the ends of its U interval."""
    scale = min(edge, 1.0 / (1.0 + h)) / 4.0
    steps = scale * 2.0 ** np.arange(int(np.log2((BROAD + edge) / scale)) + 2)
    breaks = np.concatenate([-edge - steps, [-edge, edge], edge - steps, steps - edge])
    breaks = np.concatenate([breaks, np.linspace(-BROAD, BROAD, 13)])
    v, width = nodes_between(np.clip(breaks, -BROAD, min(edge, BROAD)), 12)
    lower = np.maximum(0.0, -edge - v)
    return v, width * np.exp(-0.5 * v * v) / SQRT_2PI, lower, edge - v


def _balanced(edge: float, h: float, start: Nodes) -> tuple[Nodes, float]:
    """The (b, tau) that balance the forces at stretch h, and the alpha they need."""
    from scipy.optimize import root

    v, weight, lower, upper = _nodes(edge, h)
    unit = min(edge, 1.0)  # v and 1/b are of this size

    def sums(x: Nodes) -> Any:
        """Integrals over U of phi, G_0, G_1 and G_2, at every v."""
        t = x[1] - x[0] * v / unit
        near, far = rectified_moments(t - h * lower), rectified_moments(t - h * upper)
        zeroth, first, second, third = (p - q for p, q in zip(near, far, strict=True))
        return zeroth / h, first / h, second / (2 * h), third / (3 * h)

    def forces(x: Nodes) -> tuple[Nodes, Float[np.ndarray, "k k"]]:
        peak, zeroth, first, second = sums(x)
        value = np.stack([v / unit * first, second - zeroth]) / scale
        by_tau = np.stack([v / unit * zeroth, 2.0 * first - peak]) / scale
        rows = np.stack([-v / unit * by_tau, by_tau], axis=1)
        return value @ weight, rows @ weight

    start = start * [unit, 1.0]
    scale = np.sum(weight * sums(start)[1])
    found = root(forces, start, jac=True, method="hybr", options={"xtol": 1e-13})
    if not np.max(np.abs(forces(found.x)[0])) < 1e-10:
        raise ConvergenceError(f"no balance at f/theta = {edge / EDGE:g}, h = {h:g}")
    share = 2.0 / SQRT_2PI * EDGE / edge
    load = 1.0 / (share * np.sum(weight * sums(found.x)[1]))
    return found.x / [unit, 1.0], float(load)


def _at_threshold(edge: float) -> tuple[float, float]:
    """(b, alpha) where the stretch h vanishes (tau = 0)."""
    v, weight, lower, upper = _nodes(edge, 0.0)
    weight = weight * (upper - lower)

    def force(b: float) -> float:
        return float(np.sum(weight * v * rectified_moments(-b * v)[1]))

    reach = 1.0
    while force(-reach) < 0:
        reach *= 4.0
    b = root_between(force, -reach, 0.0, 1e-15)
    share = 2.0 / SQRT_2PI * EDGE / edge
    return b, float(1.0 / (share * np.sum(weight * ndtr(-b * v))))


@eager_only
def small_angle_threshold(
    f_over_theta: Any, student: str | Student = "max_margin"
) -> Values:
    """alpha_c(g): the error tends to 0 with theta above it, to 1/2 below (f = g theta).

    It falls from infinity, like 2.5547/g for small g, to 2 at large g, like
    2 + 8/(pi g)^2.

    Raises:
        InputError: f/theta not positive and finite.
    """
    check_student(student)
    g = _positive("f_over_theta", f_over_theta)
    value = [_at_threshold(EDGE * x)[1] for x in g.flat]
    return np.array(value).reshape(g.shape)[()]


@eager_only
def small_angle_scaling(
    alpha_prune: Any, f_over_theta: Any, student: str | Student = "max_margin"
) -> SmallAngle:
    """Error/theta as theta -> 0 with f = g theta: hard rule, absolute margin.

    Equations of this module's docstring; arguments broadcast.  The error at a small
    theta differs from error_over_theta * theta by a relative O(theta^2) at fixed g.

    Raises:
        InputError: alpha_prune or f/theta not positive and finite.
        ConvergenceError: a point that was not solved.

    Example:
        >>> limit = small_angle_scaling(10.0, 0.766)
        >>> f"{limit.error_over_theta:.4f}", f"{limit.threshold:.4f}"
        ('0.0642', '3.7539')
    """
    check_student(student)
    refuse_other_order({"alpha_prune": alpha_prune, "f_over_theta": f_over_theta})
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    g = _positive("f_over_theta", f_over_theta)
    alpha, g = broadcast({"alpha_prune": alpha, "f_over_theta": g})
    each = zip(alpha.flat, g.flat, strict=True)
    rows = np.array([_small_angle(x, EDGE * y) for x, y in each])
    error, tilt, threshold = (x.reshape(alpha.shape)[()] for x in rows.T)
    limit = np.where(alpha > threshold, 0.0, 0.5)[()]
    return SmallAngle(limit, error, tilt, threshold)


def _small_angle(alpha: float, edge: float) -> tuple[float, float, float]:
    """(error/theta, b, alpha_c)."""
    b, threshold = _at_threshold(edge)
    state = np.array([b, 0.0])
    if alpha <= threshold:
        return np.inf, np.nan, threshold

    def excess(log_h: float) -> float:
        nonlocal state
        state, load = _balanced(edge, np.exp(log_h), state)
        return np.log(load / alpha)

    low = np.log(LEAST_STRETCH / (1.0 + edge))
    if excess(low) > 0:
        return np.inf, b, threshold
    high = low
    while excess(high) < 0:  # in small steps: each balance starts from the last one
        low, high = high, high + 1.5
    log_h = root_between(excess, low, high, 1e-13)
    excess(log_h)
    b = float(state[0])
    return float(np.hypot(1.0, b) * np.exp(-log_h) / np.pi), b, threshold


# the best fraction


@eager_only
def best_fraction_scaling(
    alpha_prune: Any, student: str | Student = "max_margin"
) -> BestFraction:
    r"""The best g = f/theta at each alpha_prune > 2 as theta -> 0, and its error.

    At large alpha, with C the coefficient of random data (0.5005),

        g -> (6/pi)^(1/2) 2^(-1/6) (pi C/alpha)^(1/3) = 1.4317 alpha^(-1/3),
        error/theta -> C/alpha (1 + 3/(4 2^(1/3)) (pi C/alpha)^(2/3)),

    so the Pareto curve ends on C theta/alpha, whose exponent it has up to
    O(alpha^(-2/3)): however far one prunes, a tilted probe saves the factor 1/theta of
    data over random ones and no more.  Just above 2, g is sqrt(2) times the g whose
    threshold is alpha: 4/(pi (alpha - 2)^(1/2)).

    Raises:
        InputError: alpha_prune not above 2 (up to there no fraction beats 1/2 as
            theta -> 0).
        ConvergenceError: a point that was not solved.

    Example:
        >>> best = best_fraction_scaling(10.0)
        >>> f"{best.f_over_theta:.4f}", f"{best.error_over_theta:.5f}"
        ('0.7656', '0.06420')
    """
    check_student(student)
    alpha = as_array("alpha_prune", alpha_prune)
    check_load("alpha_prune", alpha)
    if (alpha < LEAST_LOAD).any():
        raise InputError(
            f"alpha_prune must be at least {LEAST_LOAD:g}, got {alpha.min():g}: "
            "up to 2 the error tends to 1/2 with theta whatever the fraction"
        )
    rows = np.array([_best(x) for x in alpha.flat])
    return BestFraction(*(x.reshape(alpha.shape)[()] for x in rows.T))


def _best(alpha: float) -> tuple[float, float, float]:
    """(g, error/theta, exponent) of the best fraction."""

    def over_threshold(log_g: float) -> float:
        return _at_threshold(EDGE * np.exp(log_g))[1] - alpha

    # alpha_c lies between 2.55/g and 2 + 2.55/g
    ends = np.log(2.0 / alpha), np.log(3.0 / (alpha - 2.0))
    fewest = np.exp(root_between(over_threshold, *ends, 1e-8))
    large = np.sqrt(6.0 / np.pi) * 2.0 ** (-1 / 6)
    large = large * np.cbrt(np.pi * random_coefficient() / alpha)
    # its two laws are g = sqrt(2) fewest and g = large: in between it is not far off
    low, high = max(1.2 * fewest, 0.95 * large), 2.2 * max(fewest, large)

    def log_error(log_g: float, load: float) -> float:
        return np.log(_small_angle(load, EDGE * np.exp(log_g))[0])

    def along(x: Float[np.ndarray, "1 k"], _: Any) -> Float[np.ndarray, "1 k"]:
        return np.array([[log_error(y, alpha) for y in x[0]]])

    found = minimise(along, np.log([low]), np.log([high]))
    log_g = float(found.position[0])
    if found.at_lower[0] or found.at_upper[0] or not np.isfinite(found.value[0]):
        raise ConvergenceError(f"no best fraction was found at alpha_prune = {alpha:g}")
    # at the minimum the derivative along the curve is that at fixed g
    step = 0.01 * min(1.0, alpha - 2.0)
    value = [log_error(log_g, alpha * np.exp(k * step)) for k in (-2, -1, 1, 2)]
    exponent = np.dot([1.0, -8.0, 8.0, -1.0], value) / (12.0 * step)
    return np.exp(log_g), float(np.exp(found.value[0])), float(exponent)
