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

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..numerics.gaussian import SQRT_2PI, cdf, density
from ..rules.rule import Cells, KeepProbability, Rule
from ..rules.thresholds import FARTHEST
from . import hidden_probe, known_probe
from .hidden_probe import REACH
from .max_margin import Problem
from .newton import Root
from .smoothing import Kept, intervals, seen, smoothed

FINE, COARSE = 20, 6  # nodes a panel
NEAR = 5.0  # and its reach in standard deviations, for the scan
GRID = {True: 14, False: 72}  # points of the scan: one maximum, perhaps several
MAXIMA = 4  # ... that are refined, at most
FLOOR = -35.0  # ln q' of a student that knows nothing but the probe, to rounding
PATIENCE = 30  # steps, after which a maximum that is not found is none
TOLERANCE = 1e-10  # in x, after the last Newton step


class Case(NamedTuple):
    """One point: the kept margins, the load, f, and the angle (None: theta = 0)."""

    alpha: Float[Array, ""]
    fraction: Float[Array, ""]
    kept: Kept
    angle: known_probe.Angle | None


class Maximum(NamedTuple):
    """A stationary point x of S, the slope of the equation there, residual, steps."""

    x: Float[Array, ""]
    slope: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]
    blank: Bool[Array, ""]  # nothing is learnt beyond what the probe says

    def as_root(self) -> Root:
        """The same in the form the other students' roots have."""
        none, zero = jnp.zeros(()), jnp.zeros((), int)
        x = jnp.stack([self.x, none, self.x])
        matrix = jnp.zeros((3, 3))
        return Root(x, matrix, none, zero, self.residual, self.steps, self.found)


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
) -> Float[Array, " 3"]:
    """The two averages at x, and the one that tells how the first moves with q.

    On the nodes of ``on`` (itself), which stand still.
    """
    on = at if on is None else on
    fixed, angle, ends = jax.lax.stop_gradient((x, on.angle, on.kept[:3]))
    kept = Kept(*ends, on.kept.keep)
    if at.angle is None:
        nodes = hidden_probe.nodes(fixed, kept, n, reach)
        return hidden_probe.sums(x, at.kept, nodes)
    assert angle is not None
    h, width = known_probe.nodes(fixed, kept, angle, n)
    return known_probe.sums(x, at.kept, at.angle, h, width)


