"""Where the search for the max-margin student begins."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ...kept.averages import kept_rows, over_kept, summed
from ...kept.nodes import Points
from ...kept.problem import Problem, blank_student, corner
from ...numerics.gaussian import SQRT_2PI, cdf, density
from .equations import Unknowns


class _Mean(NamedTuple):
    u: Float[Array, "*k"]
    mass: Float[Array, "*k"]


def _means(
    problem: Problem, on_line: bool
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """E[u] and E[v] of the kept examples."""
    if on_line:

        def of_u(points: Points) -> _Mean:
            return summed(_Mean(points.weight * points.z, points.weight))

        flat = blank_student(problem)
        mean, _ = over_kept(problem, flat, 0, on_line, of_u, None)
        return mean.u / mean.mass, jnp.zeros(())
    u, v, share = kept_rows(problem)
    return jnp.dot(u, share), jnp.dot(v, share)


def guess(problem: Problem, on_line: bool) -> Unknowns:
    """A start from the limits of small and large load and of the threshold.

    With m = E u the mean teacher margin kept, X = a m is taken from
    X (1 - alpha/2) + X^3/(3 (1 + c X)) = m^2 sqrt(alpha), which has the right form
    below, at and above alpha = 2 and, by the choice of c, for alpha -> inf.
    """
    pieces, alpha = problem.pieces, problem.alpha_prune
    z, _ = corner(problem)
    s = jnp.maximum(problem.sin_theta, 1e-150)
    mean_u, mean_v = _means(problem, on_line)
    # kept part of the examples near the boundary that limits a at large load
    half = pieces.level.shape[0] // 2
    kept = (pieces.level > 0) & (pieces.outer > pieces.inner)
    first = jnp.argmin(jnp.where(kept, pieces.inner, jnp.inf)[:half])
    edge = pieces.level[first] * density(z) * SQRT_2PI
    near = edge
    if not on_line:
        near = pieces.level * (cdf(-pieces.inner / s) - cdf(-pieces.outer / s))
        near = jnp.maximum(jnp.sum(near), jnp.where(z > 0, edge, 0.0))
    bend = 0.424 * near / problem.keep_fraction * mean_u
    source = mean_u**2 * jnp.sqrt(alpha)

    def bisect(_, ends):
        low, high = ends
        middle = 0.5 * (low + high)
        big = jnp.exp(middle)
        value = big * (1 - alpha / 2) + big**3 / 3 / (1 + bend * big) - source
        below = value < 0
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    ends = jnp.log(source) - 3.0, jnp.log(1e3 + alpha * (1 + 100 * bend))
    low, high = lax.fori_loop(0, 13, bisect, ends)
    big = jnp.exp(0.5 * (low + high))
    ratio = mean_v / mean_u
    wide = alpha * (problem.keep_fraction / s) ** 2
    ratio = jnp.where(z == 0, ratio / (1.0 + wide), ratio)
    light = jnp.sqrt(jnp.maximum(1 / alpha - 0.8, 0.04))
    light = light + jnp.where(z > 0.3, 0.0, 0.5 * big)
    slack = jnp.where(alpha < 0.8, light, 0.6 * big / (big + 0.3))
    return jnp.stack([jnp.log(big / mean_u), 0.0 if on_line else ratio, slack])
