"""How the best student moves with load, kept fraction and angle."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ...kept.problem import Problem
from ...kept.thresholds import FARTHEST, mass_by_angle
from ...numerics.gaussian import cdf
from ...rules.rule import Cells, Rule
from . import hidden_probe, known_probe
from .equations import Case, averages, case, equation
from .hidden_probe import REACH
from .search import FINE, Maximum, maximum

SMALLEST = 1e-290  # sin theta, whose inverse is a number, also times 1/sqrt(q')


def _by_ends(
    x: Float[Array, ""],
    at: Case,
    moved: Float[Array, "n 2"],
    ends: Float[Array, "n 2"],
    absolute: bool,
) -> Float[Array, " 2"]:
    """Derivative of the averages as ``moved`` mass of the pool passes below each end.

    Thresholds at infinity are taken at the largest margin below it: derivatives at
    f = 1 are those from below.
    """
    n = ends.shape[0]
    level = at.kept.level[:n, None]
    if at.angle is None:
        ends = jnp.where(moved != 0, jnp.minimum(ends, FARTHEST), ends)
        kept = at.kept._replace(low=ends[:, 0], high=ends[:, 1])
        z = jnp.minimum(ends.ravel(), FARTHEST)
        values = hidden_probe.at_edges(x, kept, z, FINE).reshape(2, n, 2)
        values = values.at[1].add(jnp.log(jnp.where(level > 0, level, 1.0)) - 1.0)
    else:
        c, s = at.angle
        z = jnp.clip(ends.ravel(), -FARTHEST * s, FARTHEST)
        values = known_probe.at_margins(x, at.angle, z, FINE)
        if absolute:
            values = values + known_probe.at_margins(x, at.angle, -z, FINE)
        else:
            values = values / cdf(jnp.clip(z * c / s, -30.0, 30.0))
        values = values.reshape(2, n, 2)
    sign = jnp.array([-0.5, 0.5])
    return jnp.sum(sign * level * moved * values, axis=(1, 2))


def _sensitivity(
    x: Float[Array, ""],
    at: Case,
    ends: Float[Array, "n 2"],
    rate: Cells | None,
    mass_rate: Float[Array, ""] | None,
    margin: str,
    mean: Float[Array, " 2"],
) -> Float[Array, "2 3"]:
    """Derivatives of the two averages over f with (log alpha_prune, f, theta).

    At fixed x; that of the first one with alpha is of its product with alpha.
    """
    absolute = margin == "absolute"
    by_load = jnp.stack([mean[0], jnp.zeros(())])
    by_fraction, by_theta = jnp.zeros(2), jnp.zeros(2)
    if rate is not None:
        by_fraction = _by_ends(x, at, rate.below, ends, absolute) - mean / at.fraction
        if rate.level is not None:

            def of_level(level):
                other = at._replace(kept=at.kept._replace(level=level))
                return averages(x, other, FINE, REACH, at)[:2]

            level = at.kept.level
            change = jnp.tile(rate.level, level.size // rate.level.size)
            by_fraction = by_fraction + jax.jvp(of_level, (level,), (change,))[1]
    if at.angle is not None:
        c, s = at.angle

        def of_angle(c, s):
            return averages(x, at._replace(angle=(c, s)), FINE, REACH, at)[:2]

        by_theta = jax.jvp(of_angle, (c, s), (-s, c))[1]
        if margin == "signed" and at.kept.keep is None:
            moved = -mass_by_angle(ends, s)
            by_theta = by_theta + _by_ends(x, at, moved, ends, absolute)
        elif mass_rate is not None:
            by_theta = by_theta - mean * mass_rate / at.fraction
    return jnp.stack([by_load, by_fraction, by_theta], axis=1)


def solved(
    problem: Problem,
    rule: Rule,
    rate: Cells | None,
    mass_rate: Float[Array, ""] | None,
    theta: Float[Array, ""],
    margin: str,
    on_line: bool,
    max_steps: int | Int[Array, ""],
) -> tuple[Maximum, Float[Array, " 4"], Float[Array, "4 3"]]:
    """(log a, b, log Delta, -I) and d/d(log alpha_prune, keep_fraction, theta).

    As those of :mod:`.version_space`, of the posterior and its centre: the centre is
    q T at theta = 0 and c P + s E[T'] else, in whose noise r = s sqrt(q' V) a = q/r,
    b = c sqrt(V/q') and Delta^2 = 1/q'.  ``rate`` and ``mass_rate`` as there.
    """
    at = case(problem, rule, on_line)
    # log-concave: one interval, or labels alone
    cells = problem.pieces.ends.shape[0]
    several = on_line and (cells > 1 or at.kept.keep is not None)
    top = maximum(at, several, max_steps)
    x = top.x
    means = averages(x, at, FINE)
    out, slope, _ = equation(x, at, means)
    top = top._replace(residual=jnp.where(top.blank, 0.0, jnp.abs(out)))
    force, gain = means[:2]
    ends = problem.pieces.ends
    by = _sensitivity(x, at, ends, rate, mass_rate, margin, means[:2])
    scale = 2.0 / at.fraction
    moved = jnp.where(top.blank, 0.0, by[0] / jnp.where(force > 0, force, 1.0) / slope)
    # dI/dx = -q E/f
    gain_rate = scale * (by[1] - 0.5 * jax.nn.sigmoid(x) * force * moved)
    gain = scale * gain
    inside, v = jax.nn.sigmoid(x), jax.nn.sigmoid(-x)
    log_delta, delta_rate = 0.5 * jnp.logaddexp(0.0, -x), -0.5 * v * moved
    if at.angle is None:
        log_a, b = 0.5 * x, jnp.zeros(())
        a_rate, b_rate = 0.5 * moved, jnp.zeros(3)
    else:
        # the error is in proportion to s, to the smallest angle
        c, s = at.angle[0], jnp.maximum(jnp.sin(theta), SMALLEST)
        turn = jnp.array([0.0, 0.0, 1.0])
        q = c * c + s * s * inside
        log_a = jnp.log(q / s) + log_delta + 0.5 * jnp.logaddexp(0.0, x)
        b = c * jnp.exp(-0.5 * x)
        a_rate = (s * s * inside * v * moved - 2.0 * c * s * v * turn) / q
        a_rate = a_rate - c / s * turn - 0.5 * (v - inside) * moved
        b_rate = -s * jnp.exp(-0.5 * x) * turn - 0.5 * b * moved
    value = jnp.stack([log_a, b, log_delta, -gain])
    return top, value, jnp.stack([a_rate, b_rate, delta_rate, -gain_rate])