def _equation(
    x: Float[Array, ""], at: Case, sums: Float[Array, " 3"]
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """F = ln q - ln(2 alpha/f E), positive where S falls; dF/dx; S (without ln s)."""
    force, gain, more = sums
    scale = 2.0 * at.alpha / at.fraction
    log_q, log_v = -jnp.logaddexp(0.0, -x), -jnp.logaddexp(0.0, x)
    q = jax.nn.sigmoid(x)
    some = force > 0
    slope = 1.0 - q * jnp.where(some, more / jnp.where(some, force, 1.0), 0.0)
    entropy = 0.5 * (log_v + q) - scale * gain
    return log_q - jnp.log(scale * force), slope, entropy


def _range(at: Case) -> tuple[Float[Array, ""], Float[Array, ""]]:
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


def _refine(
    x: Float[Array, ""],
    low: Float[Array, ""],
    high: Float[Array, ""],
    at: Case,
    max_steps: int | Int[Array, ""],
) -> Maximum:
    """Newton's method from x, kept within a bracket that shrinks."""

    def body(state):
        x, low, high, before, _, _, steps, _ = state
        out, slope, _ = _equation(x, at, averages(x, at, FINE))
        low, high = jnp.where(out < 0, x, low), jnp.where(out < 0, high, x)
        step = -out / slope
        new, size = x + step, jnp.abs(step)
        inside = (slope > 0) & (new > low) & (new < high)
        # the next step, had the last two been quadratic
        close = inside & (size * (size / before) ** 2 < TOLERANCE) & (size < 1e-4)
        # where a rounding of F moves the root by more than the bracket is wide
        flat = (slope > 0) & (jnp.abs(out) < 1e-14)
        new = jnp.where(inside, new, jnp.where(flat, x, 0.5 * (low + high)))
        before = jnp.where(inside, size, 1e-2)
        return new, low, high, before, slope, out, steps + 1, close | flat

    nothing = jnp.full((), jnp.nan)
    none = jnp.zeros((), int), jnp.zeros((), bool)
    state = x, low, high, jnp.array(1e-3), nothing, nothing, *none
    go_on = lambda s: (s[6] < max_steps) & ~s[7]  # noqa: E731
    x, *_, slope, out, steps, found = jax.lax.while_loop(go_on, body, state)
    return Maximum(x, slope, jnp.abs(out), steps, found, jnp.zeros((), bool))


def scan(
    at: Case, n_grid: int
) -> tuple[Float[Array, " m"], Float[Array, " m"], Float[Array, " m"]]:
    """Points x, and F and S there, roughly."""
    low, high = _range(at)
    grid = low + (high - low) * jnp.linspace(0.0, 1.0, n_grid)

    def one(x):
        out, _, entropy = _equation(x, at, averages(x, at, COARSE, NEAR))
        return out, entropy

    return grid, *jax.vmap(one)(grid)


def maximum(at: Case, several: bool, max_steps: int | Int[Array, ""]) -> Maximum:
    """The largest maximum of S."""
    grid, out, entropy = scan(at, GRID[not several])
    out = out.at[-1].set(jnp.maximum(out[-1], 1e-30))  # it lies within the bounds
    below = out < 0
    bottom = ~below[0] & (grid[0] < FLOOR) & (at.angle is not None)
    below = below.at[0].set(True)
    rises = below[:-1] & ~below[1:]
    share = out[:-1] / (out[:-1] - out[1:])
    share = jnp.where(jnp.isfinite(share), jnp.clip(share, 0.0, 1.0), 0.5)
    starts = grid[:-1] + share * jnp.diff(grid)
    best = jnp.where(rises, jnp.maximum(entropy[:-1], entropy[1:]), -jnp.inf)

    def candidate(j):
        """Refined between the minima of S to both sides."""
        falls = ~below[:-1] & below[1:]
        index = jnp.arange(falls.size)
        low = jnp.max(jnp.where(falls & (index < j), grid[:-1], grid[0]))
        high = jnp.min(jnp.where(falls & (index > j), grid[1:], grid[-1]))
        return _refine(starts[j], low, high, at, jnp.where(bottom, 0, max_steps))

    if not several:
        top = candidate(jnp.argmax(best))
    else:
        order = jnp.argsort(-best)[:MAXIMA]
        count = jnp.minimum(jnp.sum(rises), MAXIMA)

        def body(state):
            i, top, height, steps, every = state
            new = candidate(order[i])
            tall = _equation(new.x, at, averages(new.x, at, FINE))[2]
            tall = jnp.where(new.found, tall, -jnp.inf)
            higher = (i == 0) | (tall > height)
            top = jax.tree.map(partial(jnp.where, higher), new, top)
            tall = jnp.where(higher, tall, height)
            return i + 1, top, tall, steps + new.steps, every & new.found

        zero, none = jnp.zeros((), int), jnp.full((), jnp.nan)
        no, yes = jnp.zeros((), bool), jnp.ones((), bool)
        first = Maximum(none, none, none, zero, no, no)
        state = (zero, first, none, zero, yes)
        out = jax.lax.while_loop(lambda s: s[0] < count, body, state)
        _, top, _, steps, every = out
        # one that still moves may be the largest, unless it never comes to rest
        found = top.found & (every | (max_steps >= PATIENCE))
        top = top._replace(steps=steps, found=found)
    zero, yes = jnp.zeros(()), jnp.ones((), bool)
    nothing = Maximum(grid[0], jnp.ones(()), zero, top.steps, yes, yes)
    return jax.tree.map(partial(jnp.where, bottom), nothing, top)


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
            # the mass below a margin g changes at the rate exp(-g^2/(2 s^2))/pi
            moved = -jnp.exp(-0.5 * jnp.clip(ends / s, -40.0, 40.0) ** 2) / jnp.pi
            by_theta = by_theta + _by_ends(x, at, moved, ends, absolute)
        elif mass_rate is not None:
            by_theta = by_theta - mean * mass_rate / at.fraction
    return jnp.stack([by_load, by_fraction, by_theta], axis=1)


def solved(
    problem: Problem,
    rule: Rule,
    rate: Cells | None,
    mass_rate: Float[Array, ""] | None,
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
    out, slope, _ = _equation(x, at, means)
    top = top._replace(residual=jnp.where(top.blank, 0.0, jnp.abs(out)))
    force, gain, _ = means
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
        c, s = at.angle
        turn = jnp.array([0.0, 0.0, 1.0])
        q = c * c + s * s * inside
        log_a = jnp.log(q / s) + log_delta + 0.5 * jnp.logaddexp(0.0, x)
        b = c * jnp.exp(-0.5 * x)
        a_rate = (s * s * inside * v * moved - 2.0 * c * s * v * turn) / q
        a_rate = a_rate - c / s * turn - 0.5 * (v - inside) * moved
        b_rate = -s * jnp.exp(-0.5 * x) * turn - 0.5 * b * moved
    value = jnp.stack([log_a, b, log_delta, -gain])
    return top, value, jnp.stack([a_rate, b_rate, delta_rate, -gain_rate])
