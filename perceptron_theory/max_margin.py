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

from .quadrature import (
    Lines,
    Moments,
    Weights,
    line_moments,
    line_piece,
    panel_lines,
    plane_piece,
    point_moments,
)
from .thresholds import Pieces

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
    summand: Callable[[Lines], Float[Array, "m k"]],
    m: int,
) -> tuple[Float[Array, " m"], Int[Array, ""]]:
    """The sums of ``summand`` over the kept examples, normalised to a kept mass of one.

    ``summand`` gives its averages over each of the lines, ``n`` in a panel.

    Also the number of panels.  One panel after the other, and only as many as there
    are: most points need two or three, a few a dozen.  ``on_line`` (theta = 0) needs
    examples of one dimension only.
    """
    theta = problem.cos_theta, problem.sin_theta
    sign, inner, outer, level, _ = problem.pieces
    if on_line:
        half = level.shape[0] // 2
        level = level[:half]
        lay = lambda *ends: line_piece(*ends, student)  # noqa: E731
        pieces = jax.vmap(lay)(inner[:half], outer[:half])
    else:
        lay = lambda *piece: plane_piece(*piece, theta, student)  # noqa: E731
        pieces = jax.vmap(lay)(sign, inner, outer)
    width = jnp.diff(pieces.breaks)
    used = (width > 0) & (level != 0)[:, None]
    where = jnp.nonzero(used.ravel(), size=used.size, fill_value=0)[0]
    level = level / problem.keep_fraction

    def panel(j: Int[Array, ""]) -> Float[Array, " m"]:
        i, k = where[j] // width.shape[1], where[j] % width.shape[1]
        piece = jax.tree.map(lambda values: values[i], pieces)
        start = piece.breaks[k]
        lines = panel_lines(piece, start, width[i, k], theta, student, n, on_line)
        weight = lines.weight * level[i]
        if problem.keep is not None:
            weight = weight * problem.keep(lines.z)
        return jnp.sum(summand(lines._replace(weight=weight)), axis=-1)

    def add(state):
        j, total = state
        return j + 1, total + panel(j)

    state = jnp.zeros((), int), jnp.zeros(m)
    count, total = jax.lax.while_loop(lambda s: s[0] < jnp.sum(used), add, state)
    return total, count


def moments(lines: Lines, student: Weights, n: int, on_line: bool) -> Moments:
    """The averages of :class:`Moments` on each line (at each point if ``on_line``)."""
    return point_moments(lines, student) if on_line else line_moments(lines, student, n)


def averages(
    x: Unknowns, problem: Problem, lines: Lines, moments: Moments
) -> Float[Array, "5 k"]:
    """G_2, G_0 + u G_1/a, (v - u b/a) G_1, G_1 and 1, averaged over each line."""
    u, turn = _coordinates(x, problem, lines)
    first, _ = moments.first
    force = moments.zeroth[0] + _times(moments.first, u)
    turned = _times(moments.first, turn)
    return jnp.stack([moments.second, force, turned, first, moments.one[0]])


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
) -> Float[Array, "15 k"]:
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
    rows += [moments.second, _times(first, u), _times(first, turn)]
    return jnp.stack(rows)


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""], Int[Array, ""]]:
    """The equations at x, zero at the saddle point, their Jacobian, E[G_1], panels.

    Logs keep them O(1) far away from it.  The last two equations are taken as
    a(1 - alpha E G_0) = alpha E[u G_1] and their ratio, E[(a v - b u) G_1] = 0 (the
    support vectors' mean lies along the student): it does not degenerate where
    alpha E[G_0] comes close to one.
    """
    c, s, alpha = problem.cos_theta, problem.sin_theta, problem.alpha_prune
    student, a = weights(x, problem), jnp.exp(x[0])

    def terms(lines: Lines) -> Float[Array, "15 k"]:
        return _terms(x, problem, lines, moments(lines, student, n[1], on_line))

    sums, panels = over_kept(problem, student, n[0], on_line, terms, 15)
    by_first, by_zeroth, by_force, by_turn = sums[:12].reshape(4, 3)
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
