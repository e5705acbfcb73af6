r"""The student's field at theta = 0: averages over an interval of margins.

Without a tilt the kept margins of a cell are u in (inner, outer), and M = a u + xi.
The other way round than in :mod:`.field`, u is integrated first: given M it is normal,

    phi(u) phi(M - a u) = phi(s M) phi((u - a s^2 M)/s),    s^2 = 1/(1 + a^2),

so that its moments between the ends are closed forms, and one integral over M is left.
Along M the weight falls off like exp(-E/2), a convex function with

    E = min_u [u^2 + (M - a u)^2] + max(M/cut, 0)^2.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.gaussian import density, mills_ratio
from ..numerics.quadrature import panels

DEPTH = 74.0  # the threshold shows errors of 1e-15
NARROW = 0.03  # in units of s: below, differences of closed forms lose digits
CLOSE = 0.8  # a cut below this is the narrowest scale, above it the noise is
GROWTH = 6.0  # of the panels towards it
FAR = 40.0  # no margins beyond


class Interval(NamedTuple):
    """Kept margins between ``inner`` and ``outer``."""

    inner: Float[Array, ""]
    outer: Float[Array, ""]


def aligned_breaks(
    interval: Interval, a: Float[Array, ""], cut: Float[Array, ""]
) -> Float[Array, " m"]:
    """Breaks in M of one interval; above 0 the response dies out within ``cut``."""
    inner, outer = interval.inner, jnp.minimum(interval.outer, FAR)
    near, far = a * inner, a * outer
    shrink = cut / jnp.sqrt(1.0 + cut * cut)

    def energy(field: Float[Array, " k"]) -> Float[Array, " k"]:
        u = jnp.clip(a * field / (1.0 + a * a), inner, outer)
        return u * u + (field - a * u) ** 2 + jnp.maximum(field / cut, 0.0) ** 2

    peak = near * shrink * shrink
    level = inner * inner + near * near / (1.0 + cut * cut) + DEPTH
    wrong = near - jnp.sqrt(level - inner * inner)
    bottom = jnp.where(wrong < 0, wrong, peak - jnp.sqrt(DEPTH) * shrink)
    inside = jnp.sqrt(level / (1.0 / (1.0 + a * a) + 1.0 / cut**2))
    rest = level - outer * outer - far * far / (1.0 + cut * cut)
    beyond = far * shrink * shrink + jnp.sqrt(jnp.maximum(rest, 0.0)) * shrink
    tops = jnp.stack([peak + jnp.sqrt(DEPTH) * shrink, inside, beyond])
    top = tops[jnp.argmin(jnp.abs(energy(tops) - level))]
    # below 0 a sharp response comes close to -M like 1/M: panels grow in proportion; a
    # wide one leaves the edges of the interval, smeared by the noise
    sharp = cut < CLOSE
    steps = -3.0 * GROWTH ** jnp.arange(9.0)[::-1] * cut
    steps = jnp.sort(jnp.append(steps, -3.5))
    middle = 0.5 * (near + far)
    apart = far > near + 14.0
    edges = jnp.stack(
        [
            near,
            jnp.where(apart, near + 7.0, middle),
            jnp.where(apart, far - 7.0, middle),
            far,
        ]
    )
    edges = jnp.where(far > near + 1.0, edges, near)
    edges = jnp.where(edges > top - 2.0, top, edges)
    wide = jnp.concatenate([jnp.full(7, bottom), edges])
    breaks = jnp.where(sharp, jnp.append(steps, 2.0 * cut), wide)
    ends = bottom[None], jnp.clip(breaks, bottom, top), top[None]
    return jnp.concatenate(ends)


def aligned_moments(
    field: Float[Array, " k"], interval: Interval, a: Float[Array, ""]
) -> tuple[Float[Array, " k"], Float[Array, " k"], Float[Array, " k"]]:
    """Density of M over the interval, times 1, u and u^2."""
    inner, outer = interval.inner, jnp.minimum(interval.outer, FAR)
    s = 1.0 / jnp.sqrt(1.0 + a * a)
    mean = a * s * s * field
    low, high = (inner - mean) / s, (outer - mean) / s
    at_low, at_high = density(low), density(high)
    # upper tails of the absolute values, so that the smaller masses are exact
    tail_low = at_low * mills_ratio(jnp.abs(low))
    tail_high = at_high * mills_ratio(jnp.abs(high))
    mass = jnp.where(
        low > 0,
        tail_low - tail_high,
        jnp.where(high < 0, tail_high - tail_low, 1.0 - tail_low - tail_high),
    )
    first = at_low - at_high
    second = mass + low * at_low - high * at_high
    front = s * density(s * field)
    wide = (
        front * mass,
        front * (mean * mass + s * first),
        front * (mean * mean * mass + 2.0 * s * mean * first + s * s * second),
    )
    u, weight = panels(jnp.stack([inner, outer]), 3)
    weight = weight * density(u) * density(field[:, None] - a * u)
    narrow = jnp.sum(weight, axis=1), weight @ u, weight @ (u * u)
    is_narrow = outer - inner < NARROW * s
    one, u, square = (
        jnp.where(is_narrow, x, y) for x, y in zip(narrow, wide, strict=True)
    )
    return one, u, square
