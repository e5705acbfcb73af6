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

The centre of the version space points along A T + B T_perp + r w: its error follows
from a and b as the max-margin student's does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from .field import Shape, Student, field_measure, field_nodes
from .gaussian import SQRT_2PI, cdf, density, mills_ratio
from .max_margin import Problem, Unknowns, corner, over_kept
from .max_margin import residual as max_margin
from .newton import Root, kept_rows, newton, solve_3
from .newton import guess as max_margin_guess
from .quadrature import Weights
from .rules import Cells
from .thresholds import FARTHEST

ROUGH = (6, 10)  # nodes for the max-margin student as a start


@jax.custom_jvp
def response(
    x: Float[Array, "*k"],
) -> tuple[Float[Array, "*k"], Float[Array, "*k"], Float[Array, "*k"]]:
    """phi(x)/Phi(x), minus its derivative, and ln Phi(x), exact in both tails."""
    mills = mills_ratio(jnp.abs(x))
    peak = density(x)
    pull = jnp.where(x < 0, 1.0 / mills, peak / (1.0 - peak * mills))
    log_wrong = jnp.log(mills / SQRT_2PI) - 0.5 * x * x
    log_right = jnp.where(x < 0, log_wrong, jnp.log1p(-peak * mills))
    return pull, pull * (pull + x), log_right


@response.defjvp
def _response_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    pull, slope, log_right = response(x)
    bend = pull - slope * (2.0 * pull + x)
    return (pull, slope, log_right), (-slope * dx, bend * dx, pull * dx)


def student(x: Unknowns, problem: Problem) -> Student:
    """The unknowns (log a, b/a, log Delta) as weights along and across the probe."""
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio = jnp.exp(x[0]), x[1]
    return Student(a * (c + s * ratio), a * (s - c * ratio), c, s)


def line_averages(
    x: Unknowns,
    problem: Problem,
    z: Float[Array, " k"],
    n: int,
    on_line: bool,
) -> Float[Array, "6 k"]:
    """p^2, -p' + u p/a, (v - u b/a) p, p, 1 and ln Phi, averaged over lines at z.

    The nodes are those of x, held fixed when x is differentiated.
    """
    c, s = problem.cos_theta, problem.sin_theta
    a, ratio, width = jnp.exp(x[0]), x[1], jnp.exp(x[2])
    fixed = jax.lax.stop_gradient((student(x, problem), width))
    shape = Shape((-3.0 * fixed[1], 2.0 * fixed[1]), fixed[1])

    def one(z: Float[Array, ""]) -> Float[Array, " 6"]:
        field, weight = field_nodes(z, fixed[0], shape, n, on_line)
        inside, across = field_measure(z, field, student(x, problem), on_line)
        inside, across = weight * inside, weight * across
        pull, slope, log_right = response(field / width)
        u, v = c * z * inside + s * across, s * z * inside - c * across
        pull = width * pull
        return jnp.stack(
            [
                jnp.sum(inside * pull * pull),
                jnp.sum(inside * slope + u * pull / a),
                jnp.sum((v - ratio * u) * pull),
                jnp.sum(inside * pull),
                jnp.sum(inside),
                jnp.sum(inside * log_right),
            ]
        )

    return jax.vmap(one, out_axes=1)(z)


def kept_averages(
    x: Unknowns,
    problem: Problem,
    n: tuple[int, int],
    on_line: bool,
    turn: Float[Array, ""] | float = 0.0,
) -> tuple[Float[Array, " 6"], Int[Array, ""]]:
    """The same over all kept examples, and the number of panels.

    The probe may be turned further off the teacher by an infinitesimal angle ``turn``.
    """
    c, s = problem.cos_theta, problem.sin_theta
    turned = problem._replace(cos_theta=c - s * turn, sin_theta=s + c * turn)
    at = student(x, problem)
    decay = jnp.sqrt(1.0 + jnp.exp(2.0 * x[2]))
    z, y = corner(problem)
    along, across = at.along / decay, at.across / decay
    weights = Weights(along, across, -along * z - across * y, (z, y))
    weights = jax.lax.stop_gradient(weights)

    def averages(lines: Any) -> tuple[Float[Array, " k"], ...]:
        return tuple(lines.weight * line_averages(x, turned, lines.z, n[1], on_line))

    sums, panels = over_kept(problem, weights, n[0], on_line, averages, 6)
    return jnp.stack(sums), panels


def _value(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> tuple[Float[Array, " 3"], Float[Array, ""], Int[Array, ""]]:
    """The equations at x, E[p] and the number of panels."""
    (square, force, turned, pull, *_), panels = kept_averages(x, problem, n, on_line)
    third = x[1] if on_line else turned / pull
    alpha = problem.alpha_prune
    value = jnp.stack([jnp.log(alpha * square), jnp.log(alpha * force), third])
    return value, pull, panels


def residual(
    x: Unknowns, problem: Problem, n: tuple[int, int], on_line: bool
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""], Int[Array, ""]]:
    """The equations at x as in :func:`.max_margin.residual`, Jacobian, E[p], panels."""

    def value(x: Unknowns):
        out = _value(x, problem, n, on_line)
        return out[0], out

    jacobian, (out, pull, panels) = jax.jacfwd(value, has_aux=True)(x)
    return out, jacobian, pull, panels


