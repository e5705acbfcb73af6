r"""Saddle-point equations of a typical student in the version space (Gibbs).

All unit students without training error are equally likely.  With A, B their overlaps
with T and T_perp, q that of two of them, V = 1 - q and r^2 = q - A^2 - B^2, the entropy

    S = 1/2 [ln V + r^2/V] + 1/2 + alpha E ln Phi((A u + B v + r xi)/sqrt V) - 1/2

is stationary in A, B, q (Gyorgyi & Tishby 1990 for random data; E the average over the
kept examples and xi).  In units of r, with a = A/r, b = B/r, Delta = sqrt(V)/r, the
field M = a u + b v + xi and the response p(M) = Delta^2 d/dM ln Phi(M/Delta), these are
the equations of the max-margin student with p for the rectified slack:

    alpha E[p^2] = 1,
    alpha E[-a p' + u p] = a,
    alpha E[-b p' + v p] = b.

Partial integration over xi, with -Delta^2 p' = p^2 + M p, makes alpha E[-p'] = q of
them, so that the last two are

    alpha E[u p] = a V,   alpha E[v p] = b V,   V = Delta^2/(a^2 + b^2 + 1 + Delta^2),

in which nothing cancels, at the threshold of small f least of all.

The centre of the version space points along A T + B T_perp + r w: its error follows
from a and b as the max-margin student's does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..numerics.gaussian import SQRT_2PI, cdf, density, mills_fraction
from ..numerics.quadrature import Weights, panels
from ..rules.rule import Cells
from ..rules.thresholds import FARTHEST
from .field import Shape, Student, field_breaks, field_moments
from .field_aligned import Interval, aligned_breaks, aligned_moments
from .max_margin import Problem, Unknowns, corner, over_kept
from .newton import Root, solve_3


@jax.custom_jvp
def response(x: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], ...]:
    """The response p = phi(x)/Phi(x), -p', ln Phi(x) and p - x p', in both tails."""
    h, g = mills_fraction(jnp.abs(x))
    far = jnp.abs(x) + h  # phi(x)/Phi(-|x|)
    peak = density(x)
    pull = jnp.where(x < 0, far, peak / (1.0 - peak / far))
    slope = pull * jnp.where(x < 0, h, pull + x)
    log_wrong = -jnp.log(far * SQRT_2PI) - 0.5 * x * x
    log_right = jnp.where(x < 0, log_wrong, jnp.log1p(-peak / far))
    wide = jnp.where(x < 0, far * g * h, pull + x * slope)
    return pull, slope, log_right, wide


@response.defjvp
def _response_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    pull, slope, log_right, wide = response(x)
    h, g = mills_fraction(jnp.abs(x))
    bend = jnp.where(x < 0, pull * h * (g - 2.0 * h), pull - slope * (2.0 * pull + x))
    tangents = -slope * dx, bend * dx, pull * dx, x * bend * dx
    return (pull, slope, log_right, wide), tangents


class Sums(NamedTuple):
    """Averages over the kept examples of 1, ln Phi, p, p^2, u p, v p, and more.

    The others make the Jacobian: of slope = -p' with powers of u and v, of slope p u
    and slope p v, and of wide = dp/d(log Delta) with 1, u, v and p.
    """

    one: Any
    log_right: Any
    pull: Any
    square: Any
    u_pull: Any
    v_pull: Any
    slope_u: Any
    slope_v: Any
    slope_uu: Any
    slope_uv: Any
    slope_vv: Any
    slope_u_pull: Any
    slope_v_pull: Any
    wide: Any
    u_wide: Any
    v_wide: Any
    wide_pull: Any


def student(x: Unknowns, problem: Problem) -> Student:
    """The unknowns (log a, b/a, log Delta) as weights along and across the probe."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    return Student(a * (c + s * ratio), a * (s - c * ratio), c, s)


