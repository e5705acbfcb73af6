r"""The best student there is: it knows the rule by which its examples were kept.

The teacher is a uniform unit vector, the student the mean of its posterior: no other
student has a smaller error.  The teacher is then a draw from the posterior like any
other (Nishimori), so that one order parameter is left.

theta = 0: the probe, which is the teacher, is hidden, or all would be told.  With q the
overlap of two posterior draws, V = 1 - q, and the two averages of :mod:`.hidden_probe`

    q = (2 alpha/f) E[D^2/Z],
    I = (2/f) E[<w ln w> - Z ln Z],    S = 1/2 [ln V + q] - alpha I,

error arccos(sqrt q)/pi.  S is the free entropy: the first equation is dS/dq = 0.
theta > 0: probe and angle are known, T = c P + s T'; the same with q' and V = 1 - q' of
T' and the averages of :mod:`.known_probe`; error atan2(s sqrt V, sqrt q)/pi with
q = c^2 + s^2 q'.

S, the entropy of the posterior per dimension (for rules that keep for certain the log
of the volume of teachers that agree with the data), adds ln s there, the volume at the
angle theta from the probe.  I = -dS/dalpha.

Where w is not log-concave S may have several maxima in q (of which the largest counts;
the student jumps between them as alpha grows): a scan of x = ln q/V brackets them all.
The scan is bounded by q/V >= alpha m^2, m the mean of the kept y T.x (or y T'.x), and
at theta = 0 by q/V <= alpha (q/V + M), M the mean of (T.x)^2: what example by example
is told of T.x lies between its mean and all of it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ...kept.problem import Problem
from ...kept.smoothing import Kept, intervals, seen, smoothed
from ...numerics.gaussian import SQRT_2PI, density
from ...rules.keep_probability import KeepProbability
from ...rules.rule import Rule
from . import hidden_probe, known_probe
from .hidden_probe import REACH

THIN = 0.5  # in units of sqrt V: a narrow interval
FLOOR = -35.0  # ln q' of a student that knows nothing but the probe, to rounding


class Case(NamedTuple):
    """One point: the kept margins, the load, f, and the angle (None: theta = 0)."""

    alpha: Float[Array, ""]
    fraction: Float[Array, ""]
    kept: Kept
    angle: known_probe.Angle | None


def case(problem: Problem, rule: Rule, on_line: bool) -> Case:
    """The problem of a rule as this student sees it."""
    low, high = intervals(problem.pieces)
    level = problem.pieces.level
    if isinstance(rule, KeepProbability):
        points = sorted({abs(b) for b in rule.breakpoints} | {0.0, float("inf")})
        ends = jnp.array(points)
        low, high = jnp.append(ends[:-1], -ends[1:]), jnp.append(ends[1:], -ends[:-1])
        level = jnp.ones(low.size)
    angle = (
        None if on_line else (problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150))
    )
    if on_line:
        n = level.size // 2
        low, high, level = low[:n], high[:n], level[:n]
    kept = Kept(low, high, level, problem.keep)
    return Case(problem.alpha_prune, problem.keep_fraction, kept, angle)


def averages(
    x: Float[Array, ""],
    at: Case,
    n: int,
    reach: float = REACH,
    on: Case | None = None,
) -> Float[Array, " k"]:
    """The two averages at x, and the one that tells how the first moves with q.

    On the nodes of ``on`` (itself), which stand still.  If one interval is kept at
    theta = 0 the three of :func:`.hidden_probe.spreads` follow.
    """
    on = at if on is None else on
    fixed, angle, ends = jax.lax.stop_gradient((x, on.angle, on.kept[:3]))
    kept = Kept(*ends, on.kept.keep)
    if at.angle is None:
        nodes = hidden_probe.nodes(fixed, kept, n, reach)
        found = hidden_probe.sums(x, at.kept, nodes)
        if not single(at):
            return found
        more = hidden_probe.spreads(x, at.kept, at.fraction, nodes)
        return jnp.concatenate([found, more])
    assert angle is not None
    h, width = known_probe.nodes(fixed, kept, angle, n)
    return known_probe.sums(x, at.kept, at.angle, h, width)


def single(at: Case) -> bool:
    """Whether the kept margins are one interval, at theta = 0."""
    return at.angle is None and at.kept.keep is None and at.kept.low.size == 1


def thin(x: Float[Array, ""], at: Case) -> Bool[Array, ""]:
    """Whether they are one that is narrow in units of sqrt V."""
    if not single(at):
        return jnp.zeros((), bool)
    return hidden_probe.width_of(x, at.kept) < THIN


def equation(
    x: Float[Array, ""], at: Case, sums: Float[Array, " k"]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """F = ln q - ln(2 alpha/f E), positive where S falls; dF/dx; S (without ln s)."""
    force, gain, more = sums[:3]
    scale = 2.0 * at.alpha / at.fraction
    log_q, log_v = -jnp.logaddexp(0.0, -x), -jnp.logaddexp(0.0, x)
    q = jax.nn.sigmoid(x)
    some = force > 0
    slope = 1.0 - q * jnp.where(some, more / jnp.where(some, force, 1.0), 0.0)
    entropy = 0.5 * (log_v + q) - scale * gain
    out = log_q - jnp.log(scale * force)
    if single(at):
        square, spread, spread_2 = sums[3:]
        excess = jnp.exp(log_v) * square - spread
        close = -jnp.log(at.alpha) - jnp.log1p(excess / q)
        close_slope = (excess + q * (2.0 * spread - spread_2)) / (q + excess)
        out = jnp.where(thin(x, at), close, out)
        slope = jnp.where(thin(x, at), close_slope, slope)
    return out, slope, entropy


def bounds(at: Case) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Bounds of x: see above; and q/sqrt V <= A for large loads."""
    zero, scale = jnp.zeros(1), 2.0 * at.alpha / at.fraction
    kept = at.kept
    if at.angle is None:
        whole = smoothed(kept, seen(kept, zero, jnp.ones(())))
        mean = whole.pull[0]
        # the mean square of the kept margins, and its rounding
        square = 2.0 / at.fraction * (whole.bend[0] + whole.mass[0]) + 1e-15
        ends = jnp.stack([kept.low, kept.high])
        ends = jnp.minimum(ends, 40.0)
        # |D/Z| is on average less than 2 + g beside an edge g
        most = jnp.sum(kept.level * density(ends) * (2.0 + ends))
        if kept.keep is not None:
            most = jnp.array(2.0 * kept.low.size)
        most = scale * most
    else:
        s = at.angle[1]
        mean = s / SQRT_2PI * smoothed(kept, seen(kept, zero, s)).mass[0]
        most, square = scale * s, None
    low = jnp.log(at.alpha) + 2.0 * jnp.log(2.0 * mean / at.fraction)
    high = jnp.maximum(jnp.log(8.0) + 2.0 * jnp.log(most), 1.0)
    if square is None:
        low = jnp.maximum(low, FLOOR - 5.0)
    else:
        spare = 1.0 - at.alpha
        linear = jnp.log(at.alpha * square / jnp.where(spare > 0, spare, 1.0))
        high = jnp.where(spare > 0, jnp.minimum(high, linear), high)
    return low - 0.01, high + 0.01
