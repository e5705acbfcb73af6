r"""Saddle-point equations of the max-margin student, for any pruning rule and theta.

The student J = A T + B T_perp + r w has margin one on every kept example.  In units of
its noise, a = A/r, b = B/r, tau = 1/r, with the slack t = tau - a u - b v and the
rectified moments G_k of
:mod:`.gaussian`, stationarity of |J|^2 under Gordon's
constraint reads (Sorscher et al. 2022, App. A, in other variables)

    alpha E[G_2] = 1,
    alpha E[a G_0 + u G_1] = a,
    alpha E[b G_0 + v G_1] = b,

E the average over the kept examples.  The problem is convex: the solution is unique
and replica symmetry exact.  The error is arccos(R)/pi with R = a/sqrt(1 + a^2 + b^2).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...kept.averages import over_kept, summed
from ...kept.nodes import Lines, Moments, Points, Weights, line_moments
from ...kept.problem import Problem, corner
from ...numerics.gaussian import slack_moments

# log a, b/a, and the slack t at the corner of the kept region
Unknowns = Float[Array, " 3"]


class Evaluated(NamedTuple):
    """The equations and their Jacobian, E[G_1], and the panels that were laid."""

    value: Float[Array, " 3"]
    jacobian: Float[Array, "3 3"]
    first: Float[Array, ""]
    panels: Int[Array, ""]


class Averages(NamedTuple):
    """G_2, force = G_0 + u G_1/a, turn = (v - u b/a) G_1 and 1, averaged."""

    second: Any
    force: Any
    turn: Any
    one: Any


class Terms(NamedTuple):
    """Every average in the equations and their Jacobian (theta > 0).

    Of G_1, G_0, d(force)/d(slack) and the derivative of ``turn``, each times the change
    of the slack with the weights along and across the probe and with the slack itself
    (rows of three); then G_2, u G_1/a and (v - u b/a) G_1.
    """

    first: Any
    zeroth: Any
    force: Any
    turn: Any
    second: Any
    u_first: Any
    turn_first: Any


class LineTerms(NamedTuple):
    """The same at theta = 0; ``far`` is the distance to the corner."""

    second: Any
    force: Any
    first: Any
    more: Any
    far_first: Any
    far_more: Any


def weights(x: Unknowns, problem: Problem) -> Weights:
    """The unknowns as weights along and across the probe."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    at = corner(problem)
    return Weights(a * (c + s * ratio), a * (s - c * ratio), x[2], at)


def averages(x: Unknowns, problem: Problem, lines: Lines, moments: Moments) -> Averages:
    """The averages over each line."""
    u, turn = _coordinates(x, problem, lines)
    force = moments.zeroth[0] + _times(moments.first, u)
    turned = _times(moments.first, turn)
    return Averages(moments.second, force, turned, moments.one[0])


def line_averages(x: Unknowns, student: Weights, points: Points) -> Averages:
    """The averages at single points with theta = 0, where v averages to nothing."""
    terms = _line_terms(x, student, points)
    none = jnp.zeros_like(points.weight)
    return Averages(terms.second, terms.force, none, points.weight)


def _line_terms(x: Unknowns, student: Weights, points: Points) -> LineTerms:
    far = points.offset
    peak, zeroth, first, second = slack_moments(student.slack - student.along * far)
    weight, u = points.weight, points.z * jnp.exp(-x[0])
    force, more = weight * (zeroth + u * first), weight * (peak + u * zeroth)
    first = weight * first
    return LineTerms(weight * second, force, first, more, far * first, far * more)