def _over_field(
    breaks: Float[Array, " m"],
    width: Float[Array, ""],
    n: int,
    moments: Callable[[Float[Array, " k"]], tuple[Any, ...]],
) -> Sums:
    """:class:`Sums` over panels in M, one node of each after the other.

    ``moments`` is the density of M times 1; u, v; u^2, u v, v^2.  (Node by node the
    many products are small enough to stay in the cache.)
    """
    unit, weights = panels(jnp.array([0.0, 1.0]), n)
    start, length = breaks[:-1], jnp.diff(breaks)

    def add(i: Int[Array, ""], total: Sums) -> Sums:
        field = start + length * unit[i]
        pull, slope, log_right, wide = response(field / width)
        pull, wide = width * pull, width * wide
        slope_pull = slope * pull
        one, *more = (length * weights[i] * m for m in moments(field))
        first = more[:2]
        rows = [one, one * log_right, one * pull, one * pull * pull]
        rows += [x * pull for x in first]
        rows += [x * slope for x in more]
        rows += [x * slope_pull for x in first]
        rows += [x * wide for x in (one, *first)]
        rows += [one * wide * pull]
        return jax.tree.map(jnp.add, total, Sums(*rows))

    none = Sums(*[jnp.zeros_like(start)] * len(Sums._fields))
    return jax.tree.map(jnp.sum, jax.lax.fori_loop(0, n, add, none))


def line_sums(
    x: Unknowns,
    problem: Problem,
    z: Float[Array, " k"],
    n: int,
    on_line: bool,
) -> Float[Array, "17 k"]:
    """:class:`Sums` over the examples of each margin z.

    The nodes are those of x, held fixed when the problem's theta is differentiated.
    """
    c, s = problem.cos_theta, problem.sin_theta
    width = jnp.exp(x[2])
    fixed = jax.lax.stop_gradient(student(x, problem))
    shape = Shape((-3.0 * width, 2.0 * width), width)

    def one(z: Float[Array, ""]) -> Float[Array, " 17"]:
        # u = c z + s y and v = s z - c y
        along, across, turn = c * z, s * z, (s * s - c * c) * z

        def moments(field: Float[Array, " k"]) -> tuple[Any, ...]:
            w, y, yy = field_moments(z, field, student(x, problem), on_line)
            return (
                w,
                along * w + s * y,
                across * w - c * y,
                along * along * w + 2.0 * along * s * y + s * s * yy,
                along * across * w + turn * y - s * c * yy,
                across * across * w - 2.0 * across * c * y + c * c * yy,
            )

        breaks = field_breaks(z, fixed, shape, on_line)
        return jnp.stack(_over_field(breaks, width, n, moments))

    return jax.vmap(one, out_axes=1)(z)


def _aligned(
    x: Unknowns, problem: Problem, n: int
) -> tuple[Float[Array, " 17"], Int[Array, ""]]:
    """:class:`Sums` at theta = 0 for cells of constant keep-probability."""
    a, width = jnp.exp(x[0]), jnp.exp(x[2])
    _, inner, outer, level, _ = problem.pieces
    half = level.shape[0] // 2
    cells = Interval(inner[:half], outer[:half])
    level = 2.0 * level[:half] / problem.keep_fraction
    breaks = jax.vmap(aligned_breaks, (0, None, None))(cells, a, width)
    length = jnp.diff(breaks)
    used = (length > 0) & ((level != 0) & (cells.outer > cells.inner))[:, None]
    where = jnp.nonzero(used.ravel(), size=used.size, fill_value=0)[0]

    def add(state):
        j, total = state
        i, k = where[j] // length.shape[1], where[j] % length.shape[1]
        cell = jax.tree.map(lambda ends: ends[i], cells)

        def moments(field: Float[Array, " k"]) -> tuple[Any, ...]:
            one, u, uu = (level[i] * m for m in aligned_moments(field, cell, a))
            none = jnp.zeros_like(u)
            return one, u, none, uu, none, none

        panel = jnp.stack([breaks[i, k], breaks[i, k + 1]])
        return j + 1, total + jnp.stack(_over_field(panel, width, n, moments))

    state = jnp.zeros((), int), jnp.zeros(17)
    count, total = jax.lax.while_loop(lambda s: s[0] < jnp.sum(used), add, state)
    return total, count


