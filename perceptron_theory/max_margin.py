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
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .gaussian import density, slack_moments
from .quadrature import Nodes, Weights, line_piece, plane_piece
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


def kept_nodes(
    problem: Problem, student: Weights, n: tuple[int, int], on_line: bool
) -> Nodes:
    """Quadrature nodes of the kept examples, normalised to a kept fraction of one.

    ``on_line`` (theta = 0) needs one dimension only.
    """
    theta = problem.cos_theta, problem.sin_theta
    sign, inner, outer, level, _ = problem.pieces
    if on_line:
        half = level.shape[0] // 2
        lay = lambda *ends: line_piece(*ends, student, n[0])  # noqa: E731
        nodes = jax.vmap(lay)(inner[:half], outer[:half])
        level = level[:half]
    else:
        lay = lambda *piece: plane_piece(*piece, theta, student, n)  # noqa: E731
        nodes = jax.vmap(lay)(sign, inner, outer)
    scale = (level / problem.keep_fraction)[:, None]
    if problem.keep is not None:
        scale = scale * jax.vmap(problem.keep)(nodes.z)
    nodes = nodes._replace(weight=nodes.weight * scale)
    return jax.tree.map(jnp.ravel, nodes)


def integrands(x: Unknowns, problem: Problem, nodes: Nodes) -> Float[Array, "4 n"]:
    """G_2, G_0 + u G_1/a, (v - u b/a) G_1 and G_1 at each node."""
    student = weights(x, problem)
    z, y = nodes.from_corner
    zeroth, first, second = slack_moments(
        student.slack - student.along * z - student.across * y
    )
    force = nodes.u * first / jnp.exp(x[0])
    turn = (nodes.v - x[1] * nodes.u) * first
    return jnp.stack([second, zeroth + force, turn, first])


def residual(
    x: Unknowns, problem: Problem, nodes: Nodes
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"], Float[Array, ""]]:
    """The equations at x, zero at the saddle point, their Jacobian, and E[G_1].

    Logs keep them O(1) far away from it.  The last two equations are taken as
    a(1 - alpha E G_0) = alpha E[u G_1] and their ratio, E[(a v - b u) G_1] = 0 (the
    support vectors' mean lies along the student): it does not degenerate where
    alpha E[G_0] comes close to one.
    """
    c, s, alpha = problem.cos_theta, problem.sin_theta, problem.alpha_prune
    student = weights(x, problem)
    z, y = nodes.from_corner
    slack = student.slack - student.along * z - student.across * y
    zeroth, first, second = slack_moments(slack)
    a, ratio = jnp.exp(x[0]), x[1]
    u, turn = nodes.u / a, nodes.v - ratio * nodes.u
    # every average that is needed, with 1 and with dt/d(p, w, slack)
    of = [second, first, zeroth, density(slack)]
    of += [u * first, u * zeroth, turn * first, turn * zeroth]
    by = jnp.stack([-z, -y, jnp.ones_like(z)])
    sums = jnp.einsum("in,jn->ij", jnp.stack(of) * nodes.weight, by)
    g_2, g_1, g_0, _, u_g_1, _, turn_g_1, _ = sums[:, 2]
    force = g_0 + u_g_1
    by_weights = jnp.stack(
        [
            2.0 * sums[1] / g_2,
            (sums[3] + sums[5]) / force,
            (sums[7] - sums[2] * turn_g_1 / g_1) / g_1,
        ]
    )
    # p = a (c + s b/a) and w = a (s - c b/a)
    along, across = by_weights[:, 0], by_weights[:, 1]
    by_a = student.along * along + student.across * across
    by_a = by_a - jnp.stack([jnp.zeros(()), u_g_1 / force, jnp.zeros(())])
    by_ratio = a * (s * along - c * across)
    by_ratio = by_ratio - jnp.stack([jnp.zeros(()), jnp.zeros(()), a * u_g_1 / g_1])
    value = jnp.stack([jnp.log(alpha * g_2), jnp.log(alpha * force), turn_g_1 / g_1])
    return value, jnp.stack([by_a, by_ratio, by_weights[:, 2]], axis=1), g_1
