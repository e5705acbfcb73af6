r"""Saddle-point equations of the max-margin student, for any pruning rule and theta.

The student J = A T + B T_perp + r w has margin one on every kept example.  In units of
its noise, a = A/r, b = B/r, tau = 1/r, with the slack t = tau - a u - b v and the
rectified moments G_k of :mod:`.gaussian`, stationarity of |J|^2 under Gordon's
constraint reads (Sorscher et al. 2022, App. A, in other variables)

    alpha E[G_2] = 1,
    alpha E[a G_0 + u G_1] = a,
    alpha E[b G_0 + v G_1] = b,

E the average over the kept examples.  The problem is convex: the solution is unique
and replica symmetry exact.  The error is arccos(R)/pi with R = a/sqrt(1 + a^2 + b^2).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..numerics.gaussian import slack_moments
from ..numerics.quadrature import (
    Lines,
    Moments,
    Points,
    Weights,
    line_moments,
    line_points,
    panel_lines,
    plane_piece,
)
from ..rules.thresholds import Pieces

# the unknowns: log a, b/a, and the slack t at the corner of the kept region
Unknowns = Float[Array, " 3"]


class Problem(NamedTuple):
    """One point: loads, the angle's cosine and sine, and the kept pieces of z.

    ``keep`` is the keep-probability of z within the pieces, for rules that are not
    piecewise constant.
    """

    alpha_prune: Float[Array, ""]
    keep_fraction: Float[Array, ""]
    cos_theta: Float[Array, ""]
    sin_theta: Float[Array, ""]
    pieces: Pieces
    keep: Callable[[Float[Array, " n"]], Float[Array, " n"]] | None = None


def corner(problem: Problem) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The (z, y) of the kept region that the student's margin rests on.

    The kept margin of smallest size, and the y of u = 0 there (but not beyond what
    carries weight).
    """
    pieces = problem.pieces
    half = pieces.inner.shape[0] // 2
    kept = (pieces.level > 0) & (pieces.outer > pieces.inner)
    nearest = jnp.where(kept, pieces.inner, jnp.inf)
    positive, negative = jnp.min(nearest[:half]), jnp.min(nearest[half:])
    slope = problem.cos_theta / jnp.maximum(problem.sin_theta, 1e-150)
    below = jnp.isfinite(positive)
    z = jnp.where(below, positive, -negative)
    return z, jnp.where(below, -jnp.minimum(z * slope, 8.0), -z * slope)


def weights(x: Unknowns, problem: Problem) -> Weights:
    """The unknowns as weights along and across the probe."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    at = corner(problem)
    return Weights(a * (c + s * ratio), a * (s - c * ratio), x[2], at)


def over_kept(
    problem: Problem,
    student: Weights,
    n: int,
    on_line: bool,
    summand: Callable[[Any], tuple[Float[Array, " k"], ...]],
    m: int,
) -> tuple[tuple[Float[Array, ""], ...], Int[Array, ""]]:
    """The sums of ``summand`` over the kept examples, normalised to a kept mass of one.

    ``summand`` gives its m averages over each of the lines, ``n`` in a panel, or at
    each of the points (``on_line``: theta = 0, where one dimension is enough).

    Also the number of panels.  One panel after the other, and only as many as there
    are: most points need two or three, a few a dozen.  On the line one panel a piece
    is enough, all of them at once.
    """
    theta = problem.cos_theta, problem.sin_theta
    sign, inner, outer, level, _ = problem.pieces
    level = level / problem.keep_fraction

    def total(nodes: Any, level: Float[Array, "*_"]) -> tuple[Float[Array, ""], ...]:
        weight = nodes.weight * level
        if problem.keep is not None:
            weight = weight * problem.keep(nodes.z)
        return tuple(map(jnp.sum, summand(nodes._replace(weight=weight))))

    if on_line:
        half = level.shape[0] // 2
        lay = lambda *ends: line_points(*ends, student)  # noqa: E731
        points = jax.vmap(lay)(inner[:half], outer[:half])
        level = jnp.broadcast_to(level[:half, None], points.z.shape)
        return total(jax.tree.map(jnp.ravel, points), level.ravel()), jnp.asarray(half)
    lay = lambda *piece: plane_piece(*piece, theta, student)  # noqa: E731
    pieces = jax.vmap(lay)(sign, inner, outer)
    width = jnp.diff(pieces.breaks)
    used = (width > 0) & (level != 0)[:, None]
    where = jnp.nonzero(used.ravel(), size=used.size, fill_value=0)[0]

    def add(state):
        j, sums = state
        i, k = where[j] // width.shape[1], where[j] % width.shape[1]
        piece = jax.tree.map(lambda values: values[i], pieces)
        lines = panel_lines(piece, piece.breaks[k], width[i, k], theta, student, n)
        more = total(lines, level[i])
        return j + 1, tuple(map(jnp.add, sums, more))

    state = jnp.zeros((), int), (jnp.zeros(()),) * m
    count, sums = jax.lax.while_loop(lambda s: s[0] < jnp.sum(used), add, state)
    return sums, count


def averages(
    x: Unknowns, problem: Problem, lines: Lines, moments: Moments
) -> tuple[Float[Array, " k"], ...]:
    """G_2, G_0 + u G_1/a, (v - u b/a) G_1 and 1, averaged over each line."""
    u, turn = _coordinates(x, problem, lines)
    force = moments.zeroth[0] + _times(moments.first, u)
    return moments.second, force, _times(moments.first, turn), moments.one[0]


def line_averages(x: Unknowns, student: Weights, points: Points) -> tuple[Any, ...]:
    """The same at single points with theta = 0, where v averages to nothing.

    Then G_1 and d(force)/d(slack).
    """
    slack = student.slack - student.along * points.offset
    peak, zeroth, first, second = slack_moments(slack)
    weight, u = points.weight, points.z * jnp.exp(-x[0])
    force, more = weight * (zeroth + u * first), weight * (peak + u * zeroth)
    none = jnp.zeros_like(weight)
    return weight * second, force, none, weight, weight * first, more


def _coordinates(
    x: Unknowns, problem: Problem, lines: Lines
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """u/a and v - u b/a along a line: (value at x = 0, slope)."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    return (lines.u / a, s / a), (lines.v - ratio * lines.u, -c - ratio * s)