def kept_sums(
    x: Unknowns,
    problem: Problem,
    n: tuple[int, int],
    on_line: bool,
    turn: Float[Array, ""] | float = 0.0,
) -> tuple[Sums, Int[Array, ""]]:
    """:class:`Sums` over all kept examples, and the number of panels.

    The probe may be turned further off the teacher by an infinitesimal angle ``turn``.
    """
    if on_line and problem.keep is None:
        # long panels: one integral is cheap enough for more nodes
        total, count = _aligned(x, problem, n[1] + 4)
        return Sums(*total), count
    c, s = problem.cos_theta, problem.sin_theta
    turned = problem._replace(cos_theta=c - s * turn, sin_theta=s + c * turn)
    at = student(x, problem)
    decay = jnp.sqrt(1.0 + jnp.exp(2.0 * x[2]))
    z, y = corner(problem)
    along, across = at.along / decay, at.across / decay
    weights = Weights(along, across, -along * z - across * y, (z, y))

    def sums(lines: Any) -> tuple[Float[Array, " k"], ...]:
        return tuple(lines.weight * line_sums(x, turned, lines.z, n[1], on_line))

    total, count = over_kept(problem, weights, n[0], on_line, sums, 17)
    return Sums(*total), count


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""], Int[Array, ""]]:
    """The equations at x as in :func:`.max_margin.residual`, Jacobian, E[p], panels."""
    m, count = kept_sums(x, problem, n, on_line)
    alpha, ratio = problem.alpha_prune, x[1]
    a, square = jnp.exp(x[0]), jnp.exp(2.0 * x[2])
    b = a * ratio
    total = a * a + b * b + 1.0 + square  # 1/r^2
    turned = (m.v_pull - ratio * m.u_pull) / m.pull
    force = jnp.log(alpha * m.u_pull * total) - x[0] - 2.0 * x[2]
    value = jnp.stack([jnp.log(alpha * m.square), force, turned])
    # M changes by a u + b v with log a and by a v with b/a
    by_a = a * m.slope_u + b * m.slope_v, a * m.slope_uu + b * m.slope_uv
    by_a_v = a * m.slope_uv + b * m.slope_vv
    by_ratio = a * m.slope_v, a * m.slope_uv
    jacobian = jnp.stack(
        [
            jnp.stack(
                [
                    -2.0 * (a * m.slope_u_pull + b * m.slope_v_pull) / m.square,
                    -2.0 * a * m.slope_v_pull / m.square,
                    2.0 * m.wide_pull / m.square,
                ]
            ),
            jnp.stack(
                [
                    -by_a[1] / m.u_pull - 1.0 + 2.0 * (a * a + b * b) / total,
                    -by_ratio[1] / m.u_pull + 2.0 * a * b / total,
                    m.u_wide / m.u_pull - 2.0 + 2.0 * square / total,
                ]
            ),
            jnp.stack(
                [
                    turned * by_a[0] - by_a_v + ratio * by_a[1],
                    turned * by_ratio[0]
                    - a * m.slope_vv
                    + ratio * by_ratio[1]
                    - m.u_pull,
                    m.v_wide - ratio * m.u_wide - turned * m.wide,
                ]
            )
            / m.pull,
        ]
    )
    if on_line:
        value = value.at[2].set(ratio)
        jacobian = jacobian.at[2].set(jnp.array([0.0, 1.0, 0.0]))
    return value, jacobian, m.pull, count


def _edges(x: Unknowns, problem: Problem, margin: str, n: int, on_line: bool) -> Sums:
    """:class:`Sums` (cells, 2) over the examples that sit at each threshold."""
    ends = problem.pieces.ends
    lowest = 0.0 if on_line else -FARTHEST * problem.sin_theta
    z = jnp.clip(ends.ravel(), lowest, FARTHEST)
    values = line_sums(x, problem, z, n, on_line)
    if margin == "absolute" and not on_line:
        values = values + line_sums(x, problem, -z, n, on_line)
    elif not on_line:
        slope = problem.cos_theta / jnp.maximum(problem.sin_theta, 1e-150)
        values = values / cdf(jnp.clip(z * slope, -30.0, 30.0))
    return Sums(*values.reshape(17, *ends.shape))


