r"""What a student learns from the rule when the probe is the teacher (theta = 0).

The student is told the rule, not the probe.  Under a teacher J an example of label y is
kept with probability w(y J.x), w(m) = q(m) for m > 0 and 0 below.  Of J.x the posterior
knows the mean omega ~ N(0, q) up to the variance V = 1 - q, so that the chance of what
it sees (folded to y = +1) is

    Z(omega) = Int dm N(m; omega, V) w(m).

In units of sqrt V, h = omega/sqrt V ~ N(0, q/V), with D = sqrt V dZ/domega, the two
averages that :mod:`.bayes_optimal` needs are

    E_h[D^2/Z],     E_h[<w ln w> - Z ln Z].

N(h; 0, q/V) phi(g/sqrt V - h) = sqrt V phi(g) N(h; q g/sqrt V, q): what an edge g of
the kept margins contributes lies within a few sqrt q of h = q g/sqrt V.  As Z obeys
the heat equation, dZ/dq = -1/2 d^2Z/domega^2, the first moves with q by
d/dq E[D^2/Z]/V = E[Z (d^2/dh^2 ln Z)^2]/V^2.

Of a single interval that is narrow in units of sqrt V nearly everything cancels in the
equations.  With t = y J.x/sqrt V, D/Z is E[t|h] - h and h - t = -V t + sqrt(q) xi, so
that over the kept examples, m their margin y T.x,

    (2/f) E[D^2/Z] = q + delta,    delta = V E[m^2] - E[Var(t|h)],

whose terms are all small and positive (checked: against E[D^2/Z] at moderate widths).
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ...kept.smoothing import Kept, Seen, Smoothed, smoothed
from ...numerics.gaussian import density
from ...numerics.quadrature import panels
from ...rules.keep_probability import KNOTS

REACH = 8.7  # standard deviations: exp(-REACH^2/2) = 4e-17
LEAST = 1e-290  # Z below this is taken for zero
ACROSS = 12  # nodes across a narrow interval


def increasing(points: list[Float[Array, ""]]) -> Float[Array, " k"]:
    """The points in order; by minima and maxima if few, which XLA fuses."""
    if len(points) > 24:
        return jnp.sort(jnp.stack(points))
    points = list(points)
    for last in range(len(points) - 1, 0, -1):
        for i in range(last):
            low, high = points[i], points[i + 1]
            points[i], points[i + 1] = jnp.minimum(low, high), jnp.maximum(low, high)
    return jnp.stack(points)


class Nodes(NamedTuple):
    """h = q edge/sqrt V + ``off``: next to an edge h is too coarse in float64."""

    edge: Float[Array, " k"]
    off: Float[Array, " k"]
    width: Float[Array, " k"]


def _scales(x: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Sqrt q and sqrt V at x = ln q/V."""
    return jnp.exp(-0.5 * jnp.logaddexp(0.0, -x)), jnp.exp(-0.5 * jnp.logaddexp(0.0, x))


def nodes(x: Float[Array, ""], kept: Kept, n: int, reach: float = REACH) -> Nodes:
    """Nodes and weights in h, n in a panel."""
    root, spread = _scales(x)
    scale, reach_h = root * root / spread, reach * root
    ends = jnp.stack([kept.low, kept.high], axis=1).ravel()
    last = jnp.max(jnp.where(jnp.isfinite(ends), ends, 0.0))
    ends = jnp.minimum(ends, last)
    if kept.keep is not None:  # responds everywhere, not only at its edges
        top = scale * 8.5 + reach_h
        points = [scale * knot for knot in KNOTS]
        for end in ends:
            points += [scale * end + k * reach_h for k in (-1.0, -0.5, 0.0, 0.5, 1.0)]
        points = [jnp.clip(point, -reach_h, top) for point in points]
        h, width = panels(increasing(points), n)
        return Nodes(jnp.zeros_like(h), h, width)
    # panels to each side of an edge, that reach at most half way to the next one
    half_way = 0.5 * scale * jnp.diff(ends)
    left = -jnp.minimum(reach_h, jnp.append(jnp.inf, half_way))
    right = jnp.minimum(reach_h, jnp.append(half_way, jnp.inf))
    steps = [left, jnp.zeros_like(left), right]
    if ends.size > 2:  # from one level to another: the more abrupt, the further out
        inner = 0.5 * reach_h
        steps[1:1] = [jnp.maximum(left, -inner)]
        steps[3:3] = [jnp.minimum(right, inner)]
    off, width = panels(jnp.stack(steps, axis=-1), n)
    edge = jnp.broadcast_to(ends[:, None], off.shape)
    return Nodes(edge.ravel(), off.ravel(), width.ravel())