def _times(powers: tuple[Any, ...], *linear: tuple[Any, Any]) -> Float[Array, " k"]:
    """Average of G times one or two linear functions of x, from those of G x^k."""
    for value, slope in linear:
        pairs = pairwise(powers)
        powers = tuple(value * low + slope * high for low, high in pairs)
    return powers[0]


def _terms(
    x: Unknowns, problem: Problem, lines: Lines, moments: Moments
) -> tuple[Float[Array, " k"], ...]:
    """Every average in the equations and their Jacobian."""
    z, y = lines.from_corner
    u, turn = _coordinates(x, problem, lines)
    # d(slack)/d(p, w, slack), linear on each line
    by = ((-z, 0.0), (-y, -1.0), (1.0, 0.0))
    peak, zeroth, first = moments.peak, moments.zeroth, moments.first
    rows = [_times(first, b) for b in by]
    rows += [_times(zeroth, b) for b in by]
    rows += [_times(peak, b) + _times(zeroth, u, b) for b in by]
    rows += [_times(zeroth, turn, b) for b in by]
    return *rows, moments.second, _times(first, u), _times(first, turn)


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""], Int[Array, ""]]:
    """The equations at x, zero at the saddle point, their Jacobian, E[G_1], panels.

    Logs keep them O(1) far away from it.  The last two equations are taken as
    a(1 - alpha E G_0) = alpha E[u G_1] and their ratio, E[(a v - b u) G_1] = 0 (the
    support vectors' mean lies along the student): it does not degenerate where
    alpha E[G_0] comes close to one.
    """
    if on_line:
        return _line_residual(x, problem)
    c, s, alpha = problem.cos_theta, problem.sin_theta, problem.alpha_prune
    student, a = weights(x, problem), jnp.exp(x[0])

    def terms(lines: Lines) -> tuple[Float[Array, " k"], ...]:
        return _terms(x, problem, lines, line_moments(lines, student, n[1]))

    sums, panels = over_kept(problem, student, n[0], False, terms, 15)
    by_first, by_zeroth, by_force, by_turn = jnp.stack(sums[:12]).reshape(4, 3)
    g_2, u_g_1, turn_g_1 = sums[12:]
    g_1, g_0 = by_first[2], by_zeroth[2]
    force = g_0 + u_g_1
    by_weights = jnp.stack(
        [
            2.0 * by_first / g_2,
            by_force / force,
            (by_turn - by_zeroth * turn_g_1 / g_1) / g_1,
        ]
    )
    # p = a (c + s b/a) and w = a (s - c b/a)
    along, across = by_weights[:, 0], by_weights[:, 1]
    by_a = student.along * along + student.across * across
    by_a = by_a - jnp.stack([jnp.zeros(()), u_g_1 / force, jnp.zeros(())])
    by_ratio = a * (s * along - c * across)
    by_ratio = by_ratio - jnp.stack([jnp.zeros(()), jnp.zeros(()), a * u_g_1 / g_1])
    value = jnp.stack([jnp.log(alpha * g_2), jnp.log(alpha * force), turn_g_1 / g_1])
    jacobian = jnp.stack([by_a, by_ratio, by_weights[:, 2]], axis=1)
    return value, jacobian, g_1, panels


def _line_residual(x: Unknowns, problem: Problem) -> tuple[Any, ...]:
    """The same at theta = 0, where the last equation is b/a = 0."""
    student, alpha = weights(x, problem), problem.alpha_prune
    a, (u_0, _) = student.along, student.corner

    def terms(points: Points) -> tuple[Float[Array, " k"], ...]:
        second, force, _, _, first, more = line_averages(x, student, points)
        far = points.offset
        return second, force, first, more, far * first, far * more

    sums, panels = over_kept(problem, student, 0, True, terms, 6)
    g_2, force, g_1, more, far_g_1, far_more = sums
    by_log_a = jnp.stack(
        [-2.0 * a * far_g_1 / g_2, -(a * far_more + (u_0 * g_1 + far_g_1) / a) / force]
    )
    by_slack = jnp.stack([2.0 * g_1 / g_2, more / force])
    value = jnp.stack([jnp.log(alpha * g_2), jnp.log(alpha * force), x[1]])
    jacobian = jnp.zeros((3, 3)).at[2, 1].set(1.0)
    jacobian = jacobian.at[:2, 0].set(by_log_a).at[:2, 2].set(by_slack)
    return value, jacobian, g_1, panels
