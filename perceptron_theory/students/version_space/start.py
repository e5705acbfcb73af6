"""Where the search for a student of the version space begins.

The max-margin student is close to it, or to its direction; how wide the version space
is about that follows from two limits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ...kept.averages import kept_rows
from ...kept.problem import Problem
from ...numerics.newtons_method import newton
from ..max_margin.equations import blank
from ..max_margin.equations import residual as max_margin
from ..max_margin.start import guess as max_margin_guess
from ..path import CHART, Unknowns
from .equations import residual, response

ROUGH = (6, 10)  # nodes to find a start


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
    ends = jnp.log(1e-3 / size), jnp.log(1e3 / size)
    log_g, _ = jax.lax.fori_loop(0, 7, halve, ends)
    pull = response(jnp.exp(log_g) * h)[0]
    wide = -0.5 * jnp.log(alpha * jnp.dot(share, pull * pull))
    starts = jnp.stack([narrow, jnp.stack([log_g + wide, ratio, wide])])
    misses = jax.vmap(
        lambda x: jnp.max(jnp.abs(residual(x, problem, ROUGH, on_line).value))
    )
    miss = misses(starts)
    return starts[jnp.argmin(jnp.where(jnp.isnan(miss), jnp.inf, miss))]


def guess(
    problem: Problem, on_line: bool, needed: bool | Bool[Array, ""] = True
) -> Unknowns:
    """A start beside the max-margin student's, which is roughly solved at theta > 0."""
    start = max_margin_guess(problem, on_line)
    if not on_line:
        rough = lambda x: max_margin(x, problem, ROUGH, on_line)  # noqa: E731
        most = jnp.where(needed, 20, 0)
        root = newton(start, rough, blank(), CHART, most, 1e-2)
        start = jnp.where(root.found, root.x, start)
    return beside(start, problem, on_line)