def _smoothed(
    kept: Kept, edge: Float[Array, " k"], off: Float[Array, " k"], x: Float[Array, ""]
) -> Smoothed:
    """Z and what belongs to it at h = q edge/sqrt V + off."""
    root, spread = _scales(x)
    from_edge = spread * edge - off
    low, high = (
        (jnp.minimum(end, 1e3)[:, None] - edge) / spread + from_edge
        for end in (kept.low, kept.high)
    )
    mean = root * root * edge + spread * off
    return smoothed(kept, Seen(low, high, mean, spread))


def sums(x: Float[Array, ""], kept: Kept, at: Nodes) -> Float[Array, " 3"]:
    """The two averages, and that of Z (d^2/dh^2 ln Z)^2."""
    root, spread = _scales(x)
    narrow = spread / root
    measure = at.width * narrow * density(root * at.edge + narrow * at.off)
    mass, pull, bend, log_mean = _smoothed(kept, at.edge, at.off, x)
    some = mass > LEAST
    safe = jnp.where(some, mass, 1.0)
    score = jnp.where(some, pull, 0.0) / safe
    bent = jnp.where(some, bend, 0.0) / safe - score * score
    return jnp.stack(
        [
            measure @ (mass * score * score),
            measure @ (log_mean - mass * jnp.log(safe)),
            measure @ (mass * bent * bent),
        ]
    )


def spreads(
    x: Float[Array, ""], kept: Kept, fraction: Float[Array, ""], at: Nodes
) -> Float[Array, " 3"]:
    """E[m^2], E[Var(t|h)] and E[Var^2] over the kept examples, of one narrow interval.

    Where no differences are taken: by nodes across the interval.
    """
    root, spread = _scales(x)
    unit, share = panels(jnp.array([0.0, 1.0]), ACROSS)
    low, size = kept.low[0], width_of(x, kept) * spread
    m = low + size * unit
    square = size * jnp.sum(share * density(m) * m * m)
    narrow = spread / root
    measure = at.width * narrow * density(root * at.edge + narrow * at.off)
    mass = _smoothed(kept, at.edge, at.off, x).mass
    d = size / spread
    begin = (low - at.edge) / spread + spread * at.edge - at.off
    t = d * unit
    chance = share * jnp.exp(-t * (begin[:, None] + 0.5 * t))
    chance = chance / jnp.sum(chance, axis=1, keepdims=True)
    mean = jnp.sum(chance * t, axis=1, keepdims=True)
    variance = jnp.sum(chance * (t - mean) ** 2, axis=1)
    level, scale = kept.level[0], 2.0 / fraction
    whole = scale * measure * mass
    return jnp.stack(
        [scale * level * square, whole @ variance, whole @ (variance * variance)]
    )


def width_of(x: Float[Array, ""], kept: Kept) -> Float[Array, ""]:
    """The width of the first interval in units of sqrt V, at most 1."""
    _, spread = _scales(x)
    return jnp.minimum((kept.high[0] - kept.low[0]) / spread, 1.0)


def at_edges(
    x: Float[Array, ""], kept: Kept, edges: Float[Array, " e"], n: int
) -> Float[Array, "2 e"]:
    """Averages over h at margins g, for the derivative of the two in the ends g.

    If w moves by L delta(m - g) dg, they move by L phi(g) dg times 2 (D/Z) t - (D/Z)^2,
    t = g/sqrt V - h, and times ln(L/Z) - 1 if an interval of level L ends there; here
    without the last ln L - 1.
    """
    root, spread = _scales(x)
    points, width = panels(REACH * jnp.array([-1.0, 0.0, 1.0]), n)
    weight = width * density(points)
    shape = edges.size, points.size
    edge = jnp.broadcast_to(edges[:, None], shape)
    off = jnp.broadcast_to(root * points, shape)
    seen = _smoothed(kept, edge.ravel(), off.ravel(), x)
    mass, pull = seen.mass.reshape(shape), seen.pull.reshape(shape)
    some = mass > LEAST
    mass = jnp.where(some, mass, 1.0)
    score = jnp.where(some, pull, 0.0) / mass
    away = spread * edge - off
    return jnp.stack([(2.0 * away - score) * score, -jnp.log(mass)]) @ weight
