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
the kept margins contributes lies within a few sqrt q of h = q g/sqrt V.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from .gaussian import density
from .quadrature import panels
from .rules import KNOTS
from .smoothing import Kept, smoothed

REACH = 8.7  # standard deviations: exp(-REACH^2/2) = 4e-17
LEAST = 1e-290  # Z below this is taken for zero


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


def nodes(
    x: Float[Array, ""], kept: Kept, n: int, reach: float = REACH
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Nodes and weights in h at x = ln q/V, n in a panel."""
    q, spread = jnp.exp(-jnp.logaddexp(0.0, -x)), jnp.exp(-0.5 * jnp.logaddexp(0.0, x))
    scale, reach_h = q / spread, reach * jnp.sqrt(q)
    ends = jnp.stack([kept.low, kept.high], axis=1).ravel()
    last = jnp.max(jnp.where(jnp.isfinite(ends), ends, 0.0))
    edges = scale * jnp.minimum(ends, last)
    if kept.keep is not None:  # responds everywhere, not only at its edges
        top = scale * 8.5 + reach_h
        points = [scale * knot for knot in KNOTS]
        for edge in edges:
            points += [edge - reach_h, edge, edge + reach_h]
        return panels(increasing([jnp.clip(p, -reach_h, top) for p in points]), n)
    # a panel to each side of an edge, that reaches at most half way to the next one
    half_way = 0.5 * (edges[1:] + edges[:-1])
    left = jnp.maximum(edges - reach_h, jnp.append(-jnp.inf, half_way))
    right = jnp.minimum(edges + reach_h, jnp.append(half_way, jnp.inf))
    points, weights = panels(jnp.stack([left, edges, right], axis=-1), n)
    return points.ravel(), weights.ravel()


def sums(
    x: Float[Array, ""], kept: Kept, h: Float[Array, " k"], width: Float[Array, " k"]
) -> Float[Array, " 2"]:
    """The two averages, on given nodes."""
    spread, narrow = jnp.exp(-0.5 * jnp.logaddexp(0.0, x)), jnp.exp(-0.5 * x)
    measure = width * narrow * density(narrow * h)
    mass, pull, log_mean = smoothed(kept, spread * h, spread)
    some = mass > LEAST
    safe = jnp.where(some, mass, 1.0)
    square = jnp.where(some, pull * pull / safe, 0.0)
    return jnp.stack([measure @ square, measure @ (log_mean - xlogy(mass, safe))])


def at_edges(
    x: Float[Array, ""], kept: Kept, edges: Float[Array, " e"], n: int
) -> Float[Array, "2 e"]:
    """Averages over h at margins g, for the derivative of the two in the ends g.

    If w moves by L delta(m - g) dg, they move by L phi(g) dg times 2 (D/Z) t - (D/Z)^2,
    t = g/sqrt V - h, and times ln(L/Z) - 1 if an interval of level L ends there; here
    without the last ln L - 1.
    """
    q, spread = jnp.exp(-jnp.logaddexp(0.0, -x)), jnp.exp(-0.5 * jnp.logaddexp(0.0, x))
    points, width = panels(REACH * jnp.array([-1.0, 0.0, 1.0]), n)
    weight = width * density(points)
    shift = jnp.sqrt(q) * points
    h = (q / spread) * edges[:, None] + shift
    away = spread * edges[:, None] - shift
    mass, pull, _ = (
        y.reshape(h.shape) for y in smoothed(kept, (spread * h).ravel(), spread)
    )
    some = mass > LEAST
    mass = jnp.where(some, mass, 1.0)
    score = jnp.where(some, pull, 0.0) / mass
    return jnp.stack([(2.0 * away - score) * score, -jnp.log(mass)]) @ weight