def _coordinates(
    x: Unknowns, problem: Problem, lines: Lines
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """u/a and v - u b/a along a line: (value at x = 0, slope)."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    return (lines.u / a, s / a), (lines.v - ratio * lines.u, -c - ratio * s)


def _times(powers: tuple[Any, ...], *linear: tuple[Any, Any]) -> Float[Array, "*n k"]:
    """Averages of G times one or two linear functions of x, from those of G x^k."""
    for value, slope in linear:
        pairs = pairwise(powers)
        powers = tuple(value * low + slope * high for low, high in pairs)
    return powers[0]


def _terms(x: Unknowns, problem: Problem, lines: Lines, moments: Moments) -> Terms:
    z, y = lines.from_corner
    u, turn = _coordinates(x, problem, lines)
    # d(slack)/d(along, across, slack), linear on each line
    by = jnp.stack([-z, -y, jnp.ones_like(z)]), jnp.array([[0.0], [-1.0], [0.0]])
    peak, zeroth, first = moments.peak, moments.zeroth, moments.first
    return Terms(
        _times(first, by),
        _times(zeroth, by),
        _times(peak, by) + _times(zeroth, u, by),
        _times(zeroth, turn, by),
        moments.second,
        _times(first, u),
        _times(first, turn),
    )


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> Evaluated:
    """The equations at x, zero at the saddle point, and their Jacobian.

    Logs keep them O(1) far away from it.  The last two equations are taken as
    a(1 - alpha E G_0) = alpha E[u G_1] and their ratio, E[(a v - b u) G_1] = 0 (the
    support vectors' mean lies along the student): it does not degenerate where
    alpha E[G_0] comes close to one.
    """
    if on_line:
        return _line_residual(x, problem)
    c, s, alpha = problem.cos_theta, problem.sin_theta, problem.alpha_prune
    student, a = weights(x, problem), jnp.exp(x[0])

    def terms(lines: Lines) -> Terms:
        return summed(_terms(x, problem, lines, line_moments(lines, student, n[1])))

    zero, zeros = jnp.zeros(()), jnp.zeros(3)
    none = Terms(zeros, zeros, zeros, zeros, zero, zero, zero)
    m, panels = over_kept(problem, student, n[0], False, terms, none)
    first, force = m.first[2], m.zeroth[2] + m.u_first
    by_weights = jnp.stack(
        [
            2.0 * m.first / m.second,
            m.force / force,
            (m.turn - m.zeroth * m.turn_first / first) / first,
        ]
    )
    # along = a (c + s b/a) and across = a (s - c b/a)
    along, across = by_weights[:, 0], by_weights[:, 1]
    by_a = student.along * along + student.across * across
    by_a = by_a - jnp.stack([zero, m.u_first / force, zero])
    by_ratio = a * (s * along - c * across)
    by_ratio = by_ratio - jnp.stack([zero, zero, a * m.u_first / first])
    value = [jnp.log(alpha * m.second), jnp.log(alpha * force), m.turn_first / first]
    jacobian = jnp.stack([by_a, by_ratio, by_weights[:, 2]], axis=1)
    return Evaluated(jnp.stack(value), jacobian, first, panels)


def _line_residual(x: Unknowns, problem: Problem) -> Evaluated:
    """The same at theta = 0, where the last equation is b = 0.

    Not b/a = 0: a rounding of b/a counts for much where a is large.
    """
    student, alpha = weights(x, problem), problem.alpha_prune
    a, (u_0, _) = student.along, student.corner

    def terms(points: Points) -> LineTerms:
        return summed(_line_terms(x, student, points))

    m, panels = over_kept(problem, student, 0, True, terms, None)
    moved = a * m.far_more + (u_0 * m.first + m.far_first) / a
    by_log_a = jnp.stack([-2.0 * a * m.far_first / m.second, -moved / m.force])
    by_slack = jnp.stack([2.0 * m.first / m.second, m.more / m.force])
    value = jnp.stack([jnp.log(alpha * m.second), jnp.log(alpha * m.force), a * x[1]])
    jacobian = jnp.zeros((3, 3)).at[2].set(jnp.stack([a * x[1], a, 0.0 * a]))
    jacobian = jacobian.at[:2, 0].set(by_log_a).at[:2, 2].set(by_slack)
    return Evaluated(value, jacobian, m.first, panels)


def blank() -> Evaluated:
    """An evaluation that has not been made."""
    three, one = jnp.zeros(3), jnp.ones(())
    return Evaluated(three, jnp.zeros((3, 3)), one, jnp.zeros((), int))