def beside(max_margin: Unknowns, problem: Problem, on_line: bool) -> Unknowns:
    """A start from the max-margin student's: a narrow version space, or a wide cone.

    Where it is wide compared with its distance from its centre (as rules leave it that
    keep large margins), r << sqrt V and with g = A/sqrt V, h = u + v b/a the entropy is
    -1/2 ln(1 + g^2 (1 + b^2/a^2)) + alpha E ln Phi(g h).  The better one is taken.
    """
    alpha, ratio = problem.alpha_prune, max_margin[1]
    # small load: alpha E[p^2] = 2 alpha Delta^2/pi = 1, labels without information
    # leave nothing at alpha = 2; large load: Delta = 1
    square = jnp.maximum(jnp.pi * (0.5 / alpha - 0.25), 0.5)
    narrow = max_margin.at[2].set(0.5 * jnp.log(square))
    u, v, share = kept_rows(problem)
    h, square = u + ratio * v, 1.0 + ratio * ratio

    def halve(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        g = jnp.exp(middle)
        gain = alpha * jnp.dot(share, h * response(g * h)[0])
        below = g * square / (1.0 + g * g * square) < gain
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    size = jnp.sqrt(square)
    ends = jnp.log(1e-4 / size), jnp.log(1e4 / size)
    log_g, _ = jax.lax.fori_loop(0, 20, halve, ends)
    pull = response(jnp.exp(log_g) * h)[0]
    wide = -0.5 * jnp.log(alpha * jnp.dot(share, pull * pull))
    starts = jnp.stack([narrow, jnp.stack([log_g + wide, ratio, wide])])
    misses = jax.vmap(lambda x: jnp.max(jnp.abs(_value(x, problem, ROUGH, on_line)[0])))
    miss = misses(starts)
    return starts[jnp.argmin(jnp.where(jnp.isnan(miss), jnp.inf, miss))]


def guess(problem: Problem, on_line: bool) -> Unknowns:
    """A start beside the max-margin student, roughly solved."""
    start = max_margin_guess(problem, on_line)
    rough = partial(max_margin, n=ROUGH, on_line=on_line)
    root = newton(start, problem, rough, 20, 1e-2)
    return beside(jnp.where(root.found, root.x, start), problem, on_line)


def _edges(
    x: Unknowns, problem: Problem, margin: str, n: int, on_line: bool
) -> Float[Array, "cells 2 6"]:
    """Averages over the examples that sit at each threshold."""
    ends = problem.pieces.ends
    lowest = 0.0 if on_line else -FARTHEST * problem.sin_theta
    z = jnp.clip(ends.ravel(), lowest, FARTHEST)
    values = line_averages(x, problem, z, n, on_line)
    if margin == "absolute" and not on_line:
        values = values + line_averages(x, problem, -z, n, on_line)
    elif not on_line:
        slope = problem.cos_theta / jnp.maximum(problem.sin_theta, 1e-150)
        values = values / cdf(jnp.clip(z * slope, -30.0, 30.0))
    return values.T.reshape(*ends.shape, 6)


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
    level = problem.pieces.level[: problem.pieces.ends.shape[0], None]
    edges = _edges(x, problem, margin, n[1], on_line)

    def kept(at):
        mean, _ = kept_averages(at[:3], problem, n, on_line, at[3])
        return mean, mean

    by, mean = jax.jacfwd(kept, has_aux=True)(jnp.append(x, 0.0))
    by_x, by_theta = by[:, :3], by[:, 3]
    by_fraction = jnp.zeros(6)
    if rate is not None:
        ends = rate.below[..., None] * edges
        total = jnp.sum(level * (ends[:, 1] - ends[:, 0]), axis=0)
        if rate.level is not None:
            pieces = problem.pieces._replace(level=jnp.tile(rate.level, 2))
            changing = problem._replace(pieces=pieces)
            total = total + f * kept_averages(x, changing, n, on_line)[0]
        by_fraction = (total - mean) / f  # the mass of the kept examples is f itself
    if on_line:  # even in theta: reflect T_perp
        by_theta = jnp.zeros(6)
    elif margin == "signed" and problem.keep is None:
        s = jnp.maximum(problem.sin_theta, 1e-150)
        far = jnp.clip(problem.pieces.ends / s, -40.0, 40.0)
        moved = jnp.exp(-0.5 * far**2)[..., None] / jnp.pi * edges
        by_theta = by_theta - jnp.sum(level * (moved[:, 1] - moved[:, 0]), axis=0) / f
    elif mass_rate is not None:
        by_theta = by_theta - mean * mass_rate / f
    # log P2, log force, turned/p, of which the last vanishes
    size = jnp.stack([mean[0], mean[1], mean[3]])

    def forced(by):
        column = by[:3] / size
        return column.at[2].set(0.0) if on_line else column

    columns = jnp.array([1.0, 1.0, 0.0]), forced(by_fraction), forced(by_theta)
    right = jnp.stack(columns, axis=1)
    moved = -jax.vmap(solve_3, (None, 1), 1)(root.jacobian, right)
    direct = jnp.stack([jnp.zeros(()), by_fraction[5], by_theta[5]])
    log_right = by_x[5] @ moved + direct
    b = jnp.exp(x[0]) * x[1]
    by_b = b * moved[0] + jnp.exp(x[0]) * moved[1]
    rates = jnp.stack([moved[0], by_b, moved[2], log_right])
    return jnp.stack([x[0], b, x[2], mean[5]]), rates