def solved(
    root: Root,
    problem: Problem,
    rate: Cells | None,
    mass_rate: Float[Array, ""] | None,
    margin: str,
    n: tuple[int, int],
    on_line: bool,
) -> tuple[Float[Array, " 4"], Float[Array, "4 3"]]:
    """(log a, b, log Delta, E ln Phi) and d/d(log alpha_prune, keep_fraction, theta).

    ``rate`` is the derivative of the rule's cells with respect to f, ``mass_rate`` that
    of the kept mass with respect to theta, where it has one (see :mod:`.sensitivity`).
    """
    x, f = root.x, problem.keep_fraction
    level = problem.pieces.level[: problem.pieces.ends.shape[0]]
    edges = _edges(x, problem, margin, n[1], on_line)

    def over_ends(mass_rates: Float[Array, "cells 2"]) -> Sums:
        """The kept mass below each end of a cell changes at these rates."""
        moved = level[:, None] * jnp.array([-1.0, 1.0]) * mass_rates
        return jax.tree.map(lambda values: jnp.sum(moved * values), edges)

    def turned(angle: Float[Array, ""]) -> Sums:
        return kept_sums(x, problem, n, on_line, angle)[0]

    if on_line:  # even in theta: reflect T_perp
        mean = turned(jnp.zeros(()))
        by_theta = jax.tree.map(jnp.zeros_like, mean)
    else:
        mean, by_theta = jax.jvp(turned, (jnp.zeros(()),), (jnp.ones(()),))
    by_fraction = jax.tree.map(jnp.zeros_like, mean)
    if rate is not None:
        total = over_ends(rate.below)
        if rate.level is not None:
            pieces = problem.pieces._replace(level=jnp.tile(rate.level, 2))
            changing = problem._replace(pieces=pieces)
            more = kept_sums(x, changing, n, on_line)[0]
            total = jax.tree.map(lambda p, q: p + f * q, total, more)
        # the mass of the kept examples is f itself
        by_fraction = jax.tree.map(lambda p, q: (p - q) / f, total, mean)
    if margin == "signed" and problem.keep is None and not on_line:
        s = jnp.maximum(problem.sin_theta, 1e-150)
        far = jnp.clip(problem.pieces.ends / s, -40.0, 40.0)
        moved = over_ends(jnp.exp(-0.5 * far**2) / jnp.pi)
        by_theta = jax.tree.map(lambda p, q: p - q / f, by_theta, moved)
    elif mass_rate is not None and not on_line:
        by_theta = jax.tree.map(lambda p, q: p - q * mass_rate / f, by_theta, mean)

    def forced(by: Sums) -> Float[Array, " 3"]:
        turn = 0.0 if on_line else (by.v_pull - x[1] * by.u_pull) / mean.pull
        return jnp.stack([by.square / mean.square, by.u_pull / mean.u_pull, turn])

    columns = jnp.array([1.0, 1.0, 0.0]), forced(by_fraction), forced(by_theta)
    right = jnp.stack(columns, axis=1)
    moved = -jax.vmap(solve_3, (None, 1), 1)(root.jacobian, right)
    a, square = jnp.exp(x[0]), jnp.exp(2.0 * x[2])
    # d ln Phi/dM = p/Delta^2; at the root p is orthogonal to v - u b/a, and
    # E[M p] = Delta^2 E[-p'] - E[p^2]
    length = a * a * (1.0 + x[1] * x[1])
    total = length + 1.0 + square
    by_x = [length / total, a * a * x[1] / total, 1.0 / square - (length + 1.0) / total]
    by_x = jnp.stack(by_x) / problem.alpha_prune
    direct = jnp.stack([jnp.zeros(()), by_fraction.log_right, by_theta.log_right])
    log_right = by_x @ moved + direct
    b = a * x[1]
    by_b = b * moved[0] + a * moved[1]
    rates = jnp.stack([moved[0], by_b, moved[2], log_right])
    return jnp.stack([x[0], b, x[2], mean.log_right]), rates
