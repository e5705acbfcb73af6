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

from ...kept.averages import over_kept, summed
from ...kept.field import Shape, Student, field_breaks, field_moments
from ...kept.field_aligned import Interval, aligned_breaks, aligned_moments
from ...kept.nodes import Weights
from ...kept.problem import Problem, corner
from ...numerics.gaussian import SQRT_2PI, density, mills_fraction
from ...numerics.quadrature import legendre, over_nodes
from ..path import Unknowns


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


class Evaluated(NamedTuple):
    """The equations and their Jacobian, E[p], and the panels that were laid."""

    value: Float[Array, " 3"]
    jacobian: Float[Array, "3 3"]
    first: Float[Array, ""]
    panels: Int[Array, ""]


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
    start, length = breaks[:-1], jnp.diff(breaks)

    def term(unit: Float[Array, ""], weight: Float[Array, ""]) -> Sums:
        field = start + length * unit
        pull, slope, log_right, wide = response(field / width)
        pull, wide = width * pull, width * wide
        slope_pull = slope * pull
        one, *more = (length * weight * m for m in moments(field))
        first = more[:2]
        rows = [one, one * log_right, one * pull, one * pull * pull]
        rows += [x * pull for x in first]
        rows += [x * slope for x in more]
        rows += [x * slope_pull for x in first]
        rows += [x * wide for x in (one, *first)]
        rows += [one * wide * pull]
        return Sums(*rows)

    nodes = map(jnp.asarray, legendre(n))
    return jax.tree.map(jnp.sum, over_nodes(term, *nodes))


def line_sums(
    x: Unknowns,
    problem: Problem,
    z: Float[Array, " k"],
    n: int,
    on_line: bool,
) -> Sums:
    """:class:`Sums` over the examples of each margin z.

    The nodes are those of x, held fixed when the problem's theta is differentiated.
    """
    c, s = problem.cos_theta, problem.sin_theta
    width = jnp.exp(x[2])
    fixed = jax.lax.stop_gradient(student(x, problem))
    shape = Shape((-3.0 * width, 2.0 * width), width)

    def one(z: Float[Array, ""]) -> Sums:
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
        return _over_field(breaks, width, n, moments)

    return jax.vmap(one)(z)


def _aligned(x: Unknowns, problem: Problem, n: int) -> tuple[Sums, Int[Array, ""]]:
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

    def add(state: tuple[Int[Array, ""], Sums]) -> tuple[Int[Array, ""], Sums]:
        j, total = state
        i, k = where[j] // length.shape[1], where[j] % length.shape[1]
        cell = jax.tree.map(lambda ends: ends[i], cells)

        def moments(field: Float[Array, " k"]) -> tuple[Any, ...]:
            one, u, uu = (level[i] * m for m in aligned_moments(field, cell, a))
            none = jnp.zeros_like(u)
            return one, u, none, uu, none, none

        panel = jnp.stack([breaks[i, k], breaks[i, k + 1]])
        more = _over_field(panel, width, n, moments)
        return j + 1, jax.tree.map(jnp.add, total, more)

    none = Sums(*[jnp.zeros(())] * len(Sums._fields))
    state = jnp.zeros((), int), none
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
        return _aligned(x, problem, n[1] + 4)
    c, s = problem.cos_theta, problem.sin_theta
    turned = problem._replace(cos_theta=c - s * turn, sin_theta=s + c * turn)
    at = student(x, problem)
    decay = jnp.sqrt(1.0 + jnp.exp(2.0 * x[2]))
    z, y = corner(problem)
    along, across = at.along / decay, at.across / decay
    weights = Weights(along, across, -along * z - across * y, (z, y))

    def sums(nodes: Any) -> Sums:
        every = line_sums(x, turned, nodes.z, n[1], on_line)
        return summed(Sums(*(nodes.weight * values for values in every)))

    none = Sums(*[jnp.zeros(())] * len(Sums._fields))
    return over_kept(problem, weights, n[0], on_line, sums, none)


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> Evaluated:
    """The equations at x, in the form of those of the max-margin student."""
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
    if on_line:  # b = 0, as for the max-margin student
        value = value.at[2].set(b)
        jacobian = jacobian.at[2].set(jnp.stack([b, a, 0.0 * a]))
    return Evaluated(value, jacobian, m.pull, count)


def blank() -> Evaluated:
    """An evaluation that has not been made."""
    three, one = jnp.zeros(3), jnp.ones(())
    return Evaluated(three, jnp.zeros((3, 3)), one, jnp.zeros((), int))
